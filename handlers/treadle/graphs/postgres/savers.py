"""Checkpoints of kept threads in a PostgreSQL database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from functools import partial
from math import isfinite
from typing import Any, TypeVar, cast

import psycopg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple, get_checkpoint_metadata
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg_pool import AsyncConnectionPool

from treadle.graphs.checkpointers import COUNTERS, Json, Saver, Savers, serializer
from treadle.graphs.custom_savers import SaverElsewhere
from treadle.graphs.event_loops import GraphLoop
from treadle.graphs.postgres.connections import IDLE, check, errors, is_lost, parameters, settings
from treadle.graphs.postgres.tables import make_tables
from treadle.graphs.pruning import older
from treadle.storage.contract.store import DatabaseSchema

T = TypeVar("T")
Pool = AsyncConnectionPool[psycopg.AsyncConnection[dict[str, Any]]]
_OF_RUN = "thread_id = %(thread_id)s AND metadata ->> 'run_id' = %(run_id)s"
# Values belong to all checkpoints that name their version. The checkpoints are read once, and not for each value.
_DELETE_UNUSED = """
DELETE FROM checkpoint_blobs WHERE thread_id = %(thread_id)s AND (checkpoint_ns, channel, version) NOT IN (
    SELECT checkpoint_ns, named.key, named.value
    FROM checkpoints CROSS JOIN jsonb_each_text(checkpoint -> 'channel_versions') AS named
    WHERE thread_id = %(thread_id)s AND named.value IS NOT NULL
)
"""
_DELETE_OF_RUN = (
    "DELETE FROM checkpoint_writes WHERE thread_id = %(thread_id)s AND (checkpoint_ns, checkpoint_id) IN "
    f"(SELECT checkpoint_ns, checkpoint_id FROM checkpoints WHERE {_OF_RUN})",
    f"DELETE FROM checkpoints WHERE {_OF_RUN}",
    # Writes may belong to a checkpoint that was never saved: they go with the last checkpoint of the thread.
    "DELETE FROM checkpoint_writes WHERE thread_id = %(thread_id)s AND NOT EXISTS "
    "(SELECT 1 FROM checkpoints WHERE thread_id = %(thread_id)s)",
    _DELETE_UNUSED,
)
_ORIGINS = f"""
SELECT checkpoint_ns, checkpoint_id, parent_checkpoint_id, metadata -> '{COUNTERS}' AS counters
FROM checkpoints WHERE thread_id = %(thread_id)s
"""
_DELETE_EACH = tuple(
    f"DELETE FROM {table} WHERE thread_id = %(thread_id)s AND (checkpoint_ns, checkpoint_id) IN "
    "(SELECT * FROM unnest(%(namespaces)s::text[], %(ids)s::text[]))"
    for table in ("checkpoint_writes", "checkpoints")
)


class PostgresSavers(Savers):
    """Checkpoints in a schema. Connections belong to the graphs' home loop; other loops use them through that one."""

    def __init__(self, place: DatabaseSchema, serde: Json | None = None, home: GraphLoop | None = None) -> None:
        """Without `home`, one loop alone may use this."""
        self.place = place
        self._serde = serde
        self._home = home
        self._opened: asyncio.Task[PostgresSaver] | None = None

    async def start(self) -> None:
        """See that the database can be reached by this way too. The tables are made when the first run needs them."""
        await asyncio.to_thread(check, self.place)

    async def here(self) -> Saver:
        if self._home is None or asyncio.get_running_loop() is self._home.loop:
            return await self._at_home()
        return SaverElsewhere(await self._home.call(self._at_home), self._home)

    async def delete_of_run(self, thread_id: str, run_id: str) -> None:
        await self._changed(lambda saver: saver.delete_of_run(thread_id, run_id))

    async def keep_latest(self, thread_id: str) -> None:
        await self._changed(lambda saver: saver.keep_latest(thread_id))

    async def close(self) -> None:
        opened = self._opened
        if opened is not None and opened.done() and not opened.cancelled() and opened.exception() is None:
            closing = asyncio.run_coroutine_threadsafe(opened.result().pool.close(timeout=1), opened.get_loop())
            with suppress(TimeoutError):  # a graph may block the loop
                await asyncio.wait_for(asyncio.wrap_future(closing), timeout=2)

    async def _changed(self, change: Callable[[PostgresSaver], Awaitable[None]]) -> None:
        async def changed() -> None:
            await change(await self._at_home())

        if self._home is None:
            await changed()
        else:
            await self._home.call(changed)

    # On the home loop.

    async def _at_home(self) -> PostgresSaver:
        opened = self._opened
        if opened is None or (opened.done() and (opened.cancelled() or opened.exception() is not None)):
            # Also after a failure: the server may be there by now. In a context of its own: that of the run at work
            # would be that of all connections.
            opened = self._opened = asyncio.get_running_loop().create_task(self._open(), context=Context())
        return await asyncio.shield(opened)

    async def _open(self) -> PostgresSaver:
        migrations = {"checkpoint_migrations": PostgresSaver.MIGRATIONS}
        await asyncio.to_thread(make_tables, self.place, lambda _: migrations, of_checkpoints=True)

        async def configured(connection: psycopg.AsyncConnection[Any]) -> None:
            await connection.execute(*settings(self.place))

        pool = Pool(
            name="treadle-threads",
            kwargs=parameters(self.place),
            configure=configured,
            min_size=1,
            max_size=self.place.connections,
            max_idle=IDLE,
            timeout=self.place.timeout,
            open=False,
        )
        await pool.open()
        return PostgresSaver(pool, self._serde)


class PostgresSaver(AsyncPostgresSaver):
    """LangGraph's checkpointer with the values that jsonb cannot hold, and over a new connection if one was lost."""

    def __init__(self, pool: Pool, serde: Json | None) -> None:
        super().__init__(pool, serde=serializer(serde))
        self.pool = pool
        # LangGraph's own lock is for one connection.
        self.lock = cast(asyncio.Lock, asyncio.Semaphore(pool.max_size))

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        found = await self._carried_out(partial(super().aget_tuple, config))
        return None if found is None else _as_it_was(found)

    async def alist(self, config: RunnableConfig | None, **options: Any) -> AsyncIterator[CheckpointTuple]:
        listing = partial(super().alist, config, **options)

        async def listed() -> list[CheckpointTuple]:
            return [each async for each in listing()]

        for found in await self._carried_out(listed):  # nobody keeps a connection who may need a second one
            yield _as_it_was(found)

    async def aput(self, config: RunnableConfig, checkpoint: Any, metadata: Any, new_versions: Any) -> RunnableConfig:
        """Save a checkpoint. A value without a version gets that of the checkpoint: else it would not be saved."""
        values, versions = checkpoint["channel_values"], checkpoint["channel_versions"]
        loose = dict.fromkeys(values.keys() - versions.keys(), checkpoint["id"])
        stored = {
            **checkpoint,
            "channel_values": {name: value if _fits(value) else _Apart(value) for name, value in values.items()},
            "channel_versions": {**versions, **loose},
        }
        names = ("thread_id", "checkpoint_ns", "checkpoint_id")
        address = {name: config["configurable"][name] for name in names if name in config["configurable"]}
        about = _clean(get_checkpoint_metadata(config, metadata))
        saving = partial(super().aput, {"configurable": address}, cast(Any, stored), about, {**new_versions, **loose})
        return await self._carried_out(saving)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        await self._carried_out(partial(super().aput_writes, config, writes, task_id, task_path))

    async def adelete_thread(self, thread_id: str) -> None:
        await self._carried_out(partial(super().adelete_thread, thread_id))

    async def aget_delta_channel_history(self, *, config: RunnableConfig, channels: Sequence[str]) -> Mapping[str, Any]:
        reading = partial(super().aget_delta_channel_history, config=config, channels=channels)
        return await self._carried_out(reading)

    async def delete_of_run(self, thread_id: str, run_id: str) -> None:
        """Delete the checkpoints that a run wrote in its thread, and the values that only they had."""

        async def deleted() -> None:
            async with self.lock, self.pool.connection() as connection, connection.transaction():
                for statement in _DELETE_OF_RUN:
                    await connection.execute(statement, {"thread_id": thread_id, "run_id": run_id})

        await self._carried_out(deleted)

    async def keep_latest(self, thread_id: str) -> None:
        """Delete the older checkpoints of the thread, and the values that only they had."""

        async def pruned() -> None:
            async with self.lock, self.pool.connection() as connection, connection.transaction():
                rows = await (await connection.execute(_ORIGINS, {"thread_id": thread_id})).fetchall()
                gone = older(
                    {
                        (row["checkpoint_ns"], row["checkpoint_id"]): (
                            row["parent_checkpoint_id"],
                            row["counters"] or (),
                        )
                        for row in rows
                    }
                )
                namespaces, ids = [place[0] for place in gone], [place[1] for place in gone]
                for statement in (*_DELETE_EACH, _DELETE_UNUSED):
                    await connection.execute(statement, {"thread_id": thread_id, "namespaces": namespaces, "ids": ids})

        await self._carried_out(pruned)

    def _dump_blobs(self, thread_id: str, checkpoint_ns: str, values: dict[str, Any], versions: Any) -> Any:
        whole = {name: value.value if isinstance(value, _Apart) else value for name, value in values.items()}
        return super()._dump_blobs(thread_id, checkpoint_ns, whole, versions)

    async def _carried_out(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work`, which may be done twice. Raises StorageUnavailable."""
        with errors(of_checkpoints=True):
            try:
                return await work()
            except psycopg.Error as error:
                if not is_lost(error):
                    raise
            await self.pool.check()  # when one connection was lost, others were
            return await work()


class _Apart:
    """A value that LangGraph is to save in a row of its own, as it does with all but plain ones."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _fits(value: Any) -> bool:
    """False for a plain value that jsonb, where LangGraph puts plain ones, would not give back as it was."""
    if isinstance(value, str):
        return type(value) is str and "\0" not in value and _is_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True
    return type(value) is int and abs(value) < 2**63  # a float might come back as an integer


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a character
        return False
    return True


def _clean(value: Any) -> Any:
    """Metadata without what jsonb cannot hold: LangGraph itself takes NUL out of texts at the top."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "ignore").decode()
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {_clean(key): _clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return value


def _as_it_was(found: CheckpointTuple) -> CheckpointTuple:
    """The checkpoint without the versions that it got when it was saved."""
    checkpoint = found.checkpoint
    versions = {
        name: version for name, version in checkpoint["channel_versions"].items() if version != checkpoint["id"]
    }
    return found._replace(checkpoint={**checkpoint, "channel_versions": versions})
