-- What is owed to the receivers of webhooks, and what was tried.
CREATE TABLE deliveries (
    delivery_id TEXT PRIMARY KEY,
    run_id TEXT NOT NULL,
    graph_id TEXT NOT NULL,
    host TEXT NOT NULL,
    url TEXT NOT NULL,
    due REAL NOT NULL,
    status TEXT NOT NULL,
    attempts BLOB NOT NULL,
    claim TEXT,
    -- When it can be claimed: when it is due, or when its claim is over.
    free_at REAL NOT NULL
);

-- Apart from the rows that are looked through and changed: bodies may be large.
CREATE TABLE delivery_bodies (
    delivery_id TEXT PRIMARY KEY,
    body BLOB NOT NULL
);

-- With the host, so that those of busy hosts are passed over without reading them.
CREATE INDEX deliveries_free ON deliveries (graph_id, free_at, host) WHERE status = 'pending';

CREATE INDEX deliveries_of_run ON deliveries (run_id);

-- An ended run that still owes something has no end of its retention, and is not counted until it has.
CREATE TRIGGER run_held AFTER UPDATE OF expires_at ON runs
WHEN old.ended_at IS NOT NULL AND (old.expires_at IS NULL) <> (new.expires_at IS NULL)
BEGIN
    UPDATE totals SET ended_bytes = ended_bytes + CASE WHEN new.expires_at IS NULL THEN -new.size ELSE new.size END;
END;

CREATE TRIGGER deliveries_forgotten AFTER DELETE ON runs
BEGIN
    DELETE FROM deliveries WHERE run_id = old.run_id AND status <> 'pending';
END;

CREATE TRIGGER delivery_ended AFTER UPDATE OF status ON deliveries WHEN new.status <> 'pending'
BEGIN
    DELETE FROM delivery_bodies WHERE delivery_id = new.delivery_id;
END;
