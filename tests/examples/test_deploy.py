"""The files of `examples/deploy`: those who read them would take them, they agree with each other, and their commands
serve runs.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from tests.cli.processes import environment
from tests.databases import POSTGRES, a_schema, needs_postgres
from tests.durability.place import free_port
from tests.live import DEADLINE, until
from treadle.execution.worker import SETTLING, UNWINDING
from treadle.server import LAST_ANSWERS
from treadle.settings import _VARIABLES, Settings

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "examples" / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").rglob("*.yaml"))
COMPOSE_SCHEMA = files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json")
KUBERNETES = ("1.30", "1.37")
"""The oldest and the newest version of Kubernetes whose schemas the manifests are held against."""
ENDING = UNWINDING + SETTLING + LAST_ANSWERS
"""Seconds that a process may take to end after the grace period of its runs."""
RUN = {"assistant_id": "agent", "input": json.loads((ROOT / "examples" / "greeting.json").read_text("utf-8"))}
KEY = {"x-api-key": "key"}
Json = dict[str, Any]


def documents(path: Path) -> list[Json]:
    return [document for document in yaml.safe_load_all(path.read_text("utf-8")) if document]


OBJECTS = [document for path in MANIFESTS for document in documents(path)]
[COMPOSE] = documents(DEPLOY / "compose.yaml")
SERVICES = {name: each for name, each in COMPOSE["services"].items() if "command" in each}
DEPLOYMENTS = {each["metadata"]["name"]: each for each in OBJECTS if each["kind"] == "Deployment"}


def objects(kind: str) -> list[Json]:
    return [each for each in OBJECTS if each["kind"] == kind]


def container(deployment: Json) -> Json:
    [only] = deployment["spec"]["template"]["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def flag(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def settings_of(deployment: Json) -> Json:
    """The settings of a Deployment whose values are not secrets."""
    names = [source["configMapRef"]["name"] for source in container(deployment)["envFrom"]]
    return {
        name: value
        for each in objects("ConfigMap")
        if each["metadata"]["name"] in names
        for name, value in each["data"].items()
    }


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_kubernetes_takes_the_manifests(path: Path, version: str) -> None:
    for given in documents(path):
        if "keda.sh" in given["apiVersion"]:  # its schemas come with KEDA
            continue
        kubernetes_validate.validate(given, version, strict=True)
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate({**given, "metdata": {}}, version, strict=True)


def test_compose_takes_the_file() -> None:
    validator = jsonschema_rs.validator_for(json.loads(COMPOSE_SCHEMA.read_text("utf-8")))
    given = {name: value for name, value in COMPOSE.items() if not name.startswith("x-")}
    assert [error.message for error in validator.iter_errors(COMPOSE)] == []
    assert not validator.is_valid({**given, "services": {"api": {"comand": ["treadle"]}}})
    volumes = [
        volume.partition(":")[0] for service in COMPOSE["services"].values() for volume in service.get("volumes", [])
    ]
    assert set(volumes) == set(COMPOSE["volumes"])


def test_processes_have_the_time_that_they_need_to_end() -> None:
    for deployment in DEPLOYMENTS.values():
        grace = float(settings_of(deployment)["BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS"])
        hook = (
            container(deployment).get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", 0])
        )
        whole = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert whole >= float(hook[1]) + grace + ENDING
    for service in SERVICES.values():
        grace = float(service["environment"]["BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS"])
        assert float(service["stop_grace_period"].removesuffix("s")) >= grace + ENDING


def test_ports_and_labels_agree() -> None:
    for deployment in DEPLOYMENTS.values():
        pod, served = deployment["spec"]["template"], container(deployment)
        [port] = served["ports"]
        assert flag(served["command"], "--port") == str(port["containerPort"])
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert served[probe]["httpGet"]["port"] == port["name"]
        assert deployment["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    [service] = objects("Service")
    assert [each["targetPort"] for each in service["spec"]["ports"]] == ["http"]
    selectors = [service["spec"]["selector"]]
    selectors += [each["spec"]["selector"]["matchLabels"] for each in objects("PodDisruptionBudget")]
    labels = [each["spec"]["template"]["metadata"]["labels"] for each in DEPLOYMENTS.values()]
    assert [selector for selector in selectors if selector not in labels] == []
    targets = [each["spec"]["scaleTargetRef"]["name"] for each in OBJECTS if "scaleTargetRef" in each.get("spec", {})]
    assert set(targets) <= set(DEPLOYMENTS)
    for service in SERVICES.values():
        assert f"127.0.0.1:{flag(service['command'], '--port')}/" in service["healthcheck"]["test"][-1]
    assert SERVICES["api"]["ports"][0].endswith(f":{flag(SERVICES['api']['command'], '--port')}")


def test_settings_are_those_of_the_server() -> None:
    named = [*(name for service in SERVICES.values() for name in service["environment"] if not name.startswith("PG"))]
    for deployment in DEPLOYMENTS.values():
        named += [*settings_of(deployment), *(each["name"] for each in container(deployment)["env"])]
        assert container(deployment)["readinessProbe"]["timeoutSeconds"] > Settings().database_timeout
        slots = float(settings_of(deployment)["N_JOBS_PER_WORKER"])
    assert [name for name in named if name not in _VARIABLES] == []
    [trigger] = objects("ScaledObject")[0]["spec"]["triggers"]
    [metric] = objects("HorizontalPodAutoscaler")[0]["spec"]["metrics"]
    assert {type(value) for value in trigger["metadata"].values()} == {str}  # or KEDA's definitions refuse them
    target = trigger["metadata"]["targetQueryValue"]
    assert float(target) < slots
    assert metric["external"]["target"]["averageValue"] == target


def instructions() -> list[tuple[str, str]]:
    """(instruction, rest) of each line of the Containerfile."""
    text = (DEPLOY / "Containerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_image_is_made_of_what_is_there() -> None:
    text = (DEPLOY / "Containerfile").read_text("utf-8")
    assert re.findall(r"https?://|--index|--extra-index|--trusted", text) == []
    for rest in (rest for word, rest in instructions() if word == "COPY" and "--from" not in rest):
        sources = rest.replace("${TREADLE}", ".").replace("${PROJECT}", "examples").split()[:-1]
        assert [each for each in sources if "*" not in each and not (ROOT / each).exists()] == []
    last = dict(instructions())  # of each instruction the last one
    assert last["USER"] == "10001:10001"
    assert last["STOPSIGNAL"] == "SIGTERM"
    assert flag(json.loads(last["CMD"]), "--port") == last["EXPOSE"]
    for deployment in DEPLOYMENTS.values():
        assert deployment["spec"]["template"]["spec"]["securityContext"]["runAsUser"] == 10001
        image, command = json.loads(last["CMD"]), container(deployment)["command"]
        assert command[: len(image)] == image


@pytest.mark.parametrize("name", ["server.lock", "build.lock"])
def test_the_image_has_the_packages_that_are_tested(name: str) -> None:
    pins = re.compile(r"^[a-z0-9._-]+==\S+", re.MULTILINE)
    tested = set(pins.findall((ROOT / "requirements.lock").read_text("utf-8")))
    packed = set(pins.findall((DEPLOY / name).read_text("utf-8")))
    assert packed
    assert packed - tested == set()


def test_nginx_allows_what_the_server_allows() -> None:
    lines = (DEPLOY / "nginx.conf").read_text("utf-8")
    given = dict(re.findall(r"^ *(\w+) (\S+);", lines, re.MULTILINE))
    assert int(given["client_max_body_size"].removesuffix("m")) * 1024 * 1024 == Settings().max_body_bytes
    assert float(given["proxy_read_timeout"].removesuffix("s")) > Settings().heartbeat
    assert given["proxy_buffering"] == "off"


def test_the_document_names_each_file_and_real_settings() -> None:
    told = (ROOT / "docs" / "deploying.md").read_text("utf-8")
    made = [path for path in DEPLOY.rglob("*") if path.is_file()]
    assert [path.name for path in made if path.name not in told] == []
    named = set(re.findall(r"`((?:DATABASE|BG_JOB|HTTP|N_JOBS|TREADLE|HEARTBEAT|FORWARDED)_[A-Z_]+)[`=]", told))
    assert named - set(_VARIABLES) == {"TREADLE_PORT"}  # what Kubernetes would set, and is none


class Process:
    """A command of the files, on a port of its own."""

    def __init__(self, command: list[str], log: Path, variables: dict[str, str]) -> None:
        port = str(free_port())
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        given = [port if before == "--port" else word for before, word in zip(["", *command], command, strict=False)]
        bin_folder = Path(sys.executable).parent
        env = environment(**variables) | {"PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
        with log.open("wb") as said:
            self.process = subprocess.Popen(given, cwd=ROOT / "examples", env=env, stdout=said, stderr=said)

    def get(self, path: str) -> int:
        """The status of an answer; 0 without one."""
        assert self.process.poll() is None, self.log.read_text("utf-8")
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}{path}", timeout=DEADLINE).status_code
        return 0

    def await_ok(self, path: str) -> None:
        until(lambda: self.get(path) == 200)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE)


class Deployed:
    """Starts commands that share an empty schema."""

    def __init__(self, schema: str, folder: Path, ending: ExitStack) -> None:
        self.schema = schema
        self._folder = folder
        self._ending = ending

    def start(self, name: str, command: list[str], settings: Json) -> Process:
        shared = {"DATABASE_URI": POSTGRES or "", "DATABASE_SCHEMA": self.schema, "TREADLE_API_KEYS": "ana=key"}
        process = Process(command, self._folder / f"{name}.log", settings | shared)
        self._ending.callback(process.process.wait, DEADLINE)
        self._ending.callback(process.process.kill)
        return process


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[Deployed]:
    """What was started ends with the test."""
    with a_schema() as schema, ExitStack() as ending:
        yield Deployed(schema, tmp_path, ending)


@needs_postgres
def test_the_commands_of_the_manifests_serve_runs(deployed: Deployed) -> None:
    processes = [
        deployed.start(name, container(each)["command"], settings_of(each)) for name, each in DEPLOYMENTS.items()
    ]
    for process, each in zip(processes, DEPLOYMENTS.values(), strict=True):
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            process.await_ok(container(each)[probe]["httpGet"]["path"])
    check_a_run(processes[0])
    assert [process.stop() for process in processes] == [0, 0]


@needs_postgres
def test_the_commands_of_compose_serve_runs(deployed: Deployed) -> None:
    processes = [deployed.start(name, each["command"], {}) for name, each in SERVICES.items()]
    for process, each in zip(processes, SERVICES.values(), strict=True):
        process.await_ok("/ok")
        kind, program, *check = each["healthcheck"]["test"]
        assert (kind, program) == ("CMD", "python")
        asked = check[-1].replace("http://127.0.0.1:2024", process.url)
        subprocess.run([sys.executable, *check[:-1], asked], check=True, timeout=DEADLINE)
    check_a_run(processes[0])
    assert [process.stop() for process in processes] == [0, 0]


def check_a_run(process: Process) -> None:
    """A run of a client that is connected to an API process, which executes none itself."""
    answer = httpx.post(f"{process.url}/runs/wait", json=RUN, headers=KEY, timeout=DEADLINE)
    assert answer.status_code == 200, answer.text
    assert answer.json()["messages"][-1]["type"] == "ai"


@needs_postgres
def test_the_autoscaler_counts_the_runs_that_are_due(deployed: Deployed) -> None:
    import psycopg

    process = deployed.start("api", container(DEPLOYMENTS["treadle-api"])["command"], {})
    process.await_ok("/ok")
    for delay in ({}, {}, {"after_seconds": 3600}):
        httpx.post(f"{process.url}/runs", json=RUN | delay, headers=KEY, timeout=DEADLINE).raise_for_status()
    [trigger] = objects("ScaledObject")[0]["spec"]["triggers"]
    query = trigger["metadata"]["query"].replace("treadle.runs", f"{deployed.schema}.runs")
    with psycopg.connect(POSTGRES or "") as connection:
        assert connection.execute(query).fetchall() == [(2,)]
