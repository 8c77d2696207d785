-- What was said of runs; `content` is JSON. It counts as a part of its run, and goes with it.
CREATE TABLE feedback (
    number INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL,
    key TEXT NOT NULL,
    content BLOB NOT NULL,
    size INTEGER NOT NULL,
    created_at REAL NOT NULL
);

CREATE INDEX feedback_of_run ON feedback (run_id, key);

CREATE TRIGGER feedback_given AFTER INSERT ON feedback
BEGIN
    UPDATE totals SET ended_bytes = ended_bytes + new.size
    WHERE EXISTS (SELECT 1 FROM runs WHERE run_id = new.run_id AND expires_at IS NOT NULL);
    UPDATE runs SET size = size + new.size WHERE run_id = new.run_id;
END;

CREATE TRIGGER feedback_forgotten AFTER DELETE ON runs
BEGIN
    DELETE FROM feedback WHERE run_id = old.run_id;
END;

-- The URL for feedback under each key of the run, as JSON.
ALTER TABLE runs ADD COLUMN feedback BLOB;

-- What the processes of the store sign with.
CREATE TABLE secrets (
    name TEXT PRIMARY KEY,
    secret BLOB NOT NULL
) WITHOUT ROWID;
