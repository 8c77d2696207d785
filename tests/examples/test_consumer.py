"""The `consumer` example: what it prints, what it says about failures, and how long it is beside the SDK's."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from consumer import triage as program
from tests.live import DEADLINE, EXAMPLES, LiveServer, serving
from treadle.keys import keys_in_list
from treadle_client import AsyncTreadle, Treadle

FOLDER = EXAMPLES.parent / "consumer"
EMAILS = EXAMPLES.parent / "emails"
OURS, SDKS = "triage.py", "with_langgraph_sdk.py"
DECISIONS = """\
budget_review.eml: new_task
newsletter.eml: ignore
out_of_office.eml: ignore
phishing.eml: ignore
server_down.eml: escalate
thread_reply.eml: existing_thread
"""
STEPS = "  because it asks for 3 things and begins a thread\n"
UNKNOWN = "00000000-0000-0000-0000-000000000000"
HEARTBEAT = 0.05
"""Seconds, in place of the server's 5; after three of them the client takes a server for silent."""


@pytest.fixture(scope="module")
def examples() -> Iterator[LiveServer]:
    """A server of the two graphs."""
    with serving(EXAMPLES) as live:
        yield live


def run(name: str, url: str, emails: Path = EMAILS, key: str = "") -> subprocess.CompletedProcess[str]:
    """Start one of the two programs, as a reader would."""
    environment = {**os.environ, "TREADLE_URL": url, "TREADLE_API_KEY": key}
    command = [sys.executable, str(FOLDER / name), str(emails)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=DEADLINE)


@pytest.mark.parametrize("name", [OURS, SDKS])
def test_both_programs_print_the_same(name: str) -> None:
    with serving(EXAMPLES) as live:
        ended = run(name, live.url)
    assert ended.returncode == 0, ended.stderr
    first, _, rest = ended.stdout.partition("  parse: 1.0\n")
    assert first == DECISIONS
    steps, _, last = rest.partition(STEPS)
    assert {line.partition(":")[0].strip() for line in steps.splitlines()} == {
        "topic",
        "urgency",
        "signals",
        "decision",
    }
    background, _, coroutines = last.partition("\n")
    assert re.fullmatch(r"thread_reply\.eml: existing_thread, run [0-9a-f-]{36}", background)
    assert coroutines == DECISIONS
    assert ended.stderr.count("[######] 6/6") == 2


def test_a_second_start_creates_no_second_run_and_a_changed_mail_is_refused(
    examples: LiveServer, tmp_path: Path
) -> None:
    emails = Path(shutil.copytree(EMAILS, tmp_path / "emails"))
    first, second = (run(OURS, examples.url, emails) for _ in range(2))
    runs = [re.findall("run ([0-9a-f-]{36})", ended.stdout) for ended in (first, second)]
    assert runs[0] == runs[1] != []
    with (emails / "thread_reply.eml").open("a") as mail:
        mail.write("One more thing.\n")
    third = run(OURS, examples.url, emails)
    assert third.returncode == 1
    assert third.stderr.splitlines()[-1].endswith("(the mail has changed since its first run)")


@pytest.mark.parametrize("name", [OURS, SDKS])
def test_without_a_key_both_programs_say_which_variable_to_set(name: str) -> None:
    with serving(EXAMPLES, api_keys=keys_in_list("test", "ana=secret")) as live:
        refused, accepted = run(name, live.url), run(name, live.url, key="secret")
    assert accepted.returncode == 0, accepted.stderr
    assert refused.returncode == 1
    assert refused.stdout.count("(set TREADLE_API_KEY to a key of this server)") == 6
    assert "(set TREADLE_API_KEY to a key of this server)" in refused.stderr


def threads(url: str, *graph: str, heartbeat: float = DEADLINE) -> None:
    """Triage all mails, without a second attempt."""
    with Treadle(url, max_retries=0, heartbeat=heartbeat) as client:
        program.triage(client, sorted(EMAILS.glob("*.eml")), *graph)


def coroutines(url: str, *graph: str, heartbeat: float = DEADLINE) -> None:
    """The same with coroutines."""
    client = AsyncTreadle(url, max_retries=0, heartbeat=heartbeat)
    asyncio.run(program.triage_async(client, sorted(EMAILS.glob("*.eml")), *graph))


WAYS = pytest.mark.parametrize("way", [threads, coroutines])


@WAYS
@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (UNKNOWN, "(the server has no such assistant or run)"),
        ("nope", "(correct the request, another attempt does not help)"),
    ],
)
def test_a_refusal_is_explained_for_each_mail(
    examples: LiveServer,
    capsys: pytest.CaptureFixture[str],
    way: Callable[..., None],
    graph: str,
    said: str,
) -> None:
    way(examples.url, graph)
    assert capsys.readouterr().out.count(said) == 6


@contextmanager
def broken_server(trouble: str) -> Iterator[str]:
    """The URL of a server that is busy, cuts its answers, or is silent."""
    left = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            if trouble == "silent":
                left.wait(DEADLINE)
                return
            self.send_response(503 if trouble == "busy" else 200)
            self.send_header("content-length", "26")
            self.end_headers()
            self.wfile.write(b'{"detail": "Restarting.  "}'[: 26 if trouble == "busy" else 9])

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            left.set()
            server.shutdown()
            thread.join(DEADLINE)


@WAYS
@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("busy", "(the server is full or is being restarted, try again later)"),
        ("cut", "(the server is not reached, or the connection was cut)"),
        ("silent", "(the server is silent)"),
    ],
)
def test_trouble_is_explained_for_each_mail(
    capsys: pytest.CaptureFixture[str], way: Callable[..., None], trouble: str, said: str
) -> None:
    with broken_server(trouble) as url:
        way(url, heartbeat=HEARTBEAT if trouble == "silent" else DEADLINE)
    assert capsys.readouterr().out.count(said) == 6


def lines_of_code(name: str) -> int:
    """Lines that are neither blank, nor a comment, nor a docstring."""
    text = (FOLDER / name).read_text("utf-8")
    quiet: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            quiet |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate((line.strip() for line in text.splitlines()), 1)
    return sum(bool(line) and not line.startswith("#") and number not in quiet for number, line in lines)


def test_it_is_short_and_needs_the_client_alone() -> None:
    assert lines_of_code(OURS) <= 50
    assert lines_of_code(SDKS) == 80, "examples/consumer/README.md says so"
    text = (FOLDER / OURS).read_text("utf-8")
    assert not re.search(r"\bAny\b", text)
    assert set(re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE)) == {
        "asyncio",
        "pathlib",
        "sys",
        "treadle_client",
    }
