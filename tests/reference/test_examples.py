"""The examples of the reference: the captured ones are what the server answers, and the code of the page works."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

import treadle_api.operations as op
from tests.live import EXAMPLES, serving
from tests.reference.__main__ import FILE
from tests.reference.exchanges import ADDRESS, TOO_LONG, captured, masked, sent
from tests.reference.scenario import Json, Request
from tests.reference.snippets import RUNNERS, Snippets, adapted, learn, missing

pytestmark = pytest.mark.edge
KEPT: list[Json] = json.loads(FILE.read_text("utf-8"))


def comparable(exchange: Json) -> Any:
    """An exchange without what is another one each time; nodes that run side by side may end in any order."""
    events = exchange["answer"].get("events")
    answer = exchange["answer"] if events is None else {"events": sorted(events, key=json.dumps)}
    return masked({**exchange, "answer": answer})


def test_the_captured_examples_are_what_the_server_answers_today() -> None:
    """If not, and if it is meant so: `python -m tests.reference && make generate`."""
    now = captured()
    assert [each["operation"] for each in now] == [each["operation"] for each in KEPT]
    for kept, fresh in zip(KEPT, now, strict=True):
        assert comparable(fresh) == comparable(kept), kept["operation"]


def test_each_operation_has_an_example() -> None:
    assert {each["operation"] for each in KEPT if "for" not in each} == {operation.name for operation in op.ALL}


def test_each_example_of_the_document_runs() -> None:
    """Those that the contract has beside the schemas of bodies."""
    found = 0
    with serving(EXAMPLES, database_uri="memory://") as live, live.client() as http:
        for path, item in http.get("/openapi.json").json()["paths"].items():
            for method, operation in item.items():
                media = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
                for name, example in media.get("examples", {}).items():
                    answer = http.request(method, path, json=example["value"])
                    assert answer.is_success, (path, name, answer.text)
                    assert '"__error__"' not in answer.text
                    assert "event: error" not in answer.text
                    found += 1
    assert found


def replay(language: str, url: str, http: httpx.Client) -> None:
    """Run the snippets in the order in which they were captured, each with the ids that are known by then."""
    run, _ = RUNNERS[language]
    snippets, known = Snippets().found, dict[str, str]()
    for exchange in KEPT:
        operation, answer = exchange["operation"], exchange["answer"]
        if "for" in exchange:
            given = json.loads(adapted(json.dumps(exchange["request"]), known, ADDRESS))
            answered: Any = {"body": sent(http, operation, Request(**given)).json()}
        else:
            answered = run(adapted(snippets[operation, language], known, url))
        if answered is None:
            continue
        if operation not in TOO_LONG and language != "Python":
            answered = json.loads(json.dumps(answered).replace(url, ADDRESS))
            shown = comparable({"answer": {**answered, "status": answer["status"]}})
            assert shown == comparable({"answer": answer}), operation
        learn(known, answer, answered)


@pytest.mark.parametrize("language", RUNNERS)
def test_the_snippets_of_the_page_work(language: str) -> None:
    if reason := missing(language):
        pytest.skip(reason)
    with serving(EXAMPLES, database_uri="memory://") as live, live.client() as http:
        replay(language, live.url, http)
