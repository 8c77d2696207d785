"""A request that is repeated with its `Idempotency-Key` shows its runs to a user who may still see them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web.guarding import guarded

AUTH = """
from langgraph_sdk import Auth

auth = Auth()

@auth.authenticate
async def authenticate(authorization: str):
    name, _, right = authorization.removeprefix("Bearer ").partition("-")
    return {"identity": name, "permissions": [right]}

@auth.on.threads.read
async def read(ctx, value):
    return "reader" in ctx.permissions
"""
RUN = {"assistant_id": "agent", "input": {}}


@pytest.mark.parametrize("path", ["/runs", "/runs/wait", "/runs/stream", "/runs/batch"])
def test_a_user_who_has_lost_the_right_gets_no_outcome_again(tmp_path: Path, path: str) -> None:
    body = [RUN, RUN] if path == "/runs/batch" else RUN
    with guarded(tmp_path, AUTH) as http:

        def status(user: str) -> tuple[int, str | None]:
            headers = {"authorization": f"Bearer {user}", "idempotency-key": "one"}
            answer = http.post(path, json=body, headers=headers)
            return answer.status_code, answer.headers.get("idempotent-replayed")

        assert status("ana-none") == (200, None)
        assert status("ana-reader") == (200, "true")
        assert status("ana-none") == (403, None)
        assert status("ben-none") == (200, None)  # a key of its own
