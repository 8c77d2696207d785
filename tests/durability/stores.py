"""The stores that servers of these tests share: a file, or a schema of a PostgreSQL database."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar

from tests.databases import POSTGRES, a_schema
from tests.live import DEADLINE
from treadle.storage.postgres.clock import PROMPT

CONNECTIONS = 5
"""Connections to a database of each part of a server, so that many servers fit into one."""

LEASE = "10"
"""Seconds after which a killed server is noticed, unless a test says otherwise: a busy machine must not lose runs."""


class Store(ABC):
    """A look into a store, beside its servers. Parameters of statements are `?`."""

    audit: ClassVar[str]
    """A script for tables and triggers that note each start and each end of a run in the transaction that makes it."""
    early: ClassVar[float] = 0.0
    """Seconds by which a server may misjudge the time of the store."""

    @property
    @abstractmethod
    def settings(self) -> dict[str, str]:
        """The settings of a server on the store."""

    @abstractmethod
    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows that a statement selects."""

    @abstractmethod
    def script(self, statements: str) -> None:
        """Carry out statements."""


class File(Store):
    """An SQLite file."""

    audit = """
        CREATE TABLE audit_starts (number INTEGER PRIMARY KEY, run_id TEXT, attempt INTEGER, at REAL);
        CREATE TABLE audit_ends (number INTEGER PRIMARY KEY, run_id TEXT, status TEXT, attempt INTEGER);
        CREATE TRIGGER audit_added AFTER INSERT ON runs WHEN new.claim IS NOT NULL
        BEGIN INSERT INTO audit_starts VALUES (NULL, new.run_id, new.attempt, new.started_at); END;
        CREATE TRIGGER audit_claimed AFTER UPDATE OF claim ON runs WHEN new.claim IS NOT NULL
        BEGIN INSERT INTO audit_starts VALUES (NULL, new.run_id, new.attempt, new.started_at); END;
        CREATE TRIGGER audit_ended AFTER UPDATE OF status ON runs WHEN new.status NOT IN ('pending', 'running')
        BEGIN INSERT INTO audit_ends VALUES (NULL, new.run_id, new.status, new.attempt); END;
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def settings(self) -> dict[str, str]:
        return {"DATABASE_URI": f"sqlite:///{self.path}"}

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path, timeout=DEADLINE)) as file:
            return file.execute(statement, parameters).fetchall()

    def script(self, statements: str) -> None:
        with closing(sqlite3.connect(self.path, timeout=DEADLINE)) as file:
            file.executescript(statements)


class Schema(Store):
    """A schema of a PostgreSQL database."""

    early = PROMPT / 2
    audit = """
        CREATE TABLE audit_starts (
            number bigint GENERATED ALWAYS AS IDENTITY, run_id text, attempt integer, at double precision
        );
        CREATE TABLE audit_ends (
            number bigint GENERATED ALWAYS AS IDENTITY, run_id text, status text, attempt integer
        );
        CREATE FUNCTION audit_start() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$ BEGIN
            INSERT INTO audit_starts (run_id, attempt, at)
            VALUES (new.run_id, new.attempt, extract(epoch FROM clock_timestamp()));
            RETURN NULL;
        END $$;
        CREATE FUNCTION audit_end() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$ BEGIN
            INSERT INTO audit_ends (run_id, status, attempt) VALUES (new.run_id, new.status, new.attempt);
            RETURN NULL;
        END $$;
        CREATE TRIGGER audit_added AFTER INSERT ON runs
        FOR EACH ROW WHEN (new.claim IS NOT NULL) EXECUTE FUNCTION audit_start();
        CREATE TRIGGER audit_claimed AFTER UPDATE OF claim ON runs
        FOR EACH ROW WHEN (new.claim IS NOT NULL) EXECUTE FUNCTION audit_start();
        CREATE TRIGGER audit_ended AFTER UPDATE OF status ON runs
        FOR EACH ROW WHEN (new.status NOT IN ('pending', 'running')) EXECUTE FUNCTION audit_end();
    """

    def __init__(self, name: str, uri: str | None = None) -> None:
        self.name = name
        self.uri = uri or POSTGRES or ""

    @property
    def settings(self) -> dict[str, str]:
        return {
            "DATABASE_URI": self.uri,
            "DATABASE_SCHEMA": self.name,
            "DATABASE_POOL_SIZE": str(CONNECTIONS),
            "LEASE_SECONDS": LEASE,
        }

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self._connected() as connection:
            return list(connection.execute(statement.replace("?", "%s"), parameters or None).fetchall())

    def script(self, statements: str) -> None:
        with self._connected() as connection:
            connection.execute(statements)

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        import psycopg

        options = f"-csearch_path={self.name}"
        with psycopg.connect(self.uri, autocommit=True, options=options) as connection:
            yield connection


@contextmanager
def a_store(kind: str, folder: Path) -> Iterator[Store]:
    """A store in which there is nothing yet: `sqlite` in this folder, or `postgresql`."""
    if kind == "sqlite":
        yield File(folder / "runs.db")
    else:
        with a_schema() as name:
            yield Schema(name)
