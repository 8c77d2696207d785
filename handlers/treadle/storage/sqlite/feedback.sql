-- name: secret
SELECT secret FROM secrets WHERE name = 'feedback'

-- name: make_secret
INSERT OR IGNORE INTO secrets (name, secret) VALUES ('feedback', x'{secret}')

-- name: exists
SELECT 1 FROM runs WHERE run_id = ? AND (expires_at IS NULL OR expires_at > ?)

-- name: count
SELECT count(*) FROM feedback WHERE run_id = ? AND key = ?

-- name: add
INSERT INTO feedback (run_id, key, content, size, created_at) VALUES (?, ?, ?, ?, ?)

-- name: of_run
SELECT key, content, created_at FROM feedback WHERE run_id = ? ORDER BY number

-- name: of_key
SELECT key, content, created_at FROM feedback WHERE run_id = ? AND key = ? ORDER BY number
