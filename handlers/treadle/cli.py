"""The command line: `treadle serve`, `treadle run` and `treadle conform`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from treadle import __version__
from treadle.errors import ConfigError, InvalidRequest, TreadleError
from treadle.interpreter import importing

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


class StreamMode(StrEnum):
    """What a stream tells of a run."""

    values = "values"
    updates = "updates"
    messages = "messages"
    messages_tuple = "messages-tuple"
    tasks = "tasks"
    checkpoints = "checkpoints"
    debug = "debug"
    events = "events"
    custom = "custom"


@cli.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False) -> None:
    if version:
        typer.echo(f"treadle {__version__}")
        raise typer.Exit


@cli.command()
def serve(
    config: Annotated[
        Path, typer.Argument(metavar="[CONFIG]", help="A langgraph.json, or its folder.")
    ] = DEFAULT_CONFIG,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(help=f"Port; {DEFAULT_PORT} or a free one if left out.", min=0, max=65535)
    ] = None,
    database_uri: Annotated[str | None, typer.Option(help="Where runs live (DATABASE_URI).")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Runs at once (N_JOBS_PER_WORKER).", min=1)] = None,
    workers: Annotated[int, typer.Option(help="Server processes on this port, sharing the store.", min=1)] = 1,
    role: Annotated[Role | None, typer.Option(help="Answer requests, run, or both (ROLE).")] = None,
    root_path: Annotated[str | None, typer.Option(help="Path under which a proxy serves (TREADLE_ROOT_PATH).")] = None,
    reload: Annotated[
        bool, typer.Option("--reload", help="Start anew when a file beside the configuration changes.")
    ] = False,
    log_level: Annotated[LogLevel, typer.Option(help="What to log.")] = LogLevel.info,
    inherited: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Serve the graphs of a langgraph.json until interrupted.

    The first Ctrl-C lets runs end, a second one stops at once; with --reload the first does.
    What has not ended then goes back to the store.

    \b
    treadle serve                                 # the langgraph.json here
    treadle serve app/langgraph.json --port 8000
    treadle serve --reload                        # anew after each change
    treadle serve --workers 4 --host 0.0.0.0      # for other machines
    """
    with importing():
        from treadle.processes import Inherited, serve_in_processes
        from treadle.reloading import serve_reloading
        from treadle.server import Listener, serve_forever

    try:
        overrides = {"database_uri": database_uri, "concurrency": concurrency, "role": role, "root_path": root_path}
        if inherited is not None:
            Inherited.parse(inherited).serve(config, host, overrides, log_level)
            return
        if workers > 1 and reload:
            raise ConfigError("--reload and --workers: leave one of them out; a reloading server is one process")
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
    graph: Annotated[str, typer.Argument(metavar="GRAPH", help="A graph id or an assistant's UUID.")],
    given: Annotated[
        str | None, typer.Argument(metavar="[INPUT]", help="The input, as JSON.", show_default=False)
    ] = None,
    input: Annotated[
        str | None, typer.Option(metavar="FILE", help="A file with the input as JSON; - for standard input.")
    ] = None,
    stream_mode: Annotated[
        list[StreamMode] | None,
        typer.Option(metavar="MODE", help=f"Print events as they come; repeatable: {', '.join(StreamMode)}."),
    ] = None,
    subgraphs: Annotated[bool, typer.Option("--subgraphs", help="Print events of subgraphs as well.")] = False,
    json: Annotated[bool, typer.Option("--json", help='Print JSON lines: {"event": …, "data": …}.')] = False,
    context: Annotated[str | None, typer.Option(metavar="JSON", help="The run's context, as a JSON object.")] = None,
    config_json: Annotated[
        str | None, typer.Option(metavar="JSON", help="The run's config: configurable, tags, recursion_limit, …")
    ] = None,
    config: Annotated[Path, typer.Option(help="A langgraph.json, or its folder.")] = DEFAULT_CONFIG,
    log_level: Annotated[LogLevel, typer.Option(help="What to log.")] = LogLevel.warning,
) -> None:
    """Run one graph once, as the server would, and print its output.

    Without a terminal, output is JSON, and an event a line: its name, JSON.
    What the graph itself prints and logs goes to standard error.
    Exit code 1 says that the run failed, 2 that it could not begin.

    \b
    treadle run agent '{"messages": [{"role": "user", "content": "Hi!"}]}'
    treadle run agent --input in.json --stream-mode messages-tuple
    jq -Rs '{email: .}' mail.eml | treadle run triage --input -
    treadle run triage --input in.json --stream-mode updates --json
    treadle run triage --input in.json --context '{"escalate_above": 0.9}'
    """
    with importing():
        from treadle.oneshot import run_once
        from treadle.printing import JsonLines, Lines, Readable

    with _told_in_one_line():
        asked = {"assistant_id": graph, "input": _input(given, input), **_objects(context, config_json)}
        if subgraphs and not stream_mode:
            raise InvalidRequest("--subgraphs: name the events to print with --stream-mode")
        asked["stream_subgraphs"] = subgraphs
        _write_utf8()
        printing = (JsonLines if json else Readable if sys.stdout.isatty() else Lines)(sys.stdout)
        failure = run_once(config, asked, stream_mode or [], printing, log_level)
    if failure is not None:
        print(f"treadle: {failure}", file=sys.stderr)
        raise typer.Exit(1)


@cli.command()
def conform(
    url: Annotated[str, typer.Argument(metavar="[URL]", help="The server to examine.", show_default=False)] = "",
    assistant: Annotated[str, typer.Option(metavar="ID", help="A graph of the server, or an assistant.")] = "",
    input: Annotated[str | None, typer.Option(metavar="JSON", help="An input that this graph accepts.")] = None,
    graphs: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the probe graphs there, for the server to serve.")
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Create nothing but runs: keep no threads.")] = False,
    header: Annotated[
        list[str] | None, typer.Option(metavar="'NAME: VALUE'", help="Send this with each request; repeatable.")
    ] = None,
    operations: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Examine these only, such as 'POST /runs*'; repeatable.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds that one answer may take.", min=0.1)] = 30.0,
    json: Annotated[str | None, typer.Option(metavar="FILE", help="Write JSON; - for standard output.")] = None,
    junit: Annotated[str | None, typer.Option(metavar="FILE", help="Write JUnit XML.")] = None,
    markdown: Annotated[str | None, typer.Option(metavar="FILE", help="Write Markdown.")] = None,
) -> None:
    """Examine any Agent Server: does it keep the contract of stateless runs?

    Every answer is judged by the contract, and the effect of each field is looked for.
    Exit code 1 says that the server breaks the contract, 2 that it cannot be examined.

    \b
    treadle conform http://127.0.0.1:2024 --assistant agent --input '{"messages": []}'
    treadle conform --graphs probes                      # graphs for the server to serve,
    treadle conform http://127.0.0.1:2024                # and then every check
    treadle conform $URL --header "x-api-key: $KEY" --junit conform.xml
    """
    with _told_in_one_line():
        from treadle.conformance.command import Request, conform
        from treadle.conformance.graphs import write_graphs

        if graphs is not None:
            typer.echo(write_graphs(graphs))
        if not url:
            if graphs is None:
                raise InvalidRequest("name the address of the server to examine, or a folder with --graphs")
            return
        request = Request(url, assistant, input, header or (), operations or (), read_only, timeout)
        files = {"json": json, "junit": junit, "markdown": markdown}
        passed = conform(request, {form: file for form, file in files.items() if file is not None})
    if not passed:
        raise typer.Exit(1)


@contextmanager
def _told_in_one_line() -> Iterator[None]:
    """What ends a run before its outcome becomes one line on standard error, and an exit code."""
    try:
        yield
    except TreadleError as error:
        _stop(error)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except BrokenPipeError:  # the reader has what it wanted
        raise
    except OSError as error:
        _stop(ConfigError(f"standard output cannot be written: {error.strerror}"))


def _write_utf8() -> None:
    """Set standard output to UTF-8, the encoding of JSON. Raises ConfigError if standard output is closed."""
    if sys.stdout is None:
        raise ConfigError("standard output is closed")
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")


def _input(text: str | None, file: str | None) -> Any:
    from treadle.given import in_file, in_text

    if text is not None and file is None:
        return in_text("INPUT", text, "; a file is named by --input FILE, standard input by --input -")
    if file is not None and text is None:
        return in_file("--input", file)
    raise InvalidRequest("give the input once: as JSON behind the graph, or in a file with --input FILE")


def _objects(context: str | None, config: str | None) -> dict[str, Any]:
    from treadle.given import object_in_text

    given = {"context": ("--context", context), "config": ("--config-json", config)}
    return {field: object_in_text(option, text) for field, (option, text) in given.items() if text is not None}


def _stop(error: TreadleError) -> NoReturn:
    print(f"treadle: {' '.join(str(error).split())}", file=sys.stderr)
    sys.exit(2)
