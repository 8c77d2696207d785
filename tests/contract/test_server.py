"""The server under test: its environment, and its faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.server import NOWHERE, _environment, is_fault, serving


def test_a_server_that_does_not_start_is_told_with_its_log(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="No module named"), serving(tmp_path / "log", module="treadle.nothing"):
        raise AssertionError("it started")


def test_nothing_of_the_callers_settings_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANGSMITH_API_KEY", "LANGCHAIN_API_KEY", "TREADLE_EXAMPLE_MODEL", "DATABASE_URI", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "x")
    environment = _environment()
    assert "x" not in environment.values()
    assert environment["HTTPS_PROXY"] == NOWHERE and environment["LANGSMITH_TRACING"] == "false"


def test_a_failing_graph_is_no_fault_of_the_server() -> None:
    assert not is_fault({"level": "error", "logger": "treadle.runs", "event": "run failed"})
    assert not is_fault({"level": "warning", "logger": "uvicorn.error", "event": "Invalid HTTP request received."})
    assert is_fault({"level": "error", "logger": "treadle.web", "event": "request failed"})
    assert is_fault({"level": "error", "logger": "uvicorn.error", "event": "Exception in ASGI application"})
