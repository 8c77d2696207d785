"""A real browser without a window: Chromium, driven by chromedriver over HTTP as the W3C defines it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.live import DEADLINE, until

CHROMEDRIVER = shutil.which("chromedriver")
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
MISSING = "" if CHROMEDRIVER and CHROMIUM else "needs chromium and chromedriver (Debian: chromium, chromium-driver)"
"""Why no browser can be driven here; empty if one can."""
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Down": "\ue015", "Up": "\ue013", "Tab": "\ue004"}
"""Keys without a character, as WebDriver has them."""


class Chromium:
    """One window."""

    def __init__(self, session: httpx.Client) -> None:
        self._session = session

    def _command(self, path: str, **parameters: Any) -> Any:
        answer = self._session.post(path, json=parameters)
        value = answer.json()["value"]
        assert answer.is_success, f"{path}: {value['error']}: {value['message'].splitlines()[0]}"
        return value

    def open(self, url: str) -> None:
        """Load a page."""
        self._command("url", url=url)

    def script(self, code: str, *arguments: Any) -> Any:
        """What a function with this body returns."""
        return self._command("execute/sync", script=code, args=arguments)

    def shown(self, selector: str) -> str:
        """The text of an element as it is shown; empty if it is not."""
        code = (
            "const found = document.querySelector(arguments[0]); return found?.checkVisibility() ? found.innerText : ''"
        )
        return str(self.script(code, selector))

    def press(self, *keys: str) -> None:
        """Press keys, each a character or a name in KEYS."""
        actions = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self._command("actions", actions=[{"type": "key", "id": "keyboard", "actions": actions}])

    def click(self, selector: str) -> None:
        """Click an element, which has to be visible."""
        self._command(f"element/{self._find(selector)}/click")

    def write(self, selector: str, text: str) -> None:
        """Put a text into a field, in place of what is there."""
        found = self._find(selector)
        self._command(f"element/{found}/clear")
        self._command(f"element/{found}/value", text=text)

    def _find(self, selector: str) -> str:
        return str(self._command("element", using="css selector", value=selector)[_ELEMENT])

    def wait_for(self, code: str, *arguments: Any) -> Any:
        """The first true value of a function with this body."""
        return until(lambda: self.script(code, *arguments))

    def complaints(self) -> list[str]:
        """What its console says: errors, and what the policy of a page has forbidden."""
        return [entry["message"] for entry in self._command("se/log", type="browser")]

    def look(self, *, width: int, height: int, scheme: str) -> None:
        """Become a window of this size, in the colours of this scheme."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self._emulate("setDeviceMetricsOverride", metrics)
        self._emulate("setEmulatedMedia", media)

    @contextmanager
    def without_scripts(self) -> Iterator[None]:
        """Run no script of a page."""
        self._emulate("setScriptExecutionDisabled", {"value": True})
        try:
            yield
        finally:
            self._emulate("setScriptExecutionDisabled", {"value": False})

    def _emulate(self, command: str, parameters: dict[str, Any]) -> None:
        self._command("goog/cdp/execute", cmd=f"Emulation.{command}", params=parameters)

    def picture(self) -> bytes:
        """What is to be seen, as PNG."""
        return b64decode(self._session.get("screenshot").raise_for_status().json()["value"])


@contextmanager
def chromium() -> Iterator[Chromium]:
    """A browser, until the block is left."""
    assert CHROMEDRIVER and CHROMIUM, MISSING
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        # Its own home: the profile, caches and crash reports of a browser are nobody's.
        driver = subprocess.Popen(
            [CHROMEDRIVER, f"--port={port}", "--silent"],
            env={**os.environ, "HOME": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home},
            stdout=subprocess.DEVNULL,
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE, trust_env=False) as http:
                until(lambda: _is_ready(http))
                session = http.post("/session", json={"capabilities": {"alwaysMatch": _wanted(home)}})
                path = f"/session/{session.raise_for_status().json()['value']['sessionId']}/"
                with httpx.Client(base_url=f"{http.base_url}{path}", timeout=DEADLINE, trust_env=False) as window:
                    try:
                        yield Chromium(window)
                    finally:
                        http.delete(path.rstrip("/"))
        finally:
            driver.terminate()
            driver.wait(DEADLINE)


def _is_ready(http: httpx.Client) -> bool:
    try:
        return bool(http.get("/status").json()["value"]["ready"])
    except httpx.TransportError:
        return False


def _wanted(home: str) -> dict[str, Any]:
    # In a container, Chromium has neither a sandbox of its own nor much shared memory.
    arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=1280,900"]
    # Nothing moves while it is clicked.
    arguments += ["--force-prefers-reduced-motion"]
    arguments += [f"--user-data-dir={Path(home) / 'profile'}", "--no-first-run"]
    return {
        "browserName": "chrome",
        "goog:chromeOptions": {"binary": CHROMIUM, "args": arguments},
        "goog:loggingPrefs": {"browser": "ALL"},
    }
