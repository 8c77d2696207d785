"""What Treadle does, through the generated client: a run waited for, one streamed, one in the background.

Starts a server of its own on a free port, prints what comes back as it arrives, and exits with 0 only if all of it is
right. `make demo` runs it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from treadle_client import Client
from treadle_client.api.stateless_runs import create_run, get_run, join_run, wait_run
from treadle_client.bodies import CreateRunBody, StreamRunBody, WaitRunBody
from treadle_client.models import Run, RunDetail
from treadle_client.streams import stream_run

HERE = Path(__file__).parent
GREETING = {"messages": [{"role": "user", "content": "Hello! My name is Bagatur and I am 26 years old."}]}
ALERT = {"email": (HERE / "emails" / "server_down.eml").read_text()}


@contextmanager
def served() -> Iterator[str]:
    """The URL of a server of the examples, on a free port of this machine."""
    command = [sys.executable, "-m", "treadle", "serve", str(HERE / "langgraph.json"), "--port", "0"]
    command += ["--database-uri", "memory://"]  # nothing of a demonstration needs to stay
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            yield json.loads(server.stderr.readline())["url"]
        finally:
            server.terminate()
            server.communicate()


def wait(client: Client) -> bool:
    """POST /runs/wait answers with the graph's output."""
    print("POST /runs/wait    triage, an alert from operations")
    body = WaitRunBody.from_dict({"assistant_id": "triage", "input": ALERT})
    output = wait_run.sync(client=client, body=body)
    assert isinstance(output, dict), output
    print(f"  decision  {output['decision']}, urgency {output['urgency']}")
    for action in output["actions"]:
        print(f"  action    {action['text']}")
    return bool(output["decision"] == "escalate")


def stream(client: Client) -> bool:
    """POST /runs/stream sends a chat model's tokens as they come."""
    print("POST /runs/stream  agent, token by token")
    body = StreamRunBody.from_dict({"assistant_id": "agent", "input": GREETING, "stream_mode": ["messages-tuple"]})
    answer, tokens = "", 0
    print("  ", end="")
    with stream_run.sync(client, body=body) as events:
        for event in events:
            if event.event == "messages":
                token = event.data[0]["content"]
                answer, tokens = answer + token, tokens + 1
                print(token, end="", flush=True)
    print(f"\n  ({tokens} tokens)")
    return "Bagatur" in answer and tokens > 5


def background(client: Client) -> bool:
    """POST /runs answers at once; the run is joined later, and its outcome stays readable."""
    print("POST /runs         agent, in the background")
    run = create_run.sync(client=client, body=CreateRunBody.from_dict({"assistant_id": "agent", "input": GREETING}))
    assert isinstance(run, Run), run
    print(f"  created   {run.run_id} ({run.status})")
    output = join_run.sync(run_id=run.run_id, client=client)
    assert isinstance(output, dict), output
    print(f"  joined    {output['messages'][-1]['content'][:60]}…")
    detail = get_run.sync(run_id=run.run_id, client=client)
    assert isinstance(detail, RunDetail), detail
    print(f"  outcome   {detail.status}, {detail.graph_ms:.1f} ms in the graph")
    return detail.status == "success" and "Bagatur" in output["messages"][-1]["content"]


def main() -> int:
    """Run the three, and say whether each came out right."""
    with served() as url, Client(base_url=url) as client:
        print(f"Serving the examples at {url}\n")
        results = {}
        for part in (wait, stream, background):
            results[part.__name__] = part(client)
            print()
    wrong = [name for name, right in results.items() if not right]
    print(f"wrong: {', '.join(wrong)}" if wrong else "All three came out right.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
