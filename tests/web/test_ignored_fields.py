"""Every operation names the fields that the server ignores."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.web.keeping import kept, thread_path

pytestmark = pytest.mark.edge


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/threads", {}),
        ("{thread}/history", {"limit": 1}),
        ("{thread}/state/checkpoint", {"checkpoint": {}}),
        ("/assistants/search", {}),
    ],
)
def test_the_fields_that_a_schema_does_not_have_are_named(http: httpx.Client, path: str, body: dict[str, Any]) -> None:
    url = path.format(thread=thread_path(kept(http, "simple", {"foo": 1})))
    assert "treadle-ignored" not in http.post(url, json=body).headers
    response = http.post(url, json={**body, "foo": 1, "bar": None})
    assert response.status_code == 200
    assert response.headers["treadle-ignored"] == "foo, bar"
