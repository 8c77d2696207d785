"""The names of what is measured: figures are kept and found under them."""

from __future__ import annotations

RATE = "runs a second"
CPU = "CPU time per run, us"
P50, P99, MAX = "p50, ms", "p99, ms", "max, ms"

WAIT_1, WAIT_16, WAIT_64 = "wait, 1 connection", "wait, 16 connections", "wait, 64 connections"
STREAM_16, STREAM_64 = "stream, 16 connections", "stream, 64 connections"
AT_ONCE, ONE_BY_ONE = "200 events at once", "200 events one by one"
LOADS = (WAIT_1, WAIT_16, WAIT_64, STREAM_16, STREAM_64, AT_ONCE, ONE_BY_ONE)

TWO_WORKERS, TWO_FLOORS = "two workers", "two floors"
"""Servers of two processes."""

FIRST_EVENT = "first event"

OPEN_STREAMS = "1,000 open streams"
MEMORY_EACH, OK_P99 = "memory per stream, KiB", "/ok p99, ms"

GRAPH_ALONE, AS_CALLED = "the graph alone", "the graph, as Treadle calls it"
SERVER, GRAPHS_THREAD, WRITER = "the server's thread", "the graphs' thread", "the thread that writes"
LAYERS = {
    GRAPH_ALONE: (SERVER,),
    AS_CALLED: (SERVER,),
    "floor": (SERVER,),
    "memory": (SERVER, GRAPHS_THREAD),
    "SQLite": (SERVER, GRAPHS_THREAD, WRITER),
}
"""What runs a graph without sockets -> the threads that do it."""

COLD_START, SECONDS = "cold start", "seconds"
IMPORT = "import"
"""Not a server: an interpreter that imports the graphs."""

# Curves.
EVENTS_ONE_BY_ONE, EVENTS_AT_ONCE = "events per run, one by one", "events per run, at once"
STATE = "bytes of state"
FOLLOWERS = "followers of one run"
CPU_PER_EVENT, APART = "CPU time per event and follower, us", "first to last end, ms"
FINISHED, START = "finished runs in the file", "start, ms"
QUEUED_OK, QUEUED_CREATE = "queued runs, /ok", "queued runs, POST /runs"
CLAIM, SWEEP = "queued runs, a claim", "runs in the store, a write beside a sweep"
PROCESSES_WAIT, PROCESSES_STREAM = "processes, waits", "processes, streams"
PROCESSES_STORE = "processes that only store"
FAN_OUT = "events of other processes a second"
ADDED, READ = "runs in the store, one more that ends", "runs in the store, one is read"

IDLE = "CPU time with nothing to do, ms a second"
