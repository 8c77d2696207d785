"""Links for feedback in a browser: a page that asks, one that thanks, and one that says why not."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from sqlite3 import connect

import httpx
import pytest

from tests.live import serving
from tests.web.calls import Json, accepted, create, ended
from tests.web.html_pages import BROWSER, FORM, Browser, HtmlPage, page
from tests.web.test_feedback import BOTH, ODD, entries, shows, url
from treadle.feedback.book import MOST

pytestmark = pytest.mark.edge

NASTY = [
    "</legend><script>alert(1)</script>",
    '\' onmouseover="x" &amp; &lt;',
    "אחת שתיים",
    "👍🏽 ok\u202e",
    "$title ${x} $",
]


@pytest.fixture
def rated(http: httpx.Client) -> Json:
    """A run that has ended, with a link for `helpful`."""
    return dict(ended(http, create(http, "simple", {"foo": 1}, feedback_keys=["helpful"])["run_id"]))


@pytest.fixture
def browser(http: httpx.Client) -> Browser:
    return Browser(http)


@shows("give_feedback_by_link", "200")
def test_a_link_that_is_opened_asks_and_records_nothing(http: httpx.Client, rated: Json, browser: Browser) -> None:
    shown = browser.open(url(rated))
    assert (shown.status, shown.text("h1"), shown.text("legend")) == (200, "Your feedback", "helpful")
    assert shown.fields == {"score": ["true", "false"], "comment": []}
    assert browser.open(f"{url(rated)}?utm_source=mail").fields == shown.fields
    assert entries(http, rated) == []


@shows("give_feedback", "303")
def test_what_is_chosen_and_written_is_recorded_once(http: httpx.Client, rated: Json, browser: Browser) -> None:
    browser.open(url(rated))
    thanks = browser.submit(score="true", comment="well\nsaid ☃")
    assert (thanks.status, thanks.text("h1")) == (200, "Thank you")
    assert thanks.said == {"helpful": "Yes", "Comment": "well\nsaid ☃"}
    assert thanks.fields == {}
    assert browser.reload().said == thanks.said
    assert entries(http, rated) == [{"score": True, "value": None, "comment": "well\nsaid ☃"}]


@shows("give_feedback_by_link", "303 score=false")
def test_a_link_with_a_score_records_it_once_and_asks_for_a_comment(
    http: httpx.Client, rated: Json, browser: Browser
) -> None:
    thanks = browser.open(f"{url(rated)}?score=false")
    assert thanks.said == {"helpful": "No"}
    assert (browser.reload().said, thanks.fields) == (thanks.said, {"comment": []})
    assert browser.submit(comment="too long").said == {"Comment": "too long"}
    nothing = {"score": None, "value": None, "comment": None}
    assert entries(http, rated) == [{**nothing, "score": False}, {**nothing, "comment": "too long"}]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("score=1", {"helpful": "1"}),
        ("score=-0.25", {"helpful": "-0.25"}),
        ("value=blue", {"helpful": "blue"}),
        ("score=true&value=%3Cb%3E", {"helpful": "Yes, <b>"}),
        ("comment=%3Cscript%3Ealert%281%29%3C%2Fscript%3E%00", {"Comment": "<script>alert(1)</script>\ufffd"}),
    ],
)
def test_the_page_says_what_was_recorded(rated: Json, browser: Browser, query: str, said: Json) -> None:
    assert browser.open(f"{url(rated)}?{query}").said == said


@pytest.mark.parametrize("key", [key for key in ODD if key] + NASTY)
def test_any_text_is_shown_as_it_is(http: httpx.Client, browser: Browser, key: str) -> None:
    run = ended(http, create(http, "simple", {"foo": 1}, feedback_keys=[key])["run_id"])
    shown = browser.open(url(run, key))
    assert shown.texts["bdi"] == [key]
    assert shown.all("script") == []
    assert list(browser.submit(score="true").said) == [key]


@pytest.mark.parametrize("key", ["", "  "])
def test_a_key_with_nothing_to_show_is_a_question(http: httpx.Client, browser: Browser, key: str) -> None:
    run = ended(http, create(http, "simple", {"foo": 1}, feedback_keys=[key])["run_id"])
    assert browser.open(url(run, key)).text("legend") == "Was this helpful?"


def answers(http: httpx.Client, run: Json) -> list[httpx.Response]:
    """A page of each kind, with the redirect to one."""
    link, headers = url(run), {"accept": BROWSER}
    sent = [
        http.get(link, headers=headers),
        http.post(link, data={"score": "true"}, headers=headers),
        http.post(link, data={}, headers=headers),
        http.get(f"{link}x", headers=headers),
    ]
    sent.append(http.get(link + sent[1].headers["location"], headers=headers))
    assert [each.status_code for each in sent] == [200, 303, 422, 403, 200]
    return sent


def test_pages_load_nothing_and_run_nothing(http: httpx.Client, rated: Json) -> None:
    for response in answers(http, rated):
        shown = HtmlPage(response)
        digest = b64encode(sha256(shown.texts["style"][0].encode()).digest()).decode()
        assert response.headers["content-security-policy"] == (
            f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; frame-ancestors 'none'; "
            "base-uri 'none'"
        )
        assert {tag for tag, _ in shown.tags} & {"script", "link", "img", "iframe", "base", "a"} == set()
        names = {name for _, attributes in shown.tags for name in attributes}
        assert [name for name in names if name in ("src", "href", "style") or name.startswith("on")] == []
        assert re.findall(r"url\(|@import|https?:", response.text) == []


def test_pages_can_be_used_by_everybody(http: httpx.Client, rated: Json) -> None:
    for response in answers(http, rated):
        shown = HtmlPage(response)
        assert shown.all("html") == [{"lang": "en"}]
        assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in shown.all("meta")
        assert len(shown.all("h1")) == len(shown.all("main")) == 1
        named = {each.get("for") for each in shown.all("label")}
        assert all(each["id"] in named for each in shown.all("textarea"))
        assert shown.all("label").count({}) == len(shown.all("input")), "each choice is inside of its label"
        assert "prefers-color-scheme: dark" in shown.texts["style"][0]


def problem(shown: HtmlPage, status: int) -> str:
    """The problem that a page names: in plain words, without internal details."""
    assert shown.status == status
    [alert] = [each for each in shown.all("p") if each == {"role": "alert"}]
    assert alert
    said = shown.text("p")
    assert re.fullmatch(r"[A-Z][\w ,.]+\.", said), said
    return said


@shows(BOTH, "403")
def test_what_is_no_link_is_said_on_a_page(http: httpx.Client, rated: Json) -> None:
    for shown in (page(http, "GET", f"{url(rated)}x"), page(http, "POST", f"{url(rated)}x", data={"score": "true"})):
        assert problem(shown, 403) == "This link is not complete, or it has expired."
        assert shown.fields == {}


def test_a_link_that_has_expired_is_said_on_a_page() -> None:
    now = [1_800_000_000.0]
    with (
        serving(clock=lambda: now[0], feedback_ttl=100.0, run_ttl=1e6) as live,
        live.client() as http,
    ):
        run = ended(http, create(http, "simple", {"foo": 1}, feedback_keys=["helpful"])["run_id"])
        now[0] += 101
        assert "expired" in problem(page(http, "GET", url(run)), 403)


@shows(BOTH, "404")
def test_a_run_that_is_gone_is_said_before_anybody_writes(http: httpx.Client, rated: Json) -> None:
    receipt = http.get(f"{url(rated)}?score=1", headers={"accept": BROWSER}).headers["location"]
    assert http.delete(f"/runs/{rated['run_id']}").status_code == 204
    for query in ("", "?score=1", receipt):
        assert "no longer kept" in problem(page(http, "GET", url(rated) + query), 404)
    assert "no longer kept" in problem(page(http, "POST", url(rated), data={"score": "true"}), 404)


@shows(BOTH, "409")
def test_a_link_that_takes_no_more_says_so_before_anybody_writes(http: httpx.Client, rated: Json) -> None:
    for _ in range(MOST):
        accepted(http.post(url(rated), json={"score": 1}))
    for query in ("", "?score=1"):
        assert "Nothing more" in problem(page(http, "GET", url(rated) + query), 409)
    assert "Nothing more" in problem(page(http, "POST", url(rated), data={"score": "true"}), 409)


@shows("give_feedback", "413")
def test_a_comment_that_is_far_too_long(http: httpx.Client, rated: Json) -> None:
    shown = page(http, "POST", url(rated), data={"comment": "x" * 65536})
    assert "at most 4,000 characters" in problem(shown, 413)


@shows(BOTH, "422")
def test_what_cannot_be_read_is_asked_again(http: httpx.Client, rated: Json, browser: Browser) -> None:
    browser.open(url(rated))
    for shown in (browser.submit(), browser.open(f"{url(rated)}?score=high")):
        assert "choose yes or no" in problem(shown, 422)
        assert (shown.text("legend"), list(shown.fields)) == ("helpful", ["score", "comment"])
    assert "choose yes or no" in problem(page(http, "GET", f"{url(rated)}x?score=high"), 422)
    assert entries(http, rated) == []


def test_a_store_that_does_not_answer_is_said_on_a_page(tmp_path: Path) -> None:
    file = tmp_path / "runs.db"
    with serving(database_uri=f"sqlite:///{file}") as live, live.client() as http:
        run = ended(http, create(http, "simple", {"foo": 1}, feedback_keys=["helpful"])["run_id"])
        with connect(file) as connection:
            connection.execute("ALTER TABLE feedback RENAME TO elsewhere")
        for method in ("GET", "POST"):
            response = http.request(method, url(run), headers={"accept": BROWSER, **FORM}, content=b"score=true")
            assert "reload this page" in problem(HtmlPage(response), 503)
            assert response.headers["retry-after"] == "1"


@shows("give_feedback_by_link", "receipt 403")
def test_a_receipt_is_for_what_was_recorded_by_its_link(http: httpx.Client) -> None:
    run = ended(http, create(http, "simple", {"foo": 1}, feedback_keys=["helpful", "kind"])["run_id"])
    receipts = []
    for score in (1, 2):
        answer = http.post(url(run), json={"score": score}, headers={"accept": BROWSER})
        receipts.append(answer.headers["location"])
    for score, receipt in enumerate(receipts, 1):
        assert accepted(http.get(url(run) + receipt)).json()["score"] == score
        assert accepted(http.get(f"{url(run)}{receipt}&score=5")).json()["score"] == score
        for link in (url(run, "kind") + receipt, f"{url(run)}{receipt}x", f"{url(run)}?receipt=1"):
            assert http.get(link).status_code == 403
            assert problem(page(http, "GET", link), 403)
    assert [entry["score"] for entry in entries(http, run)] == [1, 2]
    assert entries(http, run, "kind") == []


def test_pages_lead_on_below_any_path(http: httpx.Client, rated: Json) -> None:
    """Behind a proxy that adds a path, only relative links lead back."""
    outside = httpx.URL(f"https://example.com/agents/runs/{rated['run_id']}/feedback/{url(rated).rpartition('/')[2]}")
    location = http.get(f"{url(rated)}?score=1", headers={"accept": BROWSER}).headers["location"]
    led = outside.copy_with(query=b"score=1").join(location)
    assert (led.host, led.path) == (outside.host, outside.path)
    assert page(http, "GET", url(rated) + location).all("form") == [{"method": "post"}]
