"""The `triage` example: its decision on each sample mail, its progress events, and its output for junk."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from triage.dates import find_dates, first_deadline
from triage.graph import graph
from triage.mail import MAX_CHARS, read_mail
from triage.requests import find_requests
from triage.state import TriageInput

pytestmark = pytest.mark.anyio

EMAILS = Path(__file__).parents[2] / "examples" / "emails"
FIELDS = {"decision", "topic", "urgency", "deadline", "thread", "reasons", "actions", "dates", "amounts"}
MONDAY = datetime(2026, 10, 5, 9, 0, tzinfo=UTC)


def sample(name: str) -> TriageInput:
    """The graph's input for one of the sample mails."""
    return {"email": (EMAILS / f"{name}.eml").read_text(encoding="utf-8")}


async def triage(email: object, **context: object) -> dict[str, Any]:
    """The output for any value of `email`, sent with a context of plain JSON as a server would."""
    request: Any = {"email": email}
    settings: Any = context or None
    output = await graph.ainvoke(request, context=settings)
    return dict(output)


@pytest.mark.parametrize(
    ("name", "decision", "topic", "because"),
    [
        ("budget_review", "new_task", "finance", "it asks for 3 things and begins a thread"),
        ("server_down", "escalate", "operations", "its urgency 0.88 reaches 0.80"),
        ("newsletter", "ignore", "sales", "nobody waits for an answer to a mail of kind newsletter"),
        ("phishing", "ignore", "security", "it looks like phishing (0.98): do not answer, open no link"),
        ("thread_reply", "existing_thread", "general", "it answers an earlier mail"),
        ("out_of_office", "ignore", "people", "nobody waits for an answer to a mail of kind auto_reply"),
    ],
)
async def test_each_sample_is_decided_for_its_own_reason(name: str, decision: str, topic: str, because: str) -> None:
    output = await graph.ainvoke(sample(name))
    assert (output["decision"], output["topic"], output["reasons"][-1]) == (decision, topic, because)


def test_every_sample_has_a_test() -> None:
    tested = {"budget_review", "server_down", "newsletter", "phishing", "thread_reply", "out_of_office"}
    assert {path.stem for path in EMAILS.iterdir()} == tested


async def test_budget_review_is_taken_apart() -> None:
    output = await graph.ainvoke(sample("budget_review"))
    assert output["deadline"] == "2026-10-09T17:00:00+00:00"
    assert output["dates"] == ["2026-10-09", "2026-10-13"]
    assert [(amount["currency"], amount["value"]) for amount in output["amounts"]] == [
        ("USD", 48_500),
        ("USD", 12_000),
        ("EUR", 3_200),
    ]
    assert [(action["text"], action["due"]) for action in output["actions"]] == [
        ("Could you review it and send me your decision by Friday?", "2026-10-09"),
        ("Check the headcount on page 2", None),
        ("Confirm the cloud cost forecast", None),
    ]


async def test_a_reply_names_its_thread_and_quoted_text_counts_for_nothing() -> None:
    output = await graph.ainvoke(sample("thread_reply"))
    assert output["thread"] == "<d-2@company.com>"
    assert [amount["text"] for amount in output["amounts"]] == ["€ 1,950"]
    assert output["urgency"] == 0


async def test_phishing_is_recognised_by_several_signs() -> None:
    reasons = "\n".join((await graph.ainvoke(sample("phishing")))["reasons"])
    assert "shows mail.company.com and leads to 203.0.113.9" in reasons
    assert "cornpany.com imitates company.com" in reasons
    assert "wants answers at mailbox-check.example" in reasons
    assert "password expires" in reasons


async def test_nothing_is_extracted_from_ignored_mail() -> None:
    output = await graph.ainvoke(sample("newsletter"))
    assert (output["actions"], output["dates"], output["amounts"]) == ([], [], [])


async def test_the_output_is_json_and_the_same_each_time() -> None:
    first, second = [await graph.ainvoke(sample("server_down")) for _ in range(2)]
    assert json.dumps(first) == json.dumps(second)
    assert set(first) == FIELDS


def test_the_graph_runs_without_an_event_loop() -> None:
    assert graph.invoke(sample("budget_review"))["decision"] == "new_task"


async def test_context_moves_the_threshold() -> None:
    raised = await triage(sample("server_down")["email"], escalate_above=0.95)
    lowered = await triage(sample("budget_review")["email"], escalate_above=0.2)
    assert (raised["decision"], lowered["decision"]) == ("new_task", "escalate")


async def test_context_names_the_own_domain() -> None:
    email = "From: Kim <kim@Weaving.example>\nSubject: Hi\n\nPlease call me."
    assert "urgency: comes from weaving.example" in (await triage(email, own_domain="WEAVING.example"))["reasons"]
    assert (await triage(email))["urgency"] == 0


async def test_a_wrong_context_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="escalate_above"):
        await triage("Subject: Hi\n\nPlease call me.", escalate_above=3)


async def progress_of(name: str) -> list[dict[str, Any]]:
    """The custom events of a run, each with the namespace of the graph that sent it."""
    chunks: AsyncIterator[Any] = graph.astream(sample(name), stream_mode="custom", subgraphs=True)
    return [dict(event, namespace=namespace) async for namespace, event in chunks]


async def test_progress_is_told_stage_by_stage() -> None:
    events = await progress_of("budget_review")
    stages = [event["stage"] for event in events]
    assert stages[0] == "parse"
    assert set(stages[1:4]) == {"topic", "urgency", "signals"}
    assert stages[4] == "decision"
    assert set(stages[5:]) == {"actions", "dates", "amounts"}
    scores = {event["stage"]: event["score"] for event in events}
    assert scores["urgency"] == 0.22
    assert (scores["actions"], scores["dates"], scores["amounts"]) == (3, 2, 3)
    assert 0 < scores["topic"] <= 1


async def test_extraction_runs_in_a_sub_graph_of_its_own_namespace() -> None:
    events = await progress_of("budget_review")
    inner = {event["stage"] for event in events if event["namespace"]}
    [root] = {event["namespace"][0].split(":")[0] for event in events if event["namespace"]}
    assert (root, inner) == ("extract", {"actions", "dates", "amounts"})


async def test_ignored_mail_never_enters_the_sub_graph() -> None:
    events = await progress_of("newsletter")
    assert [event["namespace"] for event in events] == [()] * 5


async def test_a_mail_without_text_ends_after_parsing() -> None:
    chunks: AsyncIterator[Any] = graph.astream({"email": " "}, stream_mode="updates")
    assert [list(chunk) async for chunk in chunks] == [["parse"]]


@pytest.mark.parametrize(
    "email",
    ["", " \n\t", "\0\0", None, 5, 1.5, True, [], {}, ["Subject: hi"], {"email": "please"}],
    ids=repr,
)
async def test_what_is_no_text_is_ignored_with_a_reason(email: object) -> None:
    output = await triage(email)
    assert set(output) == FIELDS
    assert (output["decision"], output["reasons"]) == ("ignore", ["there is no text to read"])


@pytest.mark.parametrize("request_input", [{}, {"foo": 1}])
async def test_a_missing_email_is_ignored_too(request_input: Any) -> None:
    assert (await graph.ainvoke(request_input))["decision"] == "ignore"


def mime(charset: str, body: str) -> str:
    content = f"Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: base64"
    return f"From: a@b.example\n{content}\n\n{body}"


JUNK = {
    "half a surrogate pair": "Subject: \ud800\n\nplease \udcff",
    "a NUL in the subject": "Subject: a\0b\n\nhi",
    "a broken encoded word": "Subject: =?foo?b?!!?= =?utf-8?q?=ff?=\n\nx",
    "a charset of no alphabet": "Subject: =?\u2bd2?q?=ff?=\n\nx",
    "an impossible date": "From: a@b\nDate: Mon, 99 Foo 99999 99:99:99 +9999\n\nplease, by Friday",
    "the end of time": "From: a@b\nDate: Fri, 31 Dec 9999 23:59:00 +0000\n\nby Friday, within 999 weeks, by March 5",
    "the beginning of time": "From: a@b\nDate: Mon, 01 Jan 0001 00:00:00 +1400\n\nby March 5 please, last Monday",
    "no such day": "please by February 30, 2026-99-99, 0000-01-01",
    "no such charset": mime("bogus", "eA=="),
    "a charset of no text": mime("hex", "eA=="),
    "broken base64": mime("utf-8", "!!!!a"),
    "brackets in brackets": "From: " + "(" * 90_000 + "\n\nx",
    "mail in mail in mail": "Content-Type: message/rfc822\n\n" * 3_000,
    "parts in parts": "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(1_800)),
    "no boundary": "From: a@b\nContent-Type: multipart/mixed\n\nx",
    "broken markup": "From: a@b\nContent-Type: text/html\n\n<![foo[ <!-- <a href=> <a href='http://[::1'>x.com</a> <",
    "open links": "From: a@b\nContent-Type: text/html\n\n" + "<a href=x><b>yy" * 6_000,
    "broken addresses": "http://[ http://]:99999 http://a:b:c [x](http://[)",
    "foreign digits": "in \u0663 days, by March \u0663, $\u0661\u0662, within \u0665 hours please, \u00b2 days $\u00b2",
    "only line ends": "\n" * 200_000 + "x",
    "only exclamation marks": "!" * 200_000,
}


@pytest.mark.parametrize("email", JUNK.values(), ids=JUNK)
async def test_junk_is_decided_and_the_decision_is_json(email: str) -> None:
    output = await triage(email)
    assert set(output) == FIELDS
    assert output["reasons"]
    assert 0 <= output["urgency"] <= 1
    json.dumps(output, ensure_ascii=False).encode()


async def test_a_huge_mail_is_read_in_part_and_says_so() -> None:
    output = await triage("Please call me. " + "word " * MAX_CHARS)
    assert output["reasons"][0] == "only the first 100,000 characters were read"
    assert output["decision"] == "new_task"


@pytest.mark.parametrize(
    "email",
    [
        "<email>\nSubject: Q4 Budget\nFrom: finance@company.com\nBody: Please review it.\n</email>\n\nDecide!",
        "Subject: Q4 Budget\nFrom: finance@company.com\n\nPlease review it.",
        "Subject: Q4 Budget\r\nFrom: finance@company.com\r\n\r\nPlease review it.",
    ],
)
def test_headers_are_read_from_each_way_to_write_a_mail(email: str) -> None:
    mail = read_mail(email)
    assert (mail["subject"], mail["sender"], mail["body"]) == ("Q4 Budget", "finance@company.com", "Please review it.")


def test_a_text_without_headers_is_all_body() -> None:
    assert read_mail("Note: please call me.\n\nThanks")["body"] == "Note: please call me.\n\nThanks"


def test_html_is_read_as_text_with_its_links() -> None:
    mail = read_mail(
        "From: a@b\nContent-Type: text/html\n\n<style>p{}</style><p>Hi&nbsp;<b>you</b> <a href=//x.y>see</a>!"
    )
    assert mail["body"] == "Hi\xa0you see!"
    assert mail["links"] == [{"label": "see", "url": "//x.y"}]


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("by Friday", "2026-10-09 17:00"),
        ("by EOD Friday", "2026-10-09 17:00"),
        ("before next Friday", "2026-10-16 17:00"),
        ("by Monday", "2026-10-05 17:00"),
        ("until tomorrow", "2026-10-06 17:00"),
        ("EOD", "2026-10-05 17:00"),
        ("end of the week", "2026-10-09 17:00"),
        ("within 24 hours", "2026-10-06 09:00"),
        ("within 7 business days", "2026-10-14 17:00"),
        ("deadline is 2026-11-02", "2026-11-02 17:00"),
        ("due: 3rd of November", "2026-11-03 17:00"),
        ("no later than Jan 4", "2027-01-04 17:00"),
    ],
)
def test_deadlines_count_from_the_day_of_the_mail(text: str, due: str) -> None:
    deadline = first_deadline(f"Send it {text}, Sam.", MONDAY)
    assert deadline is not None
    assert f"{deadline.when:%Y-%m-%d %H:%M}" == due


@pytest.mark.parametrize(
    "text", ["we met on Friday", "on 2026-10-09", "by last Friday", "by 2020-01-01", "by market 5"]
)
def test_what_binds_nobody_is_no_deadline(text: str) -> None:
    assert first_deadline(text, MONDAY) is None


def test_a_day_that_is_no_deadline_is_still_a_date() -> None:
    assert [mention.text for mention in find_dates("We met last Friday and on October 1, 2026.", MONDAY)] == [
        "last Friday",
        "October 1, 2026",
    ]


def test_requests_are_told_from_remarks() -> None:
    body = "All is well. Could you sign\nthe form? Please note the date.\n\n- Book a room\n- A nice view"
    assert find_requests(body) == ["Could you sign the form?", "Book a room"]
