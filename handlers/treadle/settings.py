"""What can be set from outside: environment names follow the official server's where it has them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from treadle.errors import ConfigError
from treadle.keys import ApiKey, keys_in_list, names_of

MOST = {
    "seconds": 1e10,
    "minutes": 1e8,
    "bytes": 1e15,
    "runs": 1e6,
    "queued runs": 1e9,
    "assistants": 1e9,
    "attempts": 1e3,
    "connections": 1e3,
}
"""The largest number of each unit: later than three centuries from now, no time can be shown."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its unit. `from_environment` reads the upper-case names given beside each field."""

    database_uri: str = field(default="sqlite:///.treadle/runs.db", repr=False)
    """DATABASE_URI: where runs live. A file, a PostgreSQL database, or `memory://`, which ends with the process."""
    database_schema: str = "treadle"
    """DATABASE_SCHEMA: the schema of a PostgreSQL database that all tables are in; made if it is not there."""
    database_connections: int = 10
    """DATABASE_POOL_SIZE: connections that each part of this process may have to PostgreSQL: runs, threads, items."""
    database_direct_uri: str | None = field(default=None, repr=False)
    """DATABASE_DIRECT_URI: the same database without the pooler that DATABASE_URI leads to; None: there is none."""
    database_timeout: float = 5.0
    """DATABASE_TIMEOUT_SECONDS: seconds that PostgreSQL may take to answer before requests get 503."""
    concurrency: int = 100
    """N_JOBS_PER_WORKER: runs executed at once by this process."""
    role: str = "all"
    """ROLE: `all`; `api` to answer requests and leave running to others; `worker` to run, and answer none."""
    attempts: int = 3
    """BG_JOB_MAX_RETRIES: attempts at a run, in all, before one whose process keeps dying ends with status `error`."""
    lease: float = 15.0
    """LEASE_SECONDS: a run whose process is silent for so long is taken up by another one."""
    sqlite_sync: str = "normal"
    """SQLITE_SYNC: `normal` survives the end of the process, `full` also that of the machine."""
    isolated_loops: bool = False
    """BG_JOB_ISOLATED_LOOPS: whether each run gets an event loop of its own, so that no run can hold up another."""
    run_timeout: float = 3600.0
    """BG_JOB_TIMEOUT_SECS: seconds after which a run ends with status `timeout`."""
    shutdown_grace: float = 180.0
    """BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS: seconds that running runs may take to end after SIGTERM."""
    max_body_bytes: int = 300 * 1024 * 1024
    """HTTP_MAX_REQUEST_BODY_BYTES: larger request bodies get 413."""
    max_queued: int = 100_000
    """MAX_QUEUED_RUNS: runs that may wait in the store; creates that would make more get 503. 0: no limit."""
    max_assistants: int = 10_000
    """MAX_ASSISTANTS: created and changed assistants that may be kept; creates that would make more get 409."""
    run_ttl: float = 600.0
    """RUN_TTL_SECONDS: seconds for which an ended run's outcome stays readable at /runs/{run_id}."""
    run_retention_bytes: int | None = None
    """RUN_RETENTION_BYTES: ended runs beyond this size are forgotten early, oldest first; None: as the store has it."""
    idempotency_ttl: float = 86400.0
    """IDEMPOTENCY_TTL_SECONDS: seconds for which an `Idempotency-Key` stands for its request, and keeps its runs."""
    thread_ttl: float | None = None
    """THREAD_TTL_MINUTES: minutes for which a kept thread stays after its last change, if it does not say."""
    thread_ttl_strategy: Literal["delete", "keep_latest"] = "delete"
    """THREAD_TTL_STRATEGY: whether threads that expire are deleted, or only their older checkpoints."""
    resumable_ttl: float = 120.0
    """RESUMABLE_STREAM_TTL_SECONDS: seconds for which the events of an ended resumable run can be replayed."""
    event_buffer_bytes: int = 16 * 1024 * 1024
    """EVENT_BUFFER_BYTES: events of one run held in memory for slow or returning followers."""
    heartbeat: float = 5.0
    """HEARTBEAT_SECONDS: period of the heartbeats on streams and waits, from the start of the response."""
    webhook_secret: str | None = field(default=None, repr=False)
    """WEBHOOK_SECRET: signs webhooks; `whsec_` and base64. Several, separated by spaces, all sign: to change them."""
    webhook_attempts: int = 50
    """WEBHOOK_MAX_ATTEMPTS: attempts at a webhook, in all, before it is given up: about a day with this many."""
    webhook_timeout: float = 10.0
    """WEBHOOK_TIMEOUT_SECS: seconds that one attempt at a webhook may take."""
    public_url: str | None = None
    """TREADLE_PUBLIC_URL: where clients reach this server, for links; None: as each request was addressed."""
    root_path: str | None = None
    """TREADLE_ROOT_PATH: the path under which a proxy serves this server; None: that of the public URL, or as trusted
    proxies say."""
    trusted_proxies: str = "127.0.0.1"
    """FORWARDED_ALLOW_IPS: addresses and networks of proxies that are believed; `*` are all, and empty none."""
    secret_key: str | None = field(default=None, repr=False)
    """TREADLE_SECRET_KEY: signs the links for feedback; None: with a secret that the store keeps."""
    feedback_ttl: float = 7 * 24 * 3600.0
    """FEEDBACK_TTL_SECONDS: seconds for which a link for feedback is valid, and its run is kept."""
    cors_allow_origins: tuple[str, ...] | None = None
    """CORS_ALLOW_ORIGINS: origins of browsers that may call, separated by commas; None: as `http.cors` says, or all"""
    api_keys: tuple[ApiKey, ...] = ()
    """TREADLE_API_KEYS: the keys that callers need; with none here and none in the file, no key is needed."""
    api_keys_file: str | None = None
    """TREADLE_API_KEYS_FILE: a file with further keys, one a line, that is read again when it changes."""

    @property
    def needs_key(self) -> bool:
        """Whether requests need an API key."""
        return bool(self.api_keys) or self.api_keys_file is not None

    @property
    def backend(self) -> str:
        """The scheme of DATABASE_URI, which names the kind of store."""
        return self.database_uri.partition(":")[0]

    @property
    def store_shown(self) -> str:
        """DATABASE_URI as it may be shown: a password and options are left out."""
        # Up to the last @: a password may have characters that should have been written otherwise.
        return re.sub(r"://([^:@/]*):.*@", r"://\1@", self.database_uri).partition("?")[0]

    @property
    def store_can_be_shared(self) -> bool:
        """Whether the store outlives a process and can be opened by several."""
        return self.backend != "memory"

    @property
    def callers(self) -> list[str]:
        """Whose keys are valid, and the file with those of others."""
        file = [] if self.api_keys_file is None else [f"those in {self.api_keys_file}"]
        return names_of(self.api_keys) + file

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], **overrides: Any) -> Settings:
        """Settings from `environment`; an override that is not None beats it.

        Raises ConfigError naming the variable whose value cannot be read.
        """
        values = {
            field: read(name, environment[name]) for name, (field, read) in _VARIABLES.items() if name in environment
        }
        values.update({field: value for field, value in overrides.items() if value is not None})
        settings = cls(**values)
        if settings.role != "all" and not settings.store_can_be_shared:
            raise ConfigError(f"ROLE={settings.role}: memory:// cannot be shared; name a file in DATABASE_URI")
        return settings


def _number(kind: Callable[[str], Any], least: float, unit: str) -> Callable[[str, str], Any]:
    def read(name: str, text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= MOST[unit]:
            bounds = f"at least {least:g} and at most {MOST[unit]:g}"
            raise ConfigError(f"{name}={text!r}: set it to a number of {unit}, {bounds}")
        return value

    return read


def _text(name: str, text: str) -> str:
    if not text:
        raise ConfigError(f"{name} is empty: unset it or give it a value")
    return text


def _address(name: str, text: str) -> str:
    return _text(name, text.strip())  # a secret that was written by `echo` ends with a line feed


def _name(name: str, text: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,49}", text):
        raise ConfigError(f"{name}={text!r}: set it to at most 50 lower-case letters, digits and underscores")
    return text


def _any(name: str, text: str) -> str:
    return text


def _url(name: str, text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", text):
        raise ConfigError(f"{name}={text!r}: set it to a URL such as https://agents.example.com")
    return text.rstrip("/")


def _choice(*words: str) -> Callable[[str, str], str]:
    def read(name: str, text: str) -> str:
        if text not in words:
            raise ConfigError(f"{name}={text!r}: set it to {' or '.join(words)}")
        return text

    return read


def _switch(name: str, text: str) -> bool:
    if text.lower() not in _SWITCH:
        raise ConfigError(f"{name}={text!r}: set it to true or false")
    return _SWITCH[text.lower()]


def _list(name: str, text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _keys(name: str, text: str) -> tuple[ApiKey, ...]:
    keys = keys_in_list(name, text)
    if not keys:  # a server that was meant to have keys must not be open to all
        raise ConfigError(f"{name} is empty: unset it or give it a value")
    return keys


_SWITCH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_VARIABLES: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    "DATABASE_URI": ("database_uri", _address),
    "N_JOBS_PER_WORKER": ("concurrency", _number(int, 1, "runs")),
    "DATABASE_SCHEMA": ("database_schema", _name),
    "DATABASE_POOL_SIZE": ("database_connections", _number(int, 2, "connections")),
    "DATABASE_DIRECT_URI": ("database_direct_uri", _address),
    "DATABASE_TIMEOUT_SECONDS": ("database_timeout", _number(float, 0.1, "seconds")),
    "ROLE": ("role", _choice("all", "api", "worker")),
    "BG_JOB_MAX_RETRIES": ("attempts", _number(int, 1, "attempts")),
    "LEASE_SECONDS": ("lease", _number(float, 0.1, "seconds")),
    "SQLITE_SYNC": ("sqlite_sync", _choice("normal", "full")),
    "BG_JOB_ISOLATED_LOOPS": ("isolated_loops", _switch),
    "BG_JOB_TIMEOUT_SECS": ("run_timeout", _number(float, 0.001, "seconds")),
    "BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": ("shutdown_grace", _number(float, 0, "seconds")),
    "HTTP_MAX_REQUEST_BODY_BYTES": ("max_body_bytes", _number(int, 1, "bytes")),
    "MAX_QUEUED_RUNS": ("max_queued", _number(int, 0, "queued runs")),
    "MAX_ASSISTANTS": ("max_assistants", _number(int, 0, "assistants")),
    "RUN_TTL_SECONDS": ("run_ttl", _number(float, 0, "seconds")),
    "RUN_RETENTION_BYTES": ("run_retention_bytes", _number(int, 0, "bytes")),
    "IDEMPOTENCY_TTL_SECONDS": ("idempotency_ttl", _number(float, 1, "seconds")),
    "THREAD_TTL_MINUTES": ("thread_ttl", _number(float, 0.001, "minutes")),
    "THREAD_TTL_STRATEGY": ("thread_ttl_strategy", _choice("delete", "keep_latest")),
    "RESUMABLE_STREAM_TTL_SECONDS": ("resumable_ttl", _number(float, 0, "seconds")),
    "EVENT_BUFFER_BYTES": ("event_buffer_bytes", _number(int, 1, "bytes")),
    "HEARTBEAT_SECONDS": ("heartbeat", _number(float, 0.01, "seconds")),
    "WEBHOOK_SECRET": ("webhook_secret", _text),
    "WEBHOOK_MAX_ATTEMPTS": ("webhook_attempts", _number(int, 1, "attempts")),
    "WEBHOOK_TIMEOUT_SECS": ("webhook_timeout", _number(float, 0.1, "seconds")),
    "TREADLE_PUBLIC_URL": ("public_url", _url),
    "TREADLE_ROOT_PATH": ("root_path", _text),
    "FORWARDED_ALLOW_IPS": ("trusted_proxies", _any),
    "TREADLE_SECRET_KEY": ("secret_key", _text),
    "FEEDBACK_TTL_SECONDS": ("feedback_ttl", _number(float, 1, "seconds")),
    "CORS_ALLOW_ORIGINS": ("cors_allow_origins", _list),
    "TREADLE_API_KEYS": ("api_keys", _keys),
    "TREADLE_API_KEYS_FILE": ("api_keys_file", _text),
}

assert {field for field, _ in _VARIABLES.values()} == {field.name for field in fields(Settings)}


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Variables that are named like settings of Treadle, and are none: one that is misspelt must not go unnoticed."""
    return sorted(name for name in environment if name.startswith("TREADLE_") and name not in _VARIABLES)
