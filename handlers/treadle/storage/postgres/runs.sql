-- name: add
INSERT INTO {schema}.runs (
    run_id, thread_id, assistant_id, graph_id, request, temporary, resumable, shared, size, created_at, due,
    status, attempt, claim, lease, updated_at, started_at, attached_until, keyed_until
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)

-- name: get
SELECT {columns} FROM {schema}.runs WHERE run_id = $1 AND (expires_at IS NULL OR expires_at > $2)

-- name: find
SELECT {columns} FROM {schema}.runs
WHERE (expires_at IS NULL OR expires_at > $1)
    AND ($2::text IS NULL OR thread_id = $2) AND ($3::text IS NULL OR status = $3)
ORDER BY number DESC

-- name: claim
-- Of each graph the longest due first, by its index: what this process does not have is not read.
WITH pending AS (
    SELECT each.* FROM unnest($4::text[]) AS mine (graph_id), LATERAL (
        SELECT run_id, due, number FROM {schema}.runs
        WHERE status = 'pending' AND graph_id = mine.graph_id AND due <= $1 AND run_id <> ALL ($5::text[])
        ORDER BY due, number LIMIT $3
        FOR UPDATE SKIP LOCKED
    ) AS each
),
expired AS (
    SELECT run_id, due, number FROM {schema}.runs
    WHERE status = 'running' AND lease <= $1 AND graph_id = ANY ($4) AND run_id <> ALL ($5)
    ORDER BY due, number LIMIT $3
    FOR UPDATE SKIP LOCKED
),
chosen AS (
    SELECT run_id FROM (SELECT * FROM pending UNION ALL SELECT * FROM expired) AS free ORDER BY due, number LIMIT $3
),
taken AS (
    UPDATE {schema}.runs AS claimed
    SET status = 'running', claim = gen_random_uuid()::text, lease = $2, attempt = attempt + 1, started_at = $1,
        updated_at = $1
    FROM chosen WHERE claimed.run_id = chosen.run_id
    RETURNING {claimed_columns}, number
)
SELECT {columns} FROM taken ORDER BY due, number

-- name: next_due
SELECT least(
    (
        SELECT min(each.due) FROM unnest($1::text[]) AS mine (graph_id), LATERAL (
            -- Not min(): what is held is passed over, and the rest is not read.
            SELECT due FROM {schema}.runs
            WHERE status = 'pending' AND graph_id = mine.graph_id AND run_id <> ALL ($2::text[])
            ORDER BY due LIMIT 1
        ) AS each
    ),
    (
        SELECT min(lease) FROM {schema}.runs
        WHERE status = 'running' AND graph_id = ANY ($1) AND run_id <> ALL ($2)
    )
)

-- name: held
SELECT run_id, cancel
FROM {schema}.runs JOIN unnest($1::text[], $2::text[]) AS mine (run_id, claim) USING (run_id, claim)
WHERE status = 'running'

-- name: extend
-- In the order of ids, as events.add has it: or two statements wait for one another.
WITH mine AS (
    SELECT held.run_id FROM {schema}.runs AS held
    JOIN unnest($1::text[], $2::text[]) AS each (run_id, claim) USING (run_id, claim)
    WHERE status = 'running'
    ORDER BY run_id
    FOR UPDATE OF held
)
UPDATE {schema}.runs AS held SET lease = $3 FROM mine WHERE held.run_id = mine.run_id
RETURNING held.run_id, cancel

-- name: give_back
UPDATE {schema}.runs
SET status = 'pending', claim = NULL, lease = NULL, attempt = attempt - 1
WHERE run_id = $1 AND claim = $2 AND status = 'running'
RETURNING run_id

-- name: request_cancel
UPDATE {schema}.runs SET cancel_action = $2, cancel = $3
WHERE run_id = $1 AND status = 'running'
    AND (cancel_action IS NULL OR (cancel_action = 'interrupt' AND $2 = 'rollback'))
RETURNING run_id

-- name: end
-- A run that runs under a claim, or, without one, a run that is pending.
UPDATE {schema}.runs
SET status = $3, settled_under = claim, claim = NULL, lease = NULL, cancel_action = NULL, cancel = NULL,
    updated_at = $4, ended_at = $4, first_event_at = $5,
    "values" = $6, error = $7, interrupts = $8, cancelled = $9, feedback = $10, size = size + $11,
    keyed_until = greatest(keyed_until, $12),
    expires_at = CASE WHEN temporary AND NOT $13::boolean THEN greatest($14, keyed_until, $12) END,
    events_until = CASE WHEN shared THEN CASE WHEN resumable THEN $15::float8 ELSE $16::float8 END END
WHERE run_id = $1
    AND CASE WHEN $2::text IS NULL THEN status = 'pending' ELSE status = 'running' AND claim = $2 END
RETURNING {columns}

-- name: settled
SELECT {columns} FROM {schema}.runs WHERE run_id = $1 AND settled_under = $2

-- name: attach
WITH mine AS (
    SELECT run_id FROM {schema}.runs WHERE run_id = ANY ($1) AND ended_at IS NULL ORDER BY run_id FOR UPDATE
)
UPDATE {schema}.runs AS held SET attached_until = $2 FROM mine WHERE held.run_id = mine.run_id

-- name: detached
SELECT run_id FROM {schema}.runs WHERE attached_until <= $1 AND attached_until IS NOT NULL AND ended_at IS NULL

-- name: lock
SELECT thread_id, ended_at FROM {schema}.runs WHERE run_id = $1 FOR UPDATE

-- name: forget
WITH gone AS (DELETE FROM {schema}.runs WHERE run_id = ANY ($1)),
    unsaid AS (DELETE FROM {schema}.feedback WHERE run_id = ANY ($1)),
    told AS (DELETE FROM {schema}.deliveries WHERE run_id = ANY ($1) AND status <> 'pending')
DELETE FROM {schema}.events WHERE run_id = ANY ($1)

-- name: expired
SELECT run_id FROM {schema}.runs AS ended
WHERE expires_at <= $1
    AND NOT EXISTS (SELECT FROM {schema}.readers WHERE run_id = ended.run_id AND until > $1)
ORDER BY expires_at LIMIT $2
FOR UPDATE SKIP LOCKED

-- name: ended_bytes
SELECT coalesce(sum(size), 0)::bigint FROM {schema}.runs WHERE expires_at IS NOT NULL

-- name: oldest
-- Runs with a key expire long after others that ended with them: they are looked for by their end.
SELECT run_id, size FROM (
    (
        SELECT run_id, size, ended_at, number FROM {schema}.runs AS ended
        WHERE expires_at IS NOT NULL
            AND NOT EXISTS (SELECT FROM {schema}.readers WHERE run_id = ended.run_id AND until > $1)
        ORDER BY expires_at, number LIMIT $2
    )
    UNION
    (
        SELECT run_id, size, ended_at, number FROM {schema}.runs AS ended
        WHERE keyed_until IS NOT NULL AND expires_at IS NOT NULL
            AND NOT EXISTS (SELECT FROM {schema}.readers WHERE run_id = ended.run_id AND until > $1)
        ORDER BY ended_at, number LIMIT $2
    )
) AS old
ORDER BY ended_at, number LIMIT $2

-- name: next_expiry
SELECT least(
    (SELECT min(expires_at) FROM {schema}.runs WHERE expires_at IS NOT NULL),
    (SELECT min(events_until) FROM {schema}.runs WHERE events_until IS NOT NULL),
    (SELECT min(expires_at) FROM {schema}.idempotency_keys)
)

-- name: try_lock_retention
SELECT pg_try_advisory_xact_lock(hashtextextended('{schema}.retention', 0))
