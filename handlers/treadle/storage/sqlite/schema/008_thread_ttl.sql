-- What happens to a thread that expires, and whether it has happened since its last change.
ALTER TABLE threads ADD COLUMN ttl_strategy TEXT NOT NULL DEFAULT 'delete';

ALTER TABLE threads ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0;
