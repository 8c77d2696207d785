-- name: first
SELECT caller, key, fingerprint, expires_at, run_ids FROM idempotency_keys
WHERE caller = ? AND key = ? AND expires_at > ?

-- name: take
INSERT INTO idempotency_keys (caller, key, fingerprint, expires_at, run_ids) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (caller, key) DO UPDATE
SET fingerprint = excluded.fingerprint, expires_at = excluded.expires_at, run_ids = excluded.run_ids

-- name: keep
UPDATE runs SET keyed_until = ? WHERE run_id IN (SELECT value FROM json_each(?))

-- name: forget
DELETE FROM idempotency_keys
WHERE (caller, key) IN (SELECT caller, key FROM idempotency_keys WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)

-- name: next_expiry
SELECT min(expires_at) FROM idempotency_keys
