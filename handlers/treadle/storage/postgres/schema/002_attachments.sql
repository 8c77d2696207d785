-- Until when a client counts as attached, of a run that is cancelled if it has none.
ALTER TABLE {schema}.runs ADD COLUMN attached_until double precision;

CREATE INDEX runs_attached ON {schema}.runs (attached_until) WHERE attached_until IS NOT NULL AND ended_at IS NULL;
