"""Servers whose store is encrypted, and a search for what should not be readable in their files."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.live import serving
from tests.web.calls import Json, accepted, create, detail, ended, stream, wait
from tests.web.hook_receiver import HookReceiver, until_delivery
from tests.web.keeping import new_thread
from tests.web.storing import get, put

VAULT = Path(__file__).parent.parent / "projects" / "vault" / "langgraph.json"
"""A project with a key for each tenant."""
SECRET = "plover-secret-of-ana"
PARTS = {f"{SECRET}-{number}" for number in range(1, 17)}
"""Texts that the server is told by `everything`, each in another place."""


def of_tenant(tenant: str, **more: Any) -> dict[str, str]:
    """The header with the context of a tenant."""
    return {"X-Encryption-Context": base64.b64encode(json.dumps({"tenant": tenant, **more}).encode()).decode()}


@contextmanager
def vault(folder: Path, **settings: Any) -> Iterator[httpx.Client]:
    """A client of tenant `ana` of a server whose files are in a folder."""
    given = {"database_uri": f"sqlite:///{folder}/runs.db", **settings}
    with serving(VAULT, **given) as live, live.client(headers=of_tenant("ana")) as http:
        yield http


def places(folder: Path, text: str) -> list[str]:
    """The databases in the folder that have the text: as it is, or in base64; in what is written ahead as well."""
    forms = [text.encode(), *(base64.b64encode(b"." * shift + text.encode())[4:-4] for shift in range(3))]
    contents = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
    found = {name for name, content in contents.items() if any(form in content for form in forms)}
    return sorted({name.removesuffix("-wal") for name in found})


def everything(http: httpx.Client, hooks: HookReceiver) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Tell the server SECRET in each place there is; yield the places, each with what a client gets back from there."""
    given = iter(sorted(PARTS, key=lambda part: int(part.rpartition("-")[2])))
    made = accepted(
        http.post(
            "/assistants",
            json={
                "graph_id": "agent",
                "config": {"configurable": {"word": (word := next(given))}},
                "metadata": {"note": (noted := next(given)), "topic": "plain"},
            },
        )
    ).json()
    assistant = f"/assistants/{made['assistant_id']}"
    yield word, lambda: accepted(http.get(assistant)).json()["context"]["word"]
    yield noted, lambda: accepted(http.get(assistant)).json()["metadata"]["note"]
    patched = next(given)
    accepted(http.patch(assistant, json={"metadata": {"more": patched}}))
    yield patched, lambda: accepted(http.get(assistant)).json()["metadata"]["more"]
    yield noted, lambda: accepted(http.get(assistant)).json()["metadata"]["note"]
    yield from _of_a_run(http, hooks, given)
    yield from _of_threads(http, given)
    key, value = "item", {"text": next(given), "topic": "items"}
    put(http, ["things"], key, value)
    yield value["text"], lambda: get(http, ["things"], key)["value"]["text"]


def _of_a_run(http: httpx.Client, hooks: HookReceiver, given: Iterator[str]) -> Iterator[tuple[str, Callable[[], Any]]]:
    text, note, tag, word, token = (next(given) for _ in range(5))
    run = create(
        http,
        "agent",
        {"text": text},
        metadata={"note": note},
        config={"tags": [tag], "configurable": {"word": word}},
        webhook=f"{hooks.url}/hook?token={token}",
        feedback_keys=["good"],
        stream_mode=["values", "custom", "updates"],
        stream_resumable=True,
        on_completion="keep",
    )
    hooks.first(run["run_id"])
    until_delivery(http, run["run_id"], "delivered")
    here = f"/runs/{run['run_id']}"
    yield text, lambda: detail(http, run["run_id"])["kwargs"]["input"]["text"]
    yield text, lambda: detail(http, run["run_id"])["values"]["text"]
    yield text, lambda: hooks.first(run["run_id"]).body["values"]["text"]
    yield note, lambda: detail(http, run["run_id"])["metadata"]["note"]
    yield note, lambda: accepted(http.get(f"/threads/{run['thread_id']}")).json()["metadata"]["note"]
    yield tag, lambda: detail(http, run["run_id"])["kwargs"]["config"]["tags"][0]
    yield word, lambda: detail(http, run["run_id"])["kwargs"]["context"]["word"]
    yield token, lambda: detail(http, run["run_id"])["webhook_deliveries"][0]["url"].rpartition("=")[2]
    replay = {"Last-Event-ID": "0"}
    yield text, lambda: json.loads(http.get(f"{here}/stream", headers=replay).text.split('{"custom":')[1].split("}")[0])
    history = f"/threads/{run['thread_id']}/history"
    yield text, lambda: accepted(http.get(history)).json()[0]["values"]["text"]
    yield note, lambda: accepted(http.get(history)).json()[0]["metadata"]["note"]
    comment = next(given)
    link = detail(http, run["run_id"])["feedback"][0]["url"]
    accepted(httpx.post(link, json={"score": 1, "comment": comment}))
    yield comment, lambda: detail(http, run["run_id"])["feedback"][0]["entries"][0]["comment"]


def _of_threads(http: httpx.Client, given: Iterator[str]) -> Iterator[tuple[str, Callable[[], Any]]]:
    asked, failed, streamed, temporary = (next(given) for _ in range(4))
    asking = create(http, "agent", {"text": asked, "ask": True}, on_completion="keep")
    ended(http, asking["run_id"])
    failing = create(http, "agent", {"text": failed, "fail": True}, on_completion="keep")
    ended(http, failing["run_id"])
    one, other = (f"/threads/{run['thread_id']}" for run in (asking, failing))
    yield asked, lambda: next(iter(accepted(http.get(one)).json()["interrupts"].values()))[0]["value"]["about"]
    yield asked, lambda: accepted(http.get(f"{one}/state")).json()["tasks"][0]["interrupts"][0]["value"]["about"]
    yield asked, lambda: accepted(http.get(one)).json()["values"]["text"]
    yield failed, lambda: detail(http, failing["run_id"])["error"]["message"].rpartition(" ")[2]
    yield failed, lambda: accepted(http.get(other)).json()["error"]["message"].rpartition(" ")[2]
    events, waited = (
        stream(http, "agent", {"text": streamed}, stream_mode="custom"),
        wait(http, "agent", {"text": temporary}),
    )
    yield streamed, lambda: events[1][1]["custom"]
    yield temporary, lambda: waited["text"]
    noted, stepped = next(given), next(given)
    steps = [{"updates": [{"values": {"text": stepped}, "as_node": "keep"}]}]
    thread: Json = new_thread(http, metadata={"note": noted, "graph_id": "agent"}, supersteps=steps)
    yield noted, lambda: accepted(http.get(f"/threads/{thread['thread_id']}")).json()["metadata"]["note"]
    yield stepped, lambda: accepted(http.get(f"/threads/{thread['thread_id']}/state")).json()["values"]["text"]


ENCRYPTION = """
import json
from langgraph_sdk import Encryption
from langgraph_sdk.encryption.types import DecryptResult

vault = Encryption()
calls, contexts = [], []

@vault.encrypt.blob
async def encrypt_blob(ctx, blob):
    calls.append(("encrypt.blob", ctx.model, ctx.field, ctx.metadata))
    return bytes(byte ^ 0x5A for byte in blob)

@vault.decrypt.blob
async def decrypt_blob(ctx, blob):
    calls.append(("decrypt.blob", ctx.model, ctx.field, ctx.metadata))
    return bytes(byte ^ 0x5A for byte in blob)

@vault.encrypt.json
async def encrypt_json(ctx, data):
    calls.append(("encrypt.json", ctx.model, ctx.field, ctx.metadata))
    return {key: "hex:" + json.dumps(data[key]).encode().hex() for key in data}

@vault.decrypt.json
async def decrypt_json(ctx, data):
    calls.append(("decrypt.json", ctx.model, ctx.field, ctx.metadata))
    return {key: json.loads(bytes.fromhex(data[key][4:])) for key in data}
"""
"""An `encryption.py` that encrypts every value, and notes its calls."""


def encrypted_project(folder: Path, encryption: str | None = ENCRYPTION, auth: str | None = None) -> Path:
    """Write a project with the vault's graph, this `encryption.py` and this `auth.py`; the path of its file."""
    document: Json = {
        "graphs": {"agent": f"{VAULT.parent}/agent.py:agent"},
        "store": {"index": {"embed": f"{VAULT.parent}/agent.py:embed", "dims": 2, "fields": ["text"]}},
        "webhooks": {"url": {"disable_loopback": False, "require_https": False}},
    }
    for key, text, name in (("encryption", encryption, "vault"), ("auth", auth, "auth")):
        if text is not None:
            folder.joinpath(f"{key}.py").write_text(text)
            document[key] = {"path": f"./{key}.py:{name}"}
    config = folder / "langgraph.json"
    config.write_text(json.dumps(document))
    return config


def without(handler: str, text: str = ENCRYPTION) -> str:
    """An `encryption.py` without a handler, such as `encrypt.json`."""
    before, _, after = text.partition(f"@vault.{handler}\n")
    return before + after.partition("\n\n")[2]


def instead(handler: str, body: str, text: str = ENCRYPTION) -> str:
    """An `encryption.py` in which one handler does something else."""
    before, _, after = text.partition(f"@vault.{handler}\n")
    rest = after.partition("\n\n")[2]
    return f"{before}@vault.{handler}\nasync def other(ctx, data):\n    {body}\n\n{rest}"
