"""Values that JSON does not have, in the form that the official server gives them."""

from __future__ import annotations

import httpx

from tests.web.calls import wait


def test_odd_values_have_the_recorded_forms(http: httpx.Client) -> None:
    response = http.post("/runs/wait", json={"assistant_id": "odd", "input": {"foo": 1}})
    assert response.text == (
        '{"foo":{"datetime":"2026-01-02T03:04:05+00:00","timedelta":1.5,"pydantic":{"when":"2026-01-02"},'
        '"dataclass":{"size":3},"set":[1],"bytes":"AAE=","decimal":1.5,"path":"/a","nan":null,'
        '"big":1180591620717411303424,"surrogate":"?","object":null,"1":"int key","null":"null key"},"items":[]}'
    )


def test_more_odd_values_have_the_recorded_forms(http: httpx.Client) -> None:
    foo = wait(http, "odder", {"foo": 1})["foo"]
    message = foo.pop("message")
    assert (message["type"], message["content"], message["id"]) == ("ai", "hi", "m")
    assert foo == {
        "date": "2026-01-02",
        "time": "03:04:05",
        "frozenset": [1],
        "deque": [1, 2],
        "tuple": [1, 2],
        "bytearray": "AAE=",
        "uuid": "00000000-0000-0000-0000-000000000001",
        "ip": "127.0.0.1",
        "enum": "red",
        "pattern": "a+",
        "zone": "Europe/Berlin",
        "exception": {"error": "ValueError", "message": "boom"},
        "infinity": None,
        "whole": 2.0,
        "complex": None,
        "function": None,
        "class": None,
        "generator": None,
        "memoryview": None,
        "true": "true key",
    }
