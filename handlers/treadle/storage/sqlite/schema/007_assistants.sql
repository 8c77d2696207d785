-- Created and changed assistants. Times are seconds since the epoch; documents are JSON.
CREATE TABLE assistants (
    assistant_id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
);

CREATE TABLE assistant_versions (
    assistant_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    graph_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    config BLOB NOT NULL,
    context BLOB NOT NULL,
    metadata BLOB NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (assistant_id, version)
);

CREATE TRIGGER assistant_removed AFTER DELETE ON assistants
BEGIN
    DELETE FROM assistant_versions WHERE assistant_id = old.assistant_id;
END;
