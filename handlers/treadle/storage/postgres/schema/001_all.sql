-- Runs: the record of each, and the queue. Times are seconds since the epoch; documents are JSON.
CREATE TABLE {schema}.runs (
    run_id text COLLATE "C" PRIMARY KEY,
    -- The order in which runs came.
    number bigint GENERATED ALWAYS AS IDENTITY,
    thread_id text COLLATE "C" NOT NULL,
    assistant_id text NOT NULL,
    graph_id text NOT NULL,
    request bytea NOT NULL,
    temporary boolean NOT NULL,
    resumable boolean NOT NULL,
    shared boolean NOT NULL,
    size bigint NOT NULL,
    created_at double precision NOT NULL,
    due double precision NOT NULL,
    status text NOT NULL,
    attempt integer NOT NULL,
    claim text,
    lease double precision,
    cancel_action text,
    -- The cancel request, as JSON.
    cancel text,
    updated_at double precision NOT NULL,
    started_at double precision,
    ended_at double precision,
    expires_at double precision,
    -- Until when it is kept for its key or its links. What is kept longer than others still makes room in its turn.
    keyed_until double precision,
    -- When the events of an ended run go.
    events_until double precision,
    -- The claim under which it ended: whoever has lost the answer may ask again.
    settled_under text,
    first_event_at double precision,
    "values" bytea,
    error bytea,
    interrupts bytea,
    cancelled bytea,
    feedback bytea
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

CREATE INDEX runs_due ON {schema}.runs (graph_id, due, number) WHERE status = 'pending';

CREATE INDEX runs_lease ON {schema}.runs (lease) WHERE status = 'running';

CREATE INDEX runs_of_thread ON {schema}.runs (thread_id);

-- With the size: what ended runs take is summed up from here.
CREATE INDEX runs_expiry ON {schema}.runs (expires_at) INCLUDE (size) WHERE expires_at IS NOT NULL;

CREATE INDEX runs_keyed ON {schema}.runs (ended_at) WHERE keyed_until IS NOT NULL AND expires_at IS NOT NULL;

CREATE INDEX runs_events ON {schema}.runs (events_until) WHERE events_until IS NOT NULL;

-- Events of the runs that are read by other processes, or again.
CREATE TABLE {schema}.events (
    run_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    name text NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (run_id, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.2);

-- How far those have read who follow a run in another process than the one that executes it.
CREATE TABLE {schema}.readers (
    run_id text COLLATE "C" NOT NULL,
    process text NOT NULL,
    number bigint NOT NULL,
    cursor bigint NOT NULL,
    until double precision NOT NULL,
    PRIMARY KEY (run_id, process, number)
);

CREATE INDEX readers_of_process ON {schema}.readers (process);

CREATE INDEX readers_until ON {schema}.readers (until);

-- Kept threads, and the state that their last run left.
CREATE TABLE {schema}.threads (
    thread_id text COLLATE "C" PRIMARY KEY,
    graph_id text,
    -- What its metadata names.
    assistant_id text,
    metadata bytea NOT NULL,
    config bytea NOT NULL,
    graph_config bytea NOT NULL,
    created_at double precision NOT NULL,
    updated_at double precision NOT NULL,
    state_updated_at double precision NOT NULL,
    status text NOT NULL,
    "values" bytea,
    error bytea,
    interrupts bytea,
    ttl_minutes double precision,
    ttl_strategy text NOT NULL,
    pruned boolean NOT NULL DEFAULT false,
    expires_at double precision
);

CREATE INDEX threads_expiry ON {schema}.threads (expires_at) WHERE expires_at IS NOT NULL;

CREATE INDEX threads_of_assistant ON {schema}.threads (assistant_id) WHERE assistant_id IS NOT NULL;

-- Created and changed assistants. What is compared without regard to case is kept folded as well.
CREATE TABLE {schema}.assistants (
    assistant_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    created_at double precision NOT NULL,
    updated_at double precision NOT NULL
);

CREATE TABLE {schema}.assistant_versions (
    assistant_id text COLLATE "C" NOT NULL REFERENCES {schema}.assistants ON DELETE CASCADE,
    version bigint NOT NULL,
    graph_id text NOT NULL,
    graph_folded text COLLATE "C" NOT NULL,
    name text NOT NULL,
    name_folded text COLLATE "C" NOT NULL,
    description text,
    config bytea NOT NULL,
    context bytea NOT NULL,
    metadata bytea NOT NULL,
    created_at double precision NOT NULL,
    PRIMARY KEY (assistant_id, version)
);

-- What is owed to the receivers of webhooks, and what was tried. The body goes when the delivery has ended.
CREATE TABLE {schema}.deliveries (
    delivery_id text COLLATE "C" PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY,
    run_id text COLLATE "C" NOT NULL,
    graph_id text NOT NULL,
    host text NOT NULL,
    url text NOT NULL,
    body bytea,
    due double precision NOT NULL,
    status text NOT NULL,
    attempts bytea NOT NULL,
    claim text,
    -- When it can be claimed: when it is due, or when its claim is over.
    free_at double precision NOT NULL
);

-- With the host, so that those of busy hosts are passed over without reading them.
CREATE INDEX deliveries_free ON {schema}.deliveries (graph_id, free_at, host) WHERE status = 'pending';

CREATE INDEX deliveries_of_run ON {schema}.deliveries (run_id);

-- Requests that create their runs once: what each caller's key stands for.
CREATE TABLE {schema}.idempotency_keys (
    caller text NOT NULL,
    key text NOT NULL,
    fingerprint text NOT NULL,
    run_ids text[] NOT NULL,
    expires_at double precision NOT NULL,
    PRIMARY KEY (caller, key)
);

CREATE INDEX idempotency_keys_expiry ON {schema}.idempotency_keys (expires_at);

-- What was said of runs; `content` is JSON. It counts as a part of its run, and goes with it.
CREATE TABLE {schema}.feedback (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id text COLLATE "C" NOT NULL,
    -- In bytes: it may have a NUL, which no text of PostgreSQL has.
    key bytea NOT NULL,
    content bytea NOT NULL,
    created_at double precision NOT NULL
);

CREATE INDEX feedback_of_run ON {schema}.feedback (run_id, key);

-- What the processes of the store share: what they sign with, and whether they encrypt.
CREATE TABLE {schema}.secrets (
    name text PRIMARY KEY,
    secret bytea NOT NULL
);
