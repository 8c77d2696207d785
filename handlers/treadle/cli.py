"""The command line: `treadle serve` and `treadle run`."""

from __future__ import annotations

import asyncio
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from treadle import __version__
from treadle.errors import TreadleError

cli = typer.Typer(
    help="Serve LangGraph graphs as stateless runs over the Agent Server HTTP API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
DEFAULT_PORT = 2024
DEFAULT_CONFIG = Path("langgraph.json")


class LogLevel(StrEnum):
    """How much is logged."""

    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


class Role(StrEnum):
    """What a process does."""

    all = "all"
    api = "api"
    worker = "worker"


@cli.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False) -> None:
    if version:
        typer.echo(f"treadle {__version__}")
        raise typer.Exit


@cli.command()
def serve(
    config: Annotated[Path, typer.Argument(help="A langgraph.json.")] = DEFAULT_CONFIG,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(help=f"Port; {DEFAULT_PORT} or a free one if left out.", min=0, max=65535)
    ] = None,
    database_uri: Annotated[str | None, typer.Option(help="Where runs live (DATABASE_URI).")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Runs at once (N_JOBS_PER_WORKER).", min=1)] = None,
    workers: Annotated[int, typer.Option(help="Server processes on this port, sharing the store.", min=1)] = 1,
    role: Annotated[Role | None, typer.Option(help="Answer requests, run, or both (ROLE).")] = None,
    reload: Annotated[bool, typer.Option(help="Start anew when a file beside the configuration changes.")] = False,
    log_level: Annotated[LogLevel, typer.Option(help="What to log.")] = LogLevel.info,
    inherited: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Serve the graphs of a langgraph.json until interrupted."""
    from treadle.processes import Inherited, serve_in_processes
    from treadle.server import Listener, serve_forever, serve_reloading

    try:
        overrides = {"database_uri": database_uri, "concurrency": concurrency, "role": role}
        if inherited is not None:
            Inherited.parse(inherited).serve(config, host, overrides, log_level)
            return
        listener = Listener.bind(host, DEFAULT_PORT if port is None else port, asked=port is not None)
        if workers > 1:
            serve_in_processes(config, listener, overrides, log_level, workers)
        elif reload:
            serve_reloading(config, listener, overrides, log_level)
        else:
            serve_forever(config, listener, overrides, log_level)
    except TreadleError as error:
        _stop(error)


@cli.command()
def run(
    graph: Annotated[str, typer.Argument(help="A graph id or an assistant's UUID.")],
    input: Annotated[typer.FileBinaryRead, typer.Option(help="File with the input as JSON; - for standard input.")],
    stream_mode: Annotated[list[str] | None, typer.Option(help="Print these events as they come; repeatable.")] = None,
    config: Annotated[Path, typer.Option(help="A langgraph.json.")] = DEFAULT_CONFIG,
    log_level: Annotated[LogLevel, typer.Option(help="What to log.")] = LogLevel.warning,
) -> None:
    """Run one graph once, as the server would, and print what comes of it; exit with 1 if the run fails."""
    from treadle.oneshot import run_once

    try:
        succeeded = asyncio.run(run_once(config, graph, input.read(), stream_mode or [], log_level))
    except TreadleError as error:
        _stop(error)
    raise typer.Exit(0 if succeeded else 1)


def _stop(error: TreadleError) -> NoReturn:
    print(f"treadle: {error}", file=sys.stderr)
    sys.exit(2)
