-- name: add
INSERT INTO {schema}.deliveries (delivery_id, run_id, graph_id, host, url, body, due, status, attempts, free_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', '[]', $7)

-- name: claim
WITH free AS (
    SELECT each.* FROM unnest($4::text[]) AS mine (graph_id), LATERAL (
        SELECT delivery_id, free_at FROM {schema}.deliveries
        WHERE status = 'pending' AND graph_id = mine.graph_id AND free_at <= $1 AND host <> ALL ($5::text[])
        ORDER BY free_at LIMIT $3
        FOR UPDATE SKIP LOCKED
    ) AS each
),
chosen AS (
    SELECT delivery_id, free_at FROM free ORDER BY free_at LIMIT $3
),
taken AS (
    UPDATE {schema}.deliveries AS claimed SET claim = gen_random_uuid()::text, free_at = $2
    FROM chosen WHERE claimed.delivery_id = chosen.delivery_id
    RETURNING {claimed_columns}, body, chosen.free_at AS was_free_at
)
SELECT {columns}, body FROM taken ORDER BY was_free_at

-- name: next_due
SELECT min(each.free_at) FROM unnest($1::text[]) AS mine (graph_id), LATERAL (
    SELECT free_at FROM {schema}.deliveries
    WHERE status = 'pending' AND graph_id = mine.graph_id AND host <> ALL ($2::text[])
    ORDER BY free_at LIMIT 1
) AS each

-- name: again
UPDATE {schema}.deliveries SET due = $1, free_at = $1, attempts = $2, claim = NULL WHERE delivery_id = $3 AND claim = $4

-- name: end
UPDATE {schema}.deliveries SET status = $1, attempts = $2, claim = NULL, body = NULL
WHERE delivery_id = $3 AND claim = $4
RETURNING run_id

-- name: release
UPDATE {schema}.runs SET expires_at = greatest($1, keyed_until)
WHERE run_id = $2 AND temporary AND ended_at IS NOT NULL AND expires_at IS NULL

-- name: drop_orphan
DELETE FROM {schema}.deliveries
WHERE delivery_id = $1 AND NOT EXISTS (SELECT FROM {schema}.runs WHERE run_id = $2)

-- name: give_back
UPDATE {schema}.deliveries SET free_at = due, claim = NULL WHERE delivery_id = $1 AND claim = $2

-- name: of_run
SELECT {columns}, NULL FROM {schema}.deliveries WHERE run_id = $1 ORDER BY number
