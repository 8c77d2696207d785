-- Requests that create their runs once: what each caller's key stands for.
CREATE TABLE idempotency_keys (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    run_ids TEXT NOT NULL,
    expires_at REAL NOT NULL,
    PRIMARY KEY (caller, key)
) WITHOUT ROWID;

CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);

-- Until when a run is kept for its key. What is kept longer than others still makes room in its turn.
ALTER TABLE runs ADD COLUMN keyed_until REAL;

CREATE INDEX runs_keyed ON runs (ended_at) WHERE keyed_until IS NOT NULL AND expires_at IS NOT NULL;
