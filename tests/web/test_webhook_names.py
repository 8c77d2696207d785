"""Silent name servers hold up neither look-ups of other names nor deliveries that are owed already."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import httpx
import pytest

from tests.live import DEADLINE, serving, until
from tests.web.calls import create
from tests.web.creating import EVERY, PATHS, Creator
from tests.web.hook_receiver import HOOKED, receiving
from treadle.outbox import resolving

pytestmark = pytest.mark.edge


class Names:
    """The system's resolver in these tests: it does not answer names below `silent.test` before `let_go`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.let_go = Event()
        self._system = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self.answer)
        # On a busy machine, a test takes longer than a create waits for a name server.
        monkeypatch.setattr(resolving, "PATIENCE", DEADLINE)

    def answer(self, host: Any, *arguments: Any, **options: Any) -> Any:
        if str(host).endswith(".test"):
            self.asked.append(host)
            if host.endswith("silent.test"):
                self.let_go.wait(DEADLINE)
            host = "127.0.0.1"
        return self._system(host, *arguments, **options)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    names = Names(monkeypatch)
    yield names
    names.let_go.set()


@pytest.fixture
def http(names: Names) -> Iterator[httpx.Client]:
    with serving(HOOKED) as live, live.client() as client:
        yield client


def post(http: httpx.Client, url: str) -> httpx.Response:
    return http.post("/runs", json={"assistant_id": "simple", "input": {"foo": 1}, "webhook": url})


@pytest.mark.shows(EVERY, "503")
@pytest.mark.parametrize("operation", PATHS)
def test_who_finds_no_slot_is_asked_to_come_again(http: httpx.Client, names: Names, operation: str) -> None:
    with receiving() as receiver, ThreadPoolExecutor(40) as pool:
        good = f"http://good.test:{receiver.port}/"
        owing = create(http, "slow", {"seconds": 0.5}, webhook=good)["run_id"]
        silent = [pool.submit(post, http, f"http://{number}.silent.test/") for number in range(32)]
        until(lambda: sum(name.endswith("silent.test") for name in names.asked) == 32)
        refused = Creator(http, operation).post("simple", {"foo": 1}, webhook=good)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1"), refused.text
        assert "names of hosts are being looked up" in refused.json()["detail"]
        receiver.first(owing)  # the outbox has slots of its own
        assert not any(each.done() for each in silent)
        names.let_go.set()
        assert {each.result().status_code for each in silent} == {200}
        receiver.first(post(http, good).json()["run_id"])


def test_a_host_is_looked_up_once_for_all_who_ask(http: httpx.Client, names: Names) -> None:
    with ThreadPoolExecutor(40) as pool:
        asking = [pool.submit(post, http, f"http://one.silent.test:9/{number}") for number in range(40)]
        until(lambda: names.asked)
        # The look-up of another name comes after them, and does not wait.
        assert post(http, "http://good.test:9/").status_code == 200
        assert names.asked.count("one.silent.test") == 1
        names.let_go.set()
        assert {each.result().status_code for each in asking} == {200}


def test_a_look_up_that_cannot_begin_keeps_no_slot(
    http: httpx.Client, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def no_thread(thread: threading.Thread) -> None:
        if thread.name == "treadle-names":
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        assert {post(http, "http://good.test:9/").status_code for _ in range(40)} == {503}
    assert post(http, "http://good.test:9/").status_code == 200
