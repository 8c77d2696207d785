"""What a caller may set per run, by the request's `context`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class TriageSettings(BaseModel):
    """A Pydantic model, so that a wrong value fails the run with a message that names it."""

    model_config = ConfigDict(frozen=True)

    own_domain: Annotated[str, StringConstraints(to_lower=True, min_length=1)] = Field(
        default="company.com", description="Mail from this domain comes from a colleague."
    )
    escalate_above: float = Field(default=0.8, ge=0, le=1, description="Urgency from which a person is called at once.")
