"""Delayed runs start when they are due, whatever else the worker does."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.live import DEADLINE, LiveServer

pytestmark = pytest.mark.anyio


async def test_no_delayed_run_is_forgotten(server: LiveServer) -> None:
    """Runs that fall due between the worker's claim and its look at the clock start as well."""
    async with httpx.AsyncClient(base_url=server.url, timeout=DEADLINE) as http:

        async def delayed(milliseconds: int) -> int:
            body = {"assistant_id": "simple", "input": {"foo": 1}, "after_seconds": milliseconds / 1000}
            return (await http.post("/runs/wait", json=body)).status_code

        for _ in range(10):
            statuses = await asyncio.gather(*[delayed(1 + number % 40) for number in range(40)])
            assert set(statuses) == {200}


async def test_a_deleted_run_is_gone_when_the_answer_comes(server: LiveServer) -> None:
    """Its node may still be ending, but no request finds it any more."""
    async with httpx.AsyncClient(base_url=server.url, timeout=DEADLINE) as http:
        for _ in range(40):
            created = await http.post("/runs", json={"assistant_id": "slow", "input": {"seconds": 5}})
            path = f"/runs/{created.json()['run_id']}"
            assert (await http.delete(path)).status_code == 204
            assert (await http.get(path)).status_code == 404
