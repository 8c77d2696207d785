"""The author's `authenticate`: the forms of a user that it may return, and what it may raise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.web.calls import UNKNOWN
from tests.web.guarding import guarded, refusal, told

pytestmark = pytest.mark.edge

FORMS = '''
import asyncio
import dataclasses
import types
from typing import Any

from langgraph_sdk import Auth
from pydantic import BaseModel
from starlette.authentication import BaseUser, SimpleUser
from starlette.exceptions import HTTPException

auth = Auth()

class Named(SimpleUser):
    """Starlette's own, which has an identity in newer versions only."""
    @property
    def identity(self): return self.username

@dataclasses.dataclass
class Data:
    identity: str = "ana"
    permissions: tuple[str, ...] = ("read",)
    token: str = "t"

class Model(BaseModel):
    identity: str = "ana"
    permissions: list[str] = ["read"]
    token: str = "t"

class Own(BaseUser):
    """Without an `identity`, which Starlette does not need."""
    is_authenticated = True
    display_name = "Ana"

class Full(Own):
    identity, token = "ana", "t"

class Wrong(BaseModel):
    identity: str = "ana"
    def model_dump(self, **options):
        raise ValueError("a secret")

def plain_object():
    return types.SimpleNamespace(identity="ana", permissions=["read"], display_name="Ana", is_authenticated=True)

def raising(error):
    raise error

FORMS = {
    "text": lambda: "ana",
    "dict": lambda: {"identity": "ana", "permissions": ["read"], "token": "t"},
    "named": lambda: {"identity": "ana", "display_name": "Ana", "is_authenticated": True, "permissions": "read"},
    "object": plain_object,
    "dataclass": Data,
    "model": Model,
    "starlette": lambda: Named("ana"),
    "subclass": Full,
    "odd values": lambda: {"identity": "ana", "client": object(), "raw": b"x", "numbers": {1}},
    "none": lambda: None,
    "number": lambda: 5,
    "empty": lambda: "",
    "nul": lambda: "a\\0",
    "no identity": lambda: {"permissions": []},
    "odd identity": lambda: {"identity": 5},
    "half a user": Own,
    "odd permissions": lambda: {"identity": "ana", "permissions": 5},
    "odd model": Wrong,
    "assertion": lambda: raising(AssertionError("Send a token")),
    "bare assertion": lambda: raising(AssertionError()),
    "sdk": lambda: raising(Auth.exceptions.HTTPException(402, "Pay first", headers={"X-Price": "5"})),
    "sdk 401": lambda: raising(Auth.exceptions.HTTPException(401, "Who?", headers={"WWW-Authenticate": "Digest"})),
    "starlette 403": lambda: raising(HTTPException(403, "Not you", headers={"X-Why": "age"})),
    "bug": lambda: raising(KeyError("a secret")),
    "exit": lambda: raising(SystemExit("a secret")),
    "cancelled": lambda: raising(asyncio.CancelledError("a secret")),
}

@auth.authenticate
KIND authenticate(headers):
    return FORMS[headers[b"x-form"].decode()]()
'''
USER = {"identity": "ana", "display_name": "ana", "is_authenticated": True, "permissions": []}
READER: dict[str, Any] = {**USER, "permissions": ["read"]}
FAILED = "A handler of the configuration's auth failed; the log of the server says why."
BODY = {"assistant_id": "agent", "input": {}}


@pytest.fixture(scope="module", params=["async def", "def"])
def forms(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server whose handler does what the header `x-form` says."""
    with guarded(tmp_path_factory.mktemp("forms"), FORMS.replace("KIND", request.param)) as http:
        yield http


@pytest.mark.parametrize(
    ("form", "user"),
    [
        ("text", USER),
        ("dict", {**READER, "token": "t"}),
        ("named", {**READER, "display_name": "Ana"}),
        ("object", {**READER, "display_name": "Ana"}),
        ("dataclass", {**READER, "token": "t"}),
        ("model", {**READER, "token": "t"}),
        ("starlette", USER),
        ("subclass", {**USER, "display_name": "Ana"}),
    ],
)
def test_every_form_of_a_user_reaches_the_graph(forms: httpx.Client, form: str, user: Any) -> None:
    said = told(forms, {"x-form": form})
    assert (said["user"], said["id"], said["permissions"]) == (user, "ana", user["permissions"])


def test_a_user_may_have_values_that_json_does_not_know(forms: httpx.Client) -> None:
    assert told(forms, {"x-form": "odd values"})["user"]["numbers"] == [1]


@pytest.mark.parametrize("form", ["none", "number", "empty", "nul", "no identity", "odd identity", "half a user"])
def test_who_is_nobody_is_not_authenticated(forms: httpx.Client, form: str) -> None:
    response = forms.post("/runs/wait", json=BODY, headers={"x-form": form})
    assert refusal(response) == (401, "The request is not authenticated")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("form", "said", "headers"),
    [
        ("assertion", (401, "Send a token"), {"www-authenticate": "Bearer"}),
        ("bare assertion", (401, "The request was refused"), {"www-authenticate": "Bearer"}),
        ("sdk", (402, "Pay first"), {"x-price": "5"}),
        ("sdk 401", (401, "Who?"), {"www-authenticate": "Digest"}),
        ("starlette 403", (403, "Not you"), {"x-why": "age"}),
    ],
)
def test_the_handler_refuses_with_words_of_its_own(
    forms: httpx.Client, form: str, said: Any, headers: dict[str, str]
) -> None:
    response = forms.get(f"/threads/{UNKNOWN}", headers={"x-form": form})
    assert refusal(response) == said
    assert headers.items() <= dict(response.headers).items()


@pytest.mark.parametrize("form", ["bug", "unknown form", "odd permissions", "odd model", "exit", "cancelled"])
def test_a_handler_that_fails_lets_nobody_pass_and_says_nothing_of_why(forms: httpx.Client, form: str) -> None:
    response = forms.post("/runs/wait", json=BODY, headers={"x-form": form})
    assert refusal(response) == (500, FAILED)
    assert told(forms, {"x-form": "text"})["id"] == "ana"  # and the server goes on
