-- Threads that are kept.
CREATE TABLE threads (
    thread_id TEXT PRIMARY KEY,
    graph_id TEXT,
    metadata BLOB NOT NULL,
    config BLOB NOT NULL,
    graph_config BLOB NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    state_updated_at REAL NOT NULL,
    status TEXT NOT NULL,
    "values" BLOB,
    error BLOB,
    interrupts BLOB,
    ttl_minutes REAL,
    expires_at REAL
);

CREATE INDEX threads_expiry ON threads (expires_at) WHERE expires_at IS NOT NULL;
