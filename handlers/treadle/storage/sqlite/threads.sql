-- name: add
INSERT INTO threads (
    thread_id, graph_id, metadata, config, graph_config, created_at, updated_at, state_updated_at,
    status, "values", error, interrupts, ttl_minutes, ttl_strategy, expires_at
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (thread_id) DO NOTHING

-- name: get
SELECT {columns} FROM threads WHERE thread_id = ? AND (expires_at IS NULL OR expires_at > ? OR ttl_strategy = 'keep_latest')

-- name: leave
UPDATE threads
SET status = ?, "values" = ?, error = ?, interrupts = ?, updated_at = ?, state_updated_at = ?,
    pruned = 0, expires_at = ? + ttl_minutes * 60
WHERE thread_id = ?

-- name: of_assistant
SELECT thread_id FROM threads WHERE has_entries(metadata, ?)

-- name: remove
DELETE FROM threads WHERE thread_id = ?

-- name: mark_pruned
UPDATE threads SET pruned = 1, expires_at = NULL WHERE thread_id = ? AND expires_at <= ?

-- name: expired
SELECT {columns} FROM threads WHERE expires_at <= ?

-- name: next_expiry
SELECT min(expires_at) FROM threads WHERE expires_at > ?
