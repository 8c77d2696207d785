-- name: first
SELECT caller, key, fingerprint, expires_at, run_ids FROM {schema}.idempotency_keys
WHERE caller = $1 AND key = $2 AND expires_at > $3

-- name: take
-- A concurrent request with the same key waits here until the first one has committed.
INSERT INTO {schema}.idempotency_keys AS taken (caller, key, fingerprint, expires_at, run_ids)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (caller, key) DO UPDATE
SET fingerprint = excluded.fingerprint, expires_at = excluded.expires_at, run_ids = excluded.run_ids
WHERE taken.expires_at <= $6
RETURNING caller

-- name: forget
DELETE FROM {schema}.idempotency_keys WHERE (caller, key) IN (
    SELECT caller, key FROM {schema}.idempotency_keys WHERE expires_at <= $1
    ORDER BY expires_at LIMIT $2
    FOR UPDATE SKIP LOCKED
)
RETURNING key
