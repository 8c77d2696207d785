"""What can go wrong, named by what failed; the docstring of a class is its default message."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


class TreadleError(Exception):
    """Something failed inside Treadle."""

    status = 500
    """HTTP status with which the web edge answers it."""
    headers: Mapping[str, str] = MappingProxyType({})
    """Headers of that answer."""

    def __init__(self, message: str | None = None, *, gist: str | None = None) -> None:
        """`gist` is what logs say instead of a message that quotes what a client sent, or what a graph said."""
        super().__init__(message or (type(self).__doc__ or "").strip())
        self.gist = gist


class ConfigError(TreadleError):
    """The configuration cannot be used."""


class GraphError(ConfigError):
    """A graph named in the configuration cannot be loaded."""


class InvalidRequest(TreadleError):
    """The request is not valid."""

    status = 422


class ContradictoryRequest(TreadleError):
    """The request is valid by its schema, and still cannot be carried out."""

    status = 400


class BodyTooLarge(TreadleError):
    """The request body is too large."""

    status = 413


class AssistantNotFound(TreadleError):
    """There is no such assistant."""

    status = 404


class AssistantConflict(TreadleError):
    """The assistant cannot be created, or not be deleted."""

    status = 409


class AssistantsFull(TreadleError):
    """As many assistants are kept as may be (MAX_ASSISTANTS); delete some first."""

    status = 409


class NotAllowed(TreadleError):
    """The configuration's auth does not let the request be carried out."""


class Refused(NotAllowed):
    """The author's own handlers refuse the request, with a status and headers of theirs."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        # The text is the author's, and may quote the client.
        super().__init__(message, gist=f"refused by a handler of auth with {status}")
        self.status = status
        # A 401 says how to authenticate.
        self.headers = {**({"www-authenticate": "Bearer"} if status == 401 else {}), **(headers or {})}


class Forbidden(NotAllowed):
    """The user may not do this."""

    status = 403


class HandlerFailed(NotAllowed):
    """A handler of the configuration's auth failed; the log of the server says why."""


class RunNotFound(TreadleError):
    """There is no such run, or its outcome is no longer kept."""

    status = 404


class FeedbackForbidden(TreadleError):
    """The link for feedback is not valid."""

    status = 403


class FeedbackFull(TreadleError):
    """As much feedback as is kept of a run under one key, 100 entries, has been given already."""

    status = 409


class ThreadNotFound(TreadleError):
    """There is no such thread."""

    status = 404


class CheckpointNotFound(TreadleError):
    """The thread has no such checkpoint."""

    status = 404


class StateUnreadable(TreadleError):
    """The state of the thread cannot be read."""


class StateInvalid(StateUnreadable):
    """The state of the thread does not fit the schema of its graph."""

    status = 400


class GraphUnreadable(TreadleError):
    """The graph of the assistant cannot be made."""


class ThreadConflict(TreadleError):
    """There is a thread with this id already."""

    status = 409


class KeyReused(TreadleError):
    """Idempotency-Key: another request has this key; a repeated one has the same operation, body and key."""

    status = 409


class OutcomeGone(TreadleError):
    """Idempotency-Key: what the first request with this key created is no longer kept."""

    status = 409


class AttemptsExhausted(TreadleError, RuntimeError):
    """The run was begun again and again, and its process ended each time."""


class StorageUnavailable(TreadleError):
    """The run store cannot be read or written."""

    status = 503


class CheckpointsUnavailable(StorageUnavailable):
    """The checkpoints of kept runs are out of reach for now."""


class EncryptionFailed(StorageUnavailable, RuntimeError):
    """Data cannot be encrypted or decrypted; the log of the server says why."""

    status = 500


class EmbeddingFailed(TreadleError):
    """The texts of an item or of a query cannot be embedded."""


class QueueFull(TreadleError):
    """As many runs wait as may."""

    status = 503


class NamesBusy(TreadleError):
    """So many names of hosts are being looked up that this one cannot be now; try again later."""

    status = 503


class ShuttingDown(TreadleError):
    """The server is shutting down and takes no new runs."""

    status = 503


class LeaseLost(TreadleError):
    """The run is no longer held under this claim."""
