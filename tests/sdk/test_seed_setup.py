"""The set-up step of the same documents: find a graph and make a thread, by curl as it stands and by the SDK."""

from __future__ import annotations

import json
import shutil
import subprocess
from uuid import UUID

import pytest
from langgraph_sdk import get_client

from tests.live import DEADLINE, LiveServer
from tests.sdk.test_seed_curl import HEADER, post

SETUP = r"""curl --request POST \
    --url <DEPLOYMENT_URL>/assistants/search \
    --header 'Content-Type: application/json' \
    --data '{ "limit": 10, "offset": 0 }' | jq -c 'map(select(.config == null or .config == {})) | .[0].graph_id' && \
curl --request POST \
    --url <DEPLOYMENT_URL>/threads \
    --header 'Content-Type: application/json' \
    --data '{}'"""


def test_the_search_finds_the_graph_that_the_documents_use(examples: LiveServer) -> None:
    found = json.loads(post(f"{examples.url}/assistants/search", HEADER, data='{ "limit": 10, "offset": 0 }'))
    # As the documents' jq filter.
    assert next(each["graph_id"] for each in found if each["config"] in (None, {})) == "agent"


def test_a_thread_is_made(examples: LiveServer) -> None:
    thread = json.loads(post(f"{examples.url}/threads", HEADER, data="{}"))
    assert UUID(thread["thread_id"]).version == 7
    assert (thread["status"], thread["metadata"]) == ("idle", {})


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="the documents' line needs curl and jq")
def test_the_whole_line_as_it_stands(examples: LiveServer) -> None:
    line = SETUP.replace("<DEPLOYMENT_URL>", examples.url)
    printed = subprocess.run(["bash", "-c", line], capture_output=True, check=True, timeout=DEADLINE, text=True).stdout
    graph_id, thread = map(json.loads, printed.splitlines())
    assert (graph_id, thread["status"]) == ("agent", "idle")


@pytest.mark.anyio
async def test_the_same_by_the_sdk(examples: LiveServer) -> None:
    client = get_client(url=examples.url)
    # Using the graph deployed with the name "agent"
    assistant_id = "agent"
    assistants = await client.assistants.search(limit=10, offset=0)
    thread = await client.threads.create()
    await client.aclose()
    assert assistant_id in [each["graph_id"] for each in assistants]
    assert thread["status"] == "idle"
