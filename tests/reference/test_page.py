"""The reference in a real browser: read, searched, and used to send runs. Skipped where there is no Chromium."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.live import EXAMPLES, GRAPHS, LiveServer, serving, until
from tests.reference.webdriver import MISSING, Chromium, chromium
from tests.web.prefixing_proxy import prefixing
from treadle.keys import keys_in_list

pytestmark = [pytest.mark.edge, pytest.mark.skipif(bool(MISSING), reason=MISSING)]
KEY = "key-of-ana-0123456789"
RESULT = "#run .result"
ENDED = "return document.querySelector('#run .result').innerText.includes('The stream has ended')"


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    """One browser for all tests."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def examples() -> Iterator[LiveServer]:
    """A server of the example graphs."""
    with serving(EXAMPLES, database_uri="memory://") as live:
        yield live


@pytest.fixture
def page(browser: Chromium, examples: LiveServer) -> Iterator[Chromium]:
    """The page, found by way of `/`; its console has nothing to complain of."""
    browser.look(width=1280, height=900, scheme="light")
    browser.open(f"{examples.url}/")
    assert browser.script("return location.pathname") == "/docs"
    browser.complaints()
    yield browser
    assert browser.complaints() == []


def events(browser: Chromium) -> list[str]:
    """The names of the events that are shown."""
    names = "return [...document.querySelectorAll('#run .events b')].map((name) => name.innerText)"
    return list(browser.script(names))


def test_a_run_is_sent_and_its_events_are_shown(page: Chromium) -> None:
    page.click("#run button")
    page.wait_for(ENDED)
    assert page.shown(RESULT).startswith("200 ")
    shown = events(page)
    assert shown[0] == "metadata"
    assert {"custom", "updates"} <= set(shown)
    page.click("#run .events li:last-child summary")
    assert '"actions": [' in page.shown("#run .events li:last-child pre")


def test_events_are_shown_while_the_run_goes_on_and_stopping_it_cancels_it(
    browser: Chromium, server: LiveServer, http: httpx.Client
) -> None:
    browser.open(f"{server.url}/docs")
    browser.write("#run-assistant", "slow")
    browser.write("#run-input", '{"seconds": 600}')
    browser.click("#run button")
    until(lambda: "custom" in events(browser))
    assert "The stream is open" in browser.shown(RESULT)
    started = browser.script("return JSON.parse(document.querySelector('#run .events span').textContent)")
    assert http.get(f"/runs/{started['run_id']}").json()["status"] == "running"
    browser.click("#run .stop")
    until(lambda: "Stopped" in browser.shown(RESULT))
    until(lambda: http.get(f"/runs/{started['run_id']}").json()["status"] == "interrupted")


def test_a_graph_of_this_server_is_proposed_where_there_is_none_of_the_example(
    browser: Chromium, server: LiveServer
) -> None:
    browser.open(f"{server.url}/docs")
    browser.click("#run-assistant")
    value = "return document.querySelector('#run-assistant').value"
    until(lambda: browser.script(value) != "triage")
    assert browser.script("return document.querySelectorAll('#assistants option').length") > 5


@pytest.mark.parametrize(("given", "problem"), [("{", "This is not JSON"), ("[1, 2", "This is not JSON")])
def test_an_input_that_is_no_json_is_not_sent(page: Chromium, given: str, problem: str) -> None:
    page.write("#run-input", given)
    page.click("#run button")
    assert problem in page.shown(RESULT)
    assert page.script("return document.activeElement.id") == "run-input"


def test_a_run_that_fails_shows_why(browser: Chromium, server: LiveServer) -> None:
    browser.open(f"{server.url}/docs")
    browser.write("#run-assistant", "failing")
    browser.write("#run-input", '{"foo": "value"}')
    browser.click("#run button")
    browser.wait_for(ENDED)
    assert events(browser)[-1] == "error"
    browser.write("#run-assistant", "nobody")
    browser.click("#run button")
    until(lambda: browser.shown(RESULT).startswith("422"))
    assert "nobody" in browser.shown(f"{RESULT} pre")


def test_the_search_is_used_with_the_keyboard_alone(page: Chromium) -> None:
    page.press("/", *"resumable")
    assert page.script("return document.activeElement.id") == "search"
    chosen = "return document.querySelector('#found [aria-selected=true]')?.dataset.id"
    assert page.script(chosen) == "create_run.stream_resumable"
    page.press("Down", "Enter")
    assert page.script("return location.hash") == "#create_run_batch.stream_resumable"
    top = "return document.getElementById(location.hash.slice(1)).getBoundingClientRect().top"
    until(lambda: 0 <= page.script(top) < 300)
    page.press("/", *"put")
    assert page.script(chosen) == "put_item"
    page.press("Escape")
    assert page.shown("#found") == ""
    assert page.script("return document.activeElement === document.body")
    page.press("/", *"no such thing")
    assert page.shown("#found") == "Nothing has this name."
    page.press("Escape")


def test_any_operation_can_be_tried(page: Chromium) -> None:
    page.script("document.querySelector('#put_item .try').open = true")
    until(lambda: page.shown("#put_item .try form"))
    page.script("document.querySelector('#put_item .try').scrollIntoView({behavior: 'instant', block: 'center'})")
    page.click("#put_item .try button")
    until(lambda: page.shown("#put_item .try .result").startswith("204"))
    page.script("document.querySelector('#get_item .try').open = true")
    until(lambda: page.shown("#get_item .try form"))
    for name, value in (("key", "plan"), ("namespace", "customers.ana")):
        page.write(f"#get_item .try [name={name}]", value)
    page.click("#get_item .try button")
    until(lambda: page.shown("#get_item .try .result").startswith("200"))
    assert '"tier": "gold"' in page.shown("#get_item .try pre")


def test_examples_are_in_one_language_and_named_objects_can_be_looked_into(
    page: Chromium, examples: LiveServer
) -> None:
    assert f"curl -s {examples.url}/runs/wait" in page.shown("#wait_run .code")
    page.script("document.querySelectorAll('#wait_run [role=tab]')[1].click()")
    for operation in ("wait_run", "get_item"):
        assert f'Treadle("{examples.url}")' in page.shown(f"#{operation} .code")
    page.script("document.querySelector('#get_run dd > details').open = true")
    until(lambda: "queued_ms" in page.shown("#get_run dd > details"))


def test_a_key_is_sent_as_a_header_and_kept_nowhere(browser: Chromium) -> None:
    keys = keys_in_list("TREADLE_API_KEYS", f"ana={KEY}")
    with serving(EXAMPLES, database_uri="memory://", api_keys=keys) as live:
        browser.open(f"{live.url}/")
        browser.click("#run button")
        until(lambda: "An API key is needed" in browser.shown(RESULT))
        browser.click(f"{RESULT} a")
        until(lambda: browser.script("return document.activeElement.id") == "key")
        browser.press(*KEY)
        browser.click("#run button")
        browser.wait_for(ENDED)
        kept = (
            "return [location.href, document.cookie, ...Object.values(localStorage), ...Object.values(sessionStorage)]"
        )
        assert KEY not in str(browser.script(kept))
        urls = browser.script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
        assert f"{live.url}/runs/stream" in urls
        assert KEY not in str(urls)
        browser.open(f"{live.url}/docs")
        assert browser.script("return document.querySelector('#key').value") == ""


def test_it_works_under_the_path_of_a_proxy(browser: Chromium, examples: LiveServer) -> None:
    with prefixing(examples.url, strips=True) as proxy:
        browser.open(f"{proxy.url}/docs")
        assert f"{proxy.url}/runs/wait" in browser.shown("#wait_run .code")
        browser.click("#run button")
        browser.wait_for(ENDED)
        assert "/agents/runs/stream" in proxy.paths


@pytest.mark.parametrize("width", [1280, 768, 390, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_every_screen_in_both_schemes(page: Chromium, width: int, scheme: str) -> None:
    page.look(width=width, height=800, scheme=scheme)
    assert page.script("return document.documentElement.scrollWidth <= innerWidth")
    dark = page.script("return getComputedStyle(document.body).backgroundColor") == "rgb(15, 17, 21)"
    assert dark == (scheme == "dark")
    page.script("document.querySelector('#theme').click(); document.querySelector('#theme').click()")
    assert page.script("return getComputedStyle(document.body).backgroundColor") == "rgb(15, 17, 21)"
    page.script("document.querySelector('#theme').click()")


def test_the_contents_are_a_menu_on_a_phone(page: Chromium) -> None:
    page.look(width=390, height=800, scheme="light")
    assert page.shown("#contents") == ""
    page.click("#menu")
    assert "Send a run" in page.shown("#contents")
    page.click("#contents a[href='#send-a-run']")
    assert page.shown("#contents") == ""
    assert page.script("return location.hash") == "#send-a-run"


def test_it_can_be_read_without_scripts(browser: Chromium, examples: LiveServer) -> None:
    browser.look(width=1280, height=900, scheme="light")
    with browser.without_scripts():
        browser.open(f"{examples.url}/docs")
        assert "curl -s http://127.0.0.1:2024/runs/wait" in browser.shown("#wait_run .code")
        assert "assistant_id" in browser.shown("#create_run")
        for selector in ("#run", "#search", "#theme", "#key-form"):
            assert browser.shown(selector) == ""
        browser.click(".languages [value=Python]")
        assert "client.runs.wait(" in browser.shown("#wait_run .code")


def test_it_works_without_the_operations_that_a_server_closes(browser: Chromium, tmp_path: Path) -> None:
    graphs = {"simple": f"{GRAPHS.with_name('graphs_under_test.py')}:simple"}
    for switch in ("disable_runs", "disable_assistants"):
        config = tmp_path / "langgraph.json"
        config.write_text(json.dumps({"graphs": graphs, "http": {switch: True}}))
        with serving(config) as live:
            browser.open(f"{live.url}/docs")
            browser.complaints()
            browser.open(f"{live.url}/docs")
            assert browser.script("return document.documentElement.classList.contains('scripted')")
            browser.press("/", *"put_item", "Enter")
            assert browser.script("return location.hash") == "#put_item"
            assert browser.complaints() == []
