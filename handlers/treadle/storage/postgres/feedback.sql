-- name: lock
SELECT FROM {schema}.runs WHERE run_id = $1 AND (expires_at IS NULL OR expires_at > $2) FOR UPDATE

-- name: exists
SELECT FROM {schema}.runs WHERE run_id = $1 AND (expires_at IS NULL OR expires_at > $2)

-- name: count
SELECT count(*) FROM {schema}.feedback WHERE run_id = $1 AND key = $2

-- name: add
INSERT INTO {schema}.feedback (run_id, key, content, created_at) VALUES ($1, $2, $3, $4)

-- name: grow
UPDATE {schema}.runs SET size = size + $2 WHERE run_id = $1

-- name: of_run
SELECT key, content, created_at FROM {schema}.feedback WHERE run_id = $1 ORDER BY number

-- name: of_key
SELECT key, content, created_at FROM {schema}.feedback WHERE run_id = $1 AND key = $2 ORDER BY number
