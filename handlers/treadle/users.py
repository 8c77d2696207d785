"""The user that an author's `authenticate` handler found behind a request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

PUBLIC: Final = ("identity", "display_name", "is_authenticated", "permissions")
"""What clients see of a user. Anything else may be a secret, such as a token for another service."""
Json = dict[str, Any]


class User(Mapping[str, Any]):
    """A user as handlers and graphs see it: by key and by attribute, as `langgraph_sdk.auth.types.BaseUser` has it."""

    def __init__(self, fields: Mapping[str, Any], source: Any = None) -> None:
        """`source`: the author's own object, for attributes that are not among the fields."""
        identity = fields["identity"]
        self._fields: Json = {
            "identity": identity,
            "display_name": identity,
            "is_authenticated": True,
            "permissions": [],
            **fields,
        }
        self._source = source

    @property
    def identity(self) -> str:
        """The id of the user. Each user has a different one."""
        return str(self._fields["identity"])

    @property
    def display_name(self) -> str:
        """The name for people."""
        return str(self._fields["display_name"])

    @property
    def is_authenticated(self) -> bool:
        """Whether the author's handler says so."""
        return bool(self._fields["is_authenticated"])

    @property
    def permissions(self) -> Sequence[str]:
        """What the author's handler lets the user do."""
        return list(self._fields["permissions"])

    def __getitem__(self, key: str) -> Any:
        return self._fields[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # before __init__, as copies have it
            raise AttributeError(name)
        return self._fields[name] if name in self._fields else getattr(self._source, name)

    def __repr__(self) -> str:
        return f"<User {self.identity}>"

    def model_dump(self) -> Json:
        """What may leave the server."""
        return public(self._fields)


def public(fields: Json) -> Json:
    """The fields of a stored user that clients may see."""
    return {key: fields[key] for key in PUBLIC if key in fields}


def user_keys(user: User | None) -> Json:
    """The keys of `configurable` by which graphs know the user."""
    return {
        "langgraph_auth_user": user,
        "langgraph_auth_user_id": "" if user is None else user.identity,
        "langgraph_auth_permissions": [] if user is None else list(user.permissions),
    }
