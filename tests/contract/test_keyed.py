"""Equal requests share a key; different requests do not."""

from __future__ import annotations

import pytest

from tests.contract.keyed import LONGEST, is_key, own_key


def test_only_equal_requests_have_a_key_in_common() -> None:
    body = {"assistant_id": "a", "input": {"x": 1, "y": None}}
    key = own_key("0", "/runs", body)
    assert own_key("0", "/runs", {"input": {"y": None, "x": 1}, "assistant_id": "a"}) == key
    others = [("1", "/runs", body), ("0", "/runs/wait", body), ("0", "/runs", {**body, "input": 1})]
    assert len({key, *(own_key(*other) for other in others)}) == 4


@pytest.mark.parametrize("key", ["0", "x" * LONGEST, "x" * 222 + " y"])
def test_it_stays_a_key(key: str) -> None:
    assert len(own_key(key, "/runs", [])) <= LONGEST


def test_what_is_no_key_stays_as_it_is() -> None:
    assert is_key("0") and is_key(" x ") and is_key("x" * LONGEST)
    assert not any(map(is_key, ("", " ", "\n", "é", "x" * (LONGEST + 1), 5, None)))
