-- How many runs are pending, without counting them.
CREATE TABLE queue (
    pending INTEGER NOT NULL
);

INSERT INTO queue (pending) SELECT count(*) FROM runs WHERE status = 'pending';

CREATE TRIGGER run_queued AFTER INSERT ON runs WHEN new.status = 'pending'
BEGIN
    UPDATE queue SET pending = pending + 1;
END;

CREATE TRIGGER run_queued_again AFTER UPDATE OF status ON runs WHEN new.status = 'pending' AND old.status <> 'pending'
BEGIN
    UPDATE queue SET pending = pending + 1;
END;

CREATE TRIGGER run_left_queue AFTER UPDATE OF status ON runs WHEN old.status = 'pending' AND new.status <> 'pending'
BEGIN
    UPDATE queue SET pending = pending - 1;
END;

CREATE TRIGGER run_removed_from_queue AFTER DELETE ON runs WHEN old.status = 'pending'
BEGIN
    UPDATE queue SET pending = pending - 1;
END;
