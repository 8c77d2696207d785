-- Runs: the record of each, and the queue. Times are seconds since the epoch; documents are JSON.
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    thread_id TEXT NOT NULL,
    assistant_id TEXT NOT NULL,
    graph_id TEXT NOT NULL,
    request BLOB NOT NULL,
    temporary INTEGER NOT NULL,
    resumable INTEGER NOT NULL,
    shared INTEGER NOT NULL,
    size INTEGER NOT NULL,
    created_at REAL NOT NULL,
    due REAL NOT NULL,
    status TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    claim TEXT,
    lease REAL,
    cancel TEXT,
    updated_at REAL NOT NULL,
    started_at REAL,
    ended_at REAL,
    expires_at REAL,
    first_event_at REAL,
    "values" BLOB,
    error BLOB,
    interrupts BLOB,
    cancelled BLOB
);

CREATE INDEX runs_due ON runs (graph_id, due) WHERE status = 'pending';

CREATE INDEX runs_lease ON runs (lease) WHERE status = 'running';

CREATE INDEX runs_of_thread ON runs (thread_id);

CREATE INDEX runs_expiry ON runs (expires_at) WHERE expires_at IS NOT NULL;

-- Events of the runs that are read by other processes, or again.
CREATE TABLE events (
    run_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    name TEXT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (run_id, seq)
) WITHOUT ROWID;

-- How far those have read who follow a run in another process than the one that executes it.
CREATE TABLE readers (
    run_id TEXT NOT NULL,
    process TEXT NOT NULL,
    number INTEGER NOT NULL,
    cursor INTEGER NOT NULL,
    until REAL NOT NULL,
    PRIMARY KEY (run_id, process, number)
) WITHOUT ROWID;

-- When the events of an ended run may go.
CREATE TABLE event_expiry (
    run_id TEXT PRIMARY KEY,
    expires_at REAL NOT NULL
) WITHOUT ROWID;

CREATE INDEX events_expiry ON event_expiry (expires_at);

-- What ended runs take, without counting them.
CREATE TABLE totals (
    ended_bytes INTEGER NOT NULL
);

INSERT INTO totals (ended_bytes) VALUES (0);

CREATE TRIGGER run_ended AFTER UPDATE OF ended_at ON runs WHEN old.ended_at IS NULL AND new.expires_at IS NOT NULL
BEGIN
    UPDATE totals SET ended_bytes = ended_bytes + new.size;
END;

CREATE TRIGGER run_forgotten AFTER DELETE ON runs WHEN old.expires_at IS NOT NULL
BEGIN
    UPDATE totals SET ended_bytes = ended_bytes - old.size;
END;
