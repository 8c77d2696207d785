-- name: holds
SELECT 1 FROM runs WHERE run_id = ? AND claim = ?

-- name: add
INSERT INTO events (run_id, seq, name, data) VALUES (?, ?, ?, ?)

-- name: after
SELECT seq, name, data FROM events WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT ?

-- name: last
SELECT max(seq) FROM events WHERE run_id = ?

-- name: begun
SELECT shared, (SELECT max(seq) FROM events WHERE run_id = runs.run_id) FROM runs WHERE run_id = ?

-- name: trim
DELETE FROM events
WHERE run_id = ?1 AND seq <= ?2 AND EXISTS (SELECT 1 FROM runs WHERE run_id = ?1 AND claim = ?3)

-- name: drop_some
DELETE FROM events WHERE run_id = ?1 AND seq < (SELECT min(seq) FROM events WHERE run_id = ?1) + ?2

-- name: drop
DELETE FROM events WHERE run_id = ?

-- name: keep_until
INSERT INTO event_expiry (run_id, expires_at)
SELECT run_id, CASE resumable WHEN 1 THEN ? ELSE ? END FROM runs WHERE run_id = ?
ON CONFLICT (run_id) DO UPDATE SET expires_at = excluded.expires_at

-- name: keep_no_more
DELETE FROM event_expiry WHERE run_id = ?

-- name: expired
SELECT run_id FROM event_expiry AS ended
WHERE expires_at <= ?1 AND NOT EXISTS (SELECT 1 FROM readers WHERE run_id = ended.run_id AND until > ?1)
ORDER BY expires_at LIMIT ?2

-- name: share
UPDATE runs SET shared = 1 WHERE run_id = ? AND shared = 0

-- name: shared
SELECT run_id FROM runs WHERE status = 'running' AND shared = 1

-- name: status
SELECT status FROM runs WHERE run_id = ?

-- name: states
SELECT value, (SELECT status FROM runs WHERE run_id = value), (SELECT max(seq) FROM events WHERE run_id = value)
FROM json_each(?)

-- name: enter
INSERT INTO readers (run_id, process, number, cursor, until) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET cursor = excluded.cursor, until = excluded.until

-- name: stay
UPDATE readers SET until = ? WHERE process = ?

-- name: entered
SELECT 1 FROM readers WHERE run_id = ? AND process = ? AND number = ?

-- name: leave
DELETE FROM readers WHERE run_id = ? AND process = ? AND number = ?

-- name: slowest
SELECT min(cursor) FROM readers WHERE run_id = ? AND until > ?

-- name: shed
DELETE FROM readers WHERE run_id = ? AND cursor <= ?

-- name: gone
DELETE FROM readers WHERE until <= ?
