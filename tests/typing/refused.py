"""What the type checkers must refuse. A line that one of them accepts has a needless `type: ignore`, which fails."""

from __future__ import annotations

from treadle_client import Treadle, params


def mistakes(client: Treadle) -> None:
    """A field that does not exist, a value that no enumeration has, an attribute of no result."""
    client.runs.wait("agent", onput={})  # type: ignore[call-arg]
    client.runs.wait("agent", stream_mode="vlaues")  # type: ignore[arg-type]
    client.runs.wait("agent", timeout="3")  # type: ignore[arg-type]
    client.runs.wait("agent", config="fast")  # type: ignore[arg-type]
    client.runs.wait("agent", command={"gotoo": "n"})  # type: ignore[arg-type]
    client.runs.create("agent").run_idd  # type: ignore[attr-defined] # noqa: B018
    bodies: list[params.RunCreateStateless] = [{"input": 1}]  # type: ignore[typeddict-item]
    client.runs.create_batch(bodies)
