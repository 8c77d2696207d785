"""`runs.map`: many runs, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from treadle_client import NotJSON, RunFailed, Treadle, UnprocessableEntityError
from treadle_client.many import Outcome


def test_outcomes_come_as_runs_end_or_in_order(client: Treadle) -> None:
    inputs = [{"seconds": seconds} for seconds in (0.4, 0.0, 0.2)]
    as_they_come = [outcome.index for outcome in client.runs.map("slow", inputs)]
    assert as_they_come[0] == 1
    assert sorted(as_they_come) == [0, 1, 2]
    in_order = list(client.runs.map("slow", inputs, ordered=True))
    assert [outcome.index for outcome in in_order] == [0, 1, 2]
    assert [outcome.input for outcome in in_order] == inputs
    assert all(outcome.result()["done"] for outcome in in_order)
    assert [client.runs.get(str(outcome.run_id)).status for outcome in in_order] == ["success"] * 3


def test_a_failure_is_an_outcome_and_the_others_go_on(client: Treadle) -> None:
    outcomes = list(client.runs.map("failing", [{"foo": "value"}, {"foo": "key"}], ordered=True))
    assert [type(outcome.error) for outcome in outcomes] == [RunFailed, RunFailed]
    with pytest.raises(RunFailed, match="ValueError: boom"):
        outcomes[0].result()
    [refused] = client.runs.map("nope", [{}])
    assert isinstance(refused.error, UnprocessableEntityError)


def test_fields_go_to_each_run(client: Treadle) -> None:
    [outcome] = client.runs.map("contextual", [{}], context={"user": "ana"})
    assert outcome.output["foo"]["user"] == "ana"
    with pytest.raises(TypeError, match="onput"):
        list(client.runs.map("simple", [{}], onput=1))  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="each run gets one of its own"):
        client.runs.map("simple", [{}], idempotency_key="one")  # type: ignore[call-arg]


def test_no_more_than_so_many_at_a_time_and_none_after_the_loop_is_left(client: Treadle) -> None:
    taken: list[int] = []

    def inputs() -> Iterator[dict[str, float]]:
        for number in range(1000):
            taken.append(number)
            yield {"seconds": 0.0}

    seen: list[Outcome] = []
    outcomes = client.runs.map("slow", inputs(), concurrency=3)
    for outcome in outcomes:
        seen.append(outcome)
        assert len(taken) <= len(seen) + 3
        if len(seen) == 10:
            break
    outcomes.close()
    assert len(taken) <= 13


ORDERED = pytest.mark.parametrize("ordered", [False, True])


@ORDERED
@pytest.mark.parametrize(
    "odd", [object(), float("nan"), "\ud800", {1: object()}], ids=["object", "nan", "half", "inner"]
)
def test_an_input_that_cannot_be_sent_is_an_outcome_with_an_error(client: Treadle, odd: object, ordered: bool) -> None:
    inputs = [{"foo": 1}, {"foo": odd}, {"foo": 2}]
    outcomes = sorted(client.runs.map("simple", inputs, ordered=ordered), key=lambda outcome: outcome.index)
    assert [type(outcome.error) for outcome in outcomes] == [type(None), NotJSON, type(None)]
    assert [outcome.run_id is None for outcome in outcomes] == [False, True, False]
    with pytest.raises(TypeError):
        outcomes[1].result()


@ORDERED
@pytest.mark.parametrize("concurrency", [1, 2, 20])
def test_what_reading_the_inputs_raises_comes_after_the_outcomes(
    client: Treadle, ordered: bool, concurrency: int
) -> None:
    def inputs() -> Iterator[dict[str, float]]:
        yield {"seconds": 0.2}
        yield {"seconds": 0.0}
        raise OSError("the disk is gone")

    seen: list[int] = []
    with pytest.raises(OSError, match="the disk is gone"):
        seen.extend(
            outcome.index
            for outcome in client.runs.map("slow", inputs(), ordered=ordered, concurrency=concurrency)
            if outcome.error is None
        )
    assert (seen if ordered else sorted(seen)) == [0, 1]


@pytest.mark.parametrize("concurrency", [0, -1])
def test_at_least_one_at_a_time(client: Treadle, concurrency: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        client.runs.map("simple", [{}], concurrency=concurrency)
    assert list(client.runs.map("simple", [])) == []
