-- name: add
INSERT INTO {schema}.threads (
    thread_id, graph_id, metadata, config, graph_config, created_at, updated_at, state_updated_at,
    status, "values", error, interrupts, ttl_minutes, ttl_strategy, expires_at, assistant_id
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
ON CONFLICT (thread_id) DO NOTHING
RETURNING thread_id

-- name: get
SELECT {columns} FROM {schema}.threads
WHERE thread_id = $1 AND (expires_at IS NULL OR expires_at > $2 OR ttl_strategy = 'keep_latest')

-- name: leave
UPDATE {schema}.threads
SET status = $2, "values" = $3, error = $4, interrupts = $5, updated_at = $6, state_updated_at = $6,
    pruned = false, expires_at = $6 + ttl_minutes * 60
WHERE thread_id = $1

-- name: of_assistant
SELECT thread_id FROM {schema}.threads WHERE assistant_id = $1

-- name: remove
DELETE FROM {schema}.threads WHERE thread_id = $1

-- name: mark_pruned
UPDATE {schema}.threads SET pruned = true, expires_at = NULL WHERE thread_id = $1 AND expires_at <= $2

-- name: expired
SELECT {columns} FROM {schema}.threads WHERE expires_at <= $1

-- name: next_expiry
SELECT min(expires_at) FROM {schema}.threads WHERE expires_at > $1
