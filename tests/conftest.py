"""Fixtures that most tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import certifi
import httpx
import pytest

from tests import judging
from tests.database_server import answers
from tests.databases import MISSING, POSTGRES, VARIABLE, drop_leftovers, skipped
from tests.live import LiveServer, serving, until
from treadle.logs import configure_logs

LONG = {
    "test_chaos",
    "test_checkpointer",
    "test_checkpointer_serde",
    "test_ci",
    "test_configuration",
    "test_conform",
    "test_connections",
    "test_coverage",
    "test_cut_connections",
    "test_deploy",
    "test_editions",
    "test_failures",
    "test_feedback_langsmith",
    "test_generate",
    "test_graph_store",
    "test_idempotency",
    "test_items",
    "test_keys",
    "test_leaving",
    "test_outbound",
    "test_readers",
    "test_refusals",
    "test_reluctant_graphs",
    "test_root_path",
    "test_run",
    "test_serve",
    "test_stopped_process",
    "test_store",
    "test_terminal",
    "test_thousand_runs",
    "test_thread_ttl",
    "test_troubles",
    "test_users_and_routes",
    "test_verdicts",
    "test_webhook_connections",
    "test_workers",
}
"""Modules that take a quarter of a minute or longer."""


def pytest_configure(config: pytest.Config) -> None:
    """A database that was named has to be there. Workers need not look again."""
    if POSTGRES is not None and not hasattr(config, "workerinput"):
        if not answers(POSTGRES):
            raise pytest.UsageError(f"{VARIABLE} names a PostgreSQL that does not answer")
        drop_leftovers()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI, tests that need PostgreSQL have to run."""
    if os.environ.get("CI") == "true" and skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say in one line what did not run."""
    if number := skipped(config):
        end = ", which is a failure in CI" if os.environ.get("CI") == "true" else ""
        terminalreporter.write_line(f"{MISSING}: {number} tests that need it were skipped{end}", yellow=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules that take long come first: at the end, one process would be left with them alone."""
    items.sort(key=lambda item: item.path.stem not in LONG)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """A test fails if a server answers otherwise than its document says, whatever the test itself looks at."""
    try:
        yield
    finally:
        wrong = judging.found()
    assert not wrong, "not what the served document says:\n" + "\n".join(wrong)


@pytest.fixture(scope="session", autouse=True)
def quiet_logs() -> None:
    """Graphs that are meant to fail would fill the report."""
    configure_logs("critical")


@pytest.fixture(scope="session", autouse=True)
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing here is verified against public authorities, and to load them all takes each client 30 ms of CPU time."""
    end = "-----END CERTIFICATE-----\n"
    bundle = tmp_path_factory.mktemp("authorities") / "one.pem"
    bundle.write_text(Path(certifi.where()).read_text("utf-8").partition(end)[0] + end, "utf-8")
    os.environ["SSL_CERT_FILE"] = str(bundle)


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Ctrl-C reaches the processes that tests start: a shell that runs tests in the background has them ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def anyio_backend() -> str:
    """Treadle runs on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def server() -> Iterator[LiveServer]:
    """One server with the graphs of tests/graphs, shared by the tests that leave it as it was."""
    with serving() as live:
        yield live


@pytest.fixture(autouse=True)
def leaving_no_run(request: pytest.FixtureRequest) -> Iterator[None]:
    """A run that a test leaves on the shared server would hold up a later one that waits until nothing runs."""
    yield
    if "server" in request.fixturenames and isinstance(live := request.getfixturevalue("server"), LiveServer):
        until(lambda: live.services.runs._worker.busy == 0, within=10)


@pytest.fixture
def http(server: LiveServer) -> Iterator[httpx.Client]:
    """A plain HTTP client of the shared server."""
    with server.client() as client:
        yield client
