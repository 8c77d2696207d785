"""Filters that the author's handlers return: what a user may see, by its metadata."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.web.calls import accepted
from tests.web.guarding import guarded, refusal
from tests.web.owning import RUN

FILTERING = """
from langgraph_sdk import Auth

auth = Auth()

@auth.authenticate
async def authenticate(headers):
    return {"identity": "ana", "answer": headers.get(b"x-answer", b"None").decode()}

@auth.on
async def answer(ctx, value):
    return eval(ctx.user["answer"])
"""
METADATA = {"owner": "ana", "groups": ["a", "b"], "number": 1, "flag": True}
FAILED = (500, "A handler of the configuration's auth failed; the log of the server says why.")


def answering(answer: Any) -> dict[str, str]:
    """The headers that say what the handler answers."""
    return {"x-answer": repr(answer)}


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server whose handler answers what the header `x-answer` says."""
    with guarded(tmp_path_factory.mktemp("filtering"), FILTERING) as client:
        yield client


@pytest.fixture(scope="module")
def paths(http: httpx.Client) -> list[str]:
    """The paths of a thread, a run and an assistant that have the metadata."""
    thread = accepted(http.post("/threads", json={"metadata": METADATA})).json()
    run = accepted(http.post("/runs", json={**RUN, "metadata": METADATA, "on_completion": "keep"})).json()
    assistant = accepted(http.post("/assistants", json={"graph_id": "agent", "metadata": METADATA})).json()
    accepted(http.get(f"/runs/{run['run_id']}/join"))
    return [
        f"/threads/{thread['thread_id']}",
        f"/runs/{run['run_id']}",
        f"/threads/{run['thread_id']}/state",
        f"/assistants/{assistant['assistant_id']}",
    ]


FITTING: list[Any] = [
    None,
    True,
    {},
    {"owner": "ana"},
    {"owner": {"$eq": "ana"}},
    {"number": 1, "owner": "ana"},
    {"groups": {"$contains": "a"}},
    {"groups": {"$contains": ["b", "a"]}},
    {"groups": {"$contains": []}},
    {"groups": ["a", "b"]},
    {"groups": {"$contains": "b"}, "owner": {"$eq": "ana"}, "flag": True},
]
OTHERS: list[Any] = [
    {"owner": "ben"},
    {"owner": {"$eq": "ben"}},
    {"owner": "ana", "number": 2},
    {"groups": {"$contains": "c"}},
    {"groups": {"$contains": ["a", "c"]}},
    {"owner": {"$contains": "a"}},  # a text is no list
    {"groups": ["b", "a"]},
    {"team": "x"},
    {"team": None},
    {"flag": 1},
    {"number": True},
]
MALFORMED: list[Any] = [
    {"owner": {"$ne": "ben"}},
    {"owner": {"$eq": "ana", "$contains": "a"}},
    {"owner": {}},
    {"owner": {"name": "ana"}},
    {"$or": [{"owner": "ana"}]},
    "owner",
    "",
    0,
    [],
    [("owner", "ana")],
]


@pytest.mark.parametrize(("answer", "fits"), [*((each, True) for each in FITTING), *((each, False) for each in OTHERS)])
def test_a_filter_shows_what_has_all_of_it(http: httpx.Client, paths: list[str], answer: Any, fits: bool) -> None:
    headers = answering(answer)
    assert {http.get(path, headers=headers).status_code for path in paths} == {200 if fits else 404}
    narrow = {"metadata": METADATA}
    assert accepted(http.post("/assistants/count", json=narrow, headers=headers)).json() == fits
    assert len(accepted(http.post("/assistants/search", json=narrow, headers=headers)).json()) == fits


@pytest.mark.parametrize("answer", MALFORMED)
def test_what_is_no_filter_shows_nothing(http: httpx.Client, paths: list[str], answer: Any) -> None:
    headers = answering(answer)
    for path in paths:
        assert refusal(http.get(path, headers=headers)) == FAILED
    for path in ("/assistants/search", "/assistants/count", "/store/items/search"):
        assert refusal(http.post(path, json={}, headers=headers)) == FAILED
    thread_id = "0192f8a0-0000-7000-8000-000000000001"
    assert refusal(http.post("/threads", json={"thread_id": thread_id}, headers=headers)) == FAILED
    assert refusal(http.post("/runs", json=RUN, headers=headers)) == FAILED
    assert http.get(f"/threads/{thread_id}").status_code == 404


def test_a_filter_for_the_store_is_a_fault(http: httpx.Client) -> None:
    assert refusal(http.get("/store/items?namespace=a&key=k", headers=answering({"owner": "ana"}))) == FAILED
    assert accepted(http.get("/store/items?namespace=a&key=k", headers=answering(True))).json() is None
