"""What Treadle does, through the generated client: a run waited for, one streamed, one in the background.

Starts a server of its own on a free port, prints what comes back as it arrives, and exits with 0 only if all of it is
right. `make demo` runs it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from treadle_client import Treadle

HERE = Path(__file__).parent
GREETING = {"messages": [{"role": "user", "content": "Hello! My name is Bagatur and I am 26 years old."}]}
ALERT = {"email": (HERE / "emails" / "server_down.eml").read_text()}


@contextmanager
def served() -> Generator[str, None, None]:
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


def wait(client: Treadle) -> bool:
    """POST /runs/wait answers with the graph's output."""
    print("POST /runs/wait    triage, an alert from operations")
    output = client.runs.wait("triage", input=ALERT)
    print(f"  decision  {output['decision']}, urgency {output['urgency']}")
    for action in output["actions"]:
        print(f"  action    {action['text']}")
    return bool(output["decision"] == "escalate")


def stream(client: Treadle) -> bool:
    """POST /runs/stream sends a chat model's tokens as they come."""
    print("POST /runs/stream  agent, token by token")
    answer, tokens = "", 0
    print("  ", end="")
    with client.runs.stream("agent", input=GREETING, stream_mode=["messages-tuple"]) as stream:
        for token in stream.text():
            answer, tokens = answer + token, tokens + 1
            print(token, end="", flush=True)
    print(f"\n  ({tokens} tokens)")
    return "Bagatur" in answer and tokens > 5


def background(client: Treadle) -> bool:
    """POST /runs answers at once; the run is joined later, and its outcome stays readable."""
    print("POST /runs         agent, in the background")
    run = client.runs.create("agent", input=GREETING)
    print(f"  created   {run.run_id} ({run.status})")
    output = client.runs.join(run.run_id)
    print(f"  joined    {output['messages'][-1]['content'][:60]}…")
    detail = client.runs.get(run.run_id)
    print(f"  outcome   {detail.status}, {detail.graph_ms:.1f} ms in the graph")
    return detail.status == "success" and "Bagatur" in output["messages"][-1]["content"]


def main() -> int:
    """Run the three, and say whether each came out right."""
    with served() as url, Treadle(url) as client:
        print(f"Serving the examples at {url}\n")
        results: dict[str, bool] = {}
        for part in (wait, stream, background):
            results[part.__name__] = part(client)
            print()
    wrong = [name for name, right in results.items() if not right]
    print(f"wrong: {', '.join(wrong)}" if wrong else "All three came out right.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
