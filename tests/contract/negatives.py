"""Which of the requests that Schemathesis takes for invalid are valid after all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jsonschema_rs import is_valid as fits
from schemathesis.core.mutations import Mutation

# What says that a name is missing, or is one too many.
NAMES = frozenset({"required", "additionalProperties"})


def is_valid(mutations: Sequence[Mutation], query: Mapping[str, Any], schemas: Mapping[str, Any]) -> bool:
    """Whether nothing is wrong with the query after all, or with `Authorization`, which no operation reads.

    To break `required` or `additionalProperties` of a query, Schemathesis may add a parameter and leave out none. What
    breaks a parameter's schema may keep it on the wire. `schemas` are those of the query's parameters.
    """
    return bool(mutations) and all(_breaks_nothing(mutation, query, schemas) for mutation in mutations)


def _breaks_nothing(mutation: Mutation, query: Mapping[str, Any], schemas: Mapping[str, Any]) -> bool:
    location, name = mutation.parameter_location.value, mutation.parameter
    if location == "header":
        return name == "Authorization"
    if location != "query" or name is None or name not in query:
        return False
    if NAMES.issuperset(mutation.keywords):
        return True
    sent = _as_sent(query[name])
    return bool(sent) and name in schemas and fits(schemas[name], sent)


def _as_sent(value: Any) -> Any:
    """A value of a query as it goes over the wire: an object is sent as its keys, and all of it is text."""
    return [str(each) for each in value] if isinstance(value, Mapping | list) else str(value)
