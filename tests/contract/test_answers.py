"""Our checks of single answers."""

from __future__ import annotations

import pytest

from tests.contract import answers
from tests.contract.document import assistant_id
from treadle.conformance.answers import links, verify_error, verify_link

RUN = "01a1fcc4-be40-7503-a98b-f479b877e3b9"
SERVED = ["/runs", "/runs/{run_id}", "/runs/{run_id}/stream"]


def test_an_error_has_a_detail_and_nothing_else() -> None:
    verify_error(422, b'{"detail":"webhook: it is not carried out"}')


@pytest.mark.parametrize(
    "content",
    [b"Internal Server Error", b'{"error":"x"}', b'{"detail":""}', b'{"detail":[1]}', b'{"detail":"x","y":1}', b"null"],
)
def test_any_other_error_is_seen(content: bytes) -> None:
    with pytest.raises(AssertionError):
        verify_error(500, content)


def test_answers_are_json_or_streams() -> None:
    answers.verify_media_type("application/json", b"{}")
    answers.verify_media_type("text/event-stream; charset=utf-8", b"")
    answers.verify_media_type(None, b"")
    for content_type in ("text/plain", "application/json; charset=utf-8", None):
        with pytest.raises(AssertionError):
            answers.verify_media_type(content_type, b"x")


def test_browsers_get_whole_pages() -> None:
    whole = b"<!doctype html>\n<html></html>\n"
    answers.verify_page(answers.PAGE, whole)
    for content_type, content in (("application/json", whole), (None, whole), (answers.PAGE, whole[:-9])):
        with pytest.raises(AssertionError):
            answers.verify_page(content_type, content)


def test_locations_are_followed_where_they_are_served() -> None:
    stream = {"content-location": f"/runs/{RUN}", "location": f"/runs/{RUN}/stream"}
    assert links(stream, SERVED) == [
        ("content-location", f"/runs/{RUN}"),
        ("location", f"/runs/{RUN}/stream"),
        ("location", f"/runs/{RUN}"),
    ]
    wait = {"content-location": f"/threads/t/runs/{RUN}", "location": None}
    assert links(wait, SERVED) == [("content-location", f"/runs/{RUN}")]
    under_thread = [*SERVED, "/threads/{thread_id}/runs/{run_id}"]
    assert links(wait, under_thread)[0] == ("content-location", f"/threads/t/runs/{RUN}")


def test_only_the_place_under_a_deleted_thread_may_be_gone() -> None:
    verify_link("location", f"/runs/{RUN}", 200, kept=False)
    verify_link("location", f"/threads/t/runs/{RUN}", 404, kept=False)
    for path, kept in (
        (f"/runs/{RUN}", False),
        (f"/threads/t/runs/{RUN}", True),
        (f"/threads/t/runs/{RUN}/join", False),
    ):
        with pytest.raises(AssertionError):
            verify_link("location", path, 404, kept=kept)


def test_the_runs_of_a_batch_are_those_that_were_asked_for() -> None:
    asked = [{"assistant_id": name} for name in ("agent", RUN)]
    runs = [{"assistant_id": name} for name in (assistant_id("agent"), RUN)]
    answers.verify_batch(asked, runs)
    for wrong in (runs[:1], [*runs, runs[0]], runs[::-1]):
        with pytest.raises(AssertionError):
            answers.verify_batch(asked, wrong)


def test_who_has_no_key_is_told_how_to_send_one() -> None:
    told, refusal = {"www-authenticate": "ApiKey"}, b'{"detail":"no key"}'
    answers.verify_challenge(401, told, refusal)
    for wrong in ((200, told, refusal), (401, {}, refusal), (401, told, b"no key")):
        with pytest.raises(AssertionError):
            answers.verify_challenge(*wrong)
