-- name: add
INSERT INTO deliveries (delivery_id, run_id, graph_id, host, url, due, status, attempts, free_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'pending', '[]', ?6)

-- name: add_body
INSERT INTO delivery_bodies (delivery_id, body) VALUES (?, ?)

-- name: hold
UPDATE runs SET expires_at = NULL WHERE run_id = ?

-- name: claimable
SELECT delivery_id FROM ({free}) ORDER BY free_at LIMIT ?3

-- name: free
SELECT * FROM (
    SELECT delivery_id, free_at FROM deliveries
    WHERE status = 'pending' AND free_at <= ?1 AND graph_id = json_extract(?2, '$[{number}]')
        AND host NOT IN (SELECT value FROM json_each(?4))
    ORDER BY free_at LIMIT ?3
)

-- name: claim
UPDATE deliveries SET claim = ?, free_at = ? WHERE delivery_id = ?
RETURNING {columns}, (SELECT body FROM delivery_bodies WHERE delivery_id = deliveries.delivery_id)

-- name: next_due
SELECT min(moment) FROM (
    SELECT (
        SELECT free_at FROM deliveries
        WHERE status = 'pending' AND graph_id = mine.value AND host NOT IN (SELECT value FROM json_each(?2))
        ORDER BY free_at LIMIT 1
    ) AS moment
    FROM json_each(?1) AS mine
)

-- name: again
UPDATE deliveries SET due = ?1, free_at = ?1, attempts = ?2, claim = NULL WHERE delivery_id = ?3 AND claim = ?4

-- name: end
UPDATE deliveries SET status = ?, attempts = ?, claim = NULL WHERE delivery_id = ? AND claim = ?

-- name: release
UPDATE runs SET expires_at = max(?, coalesce(keyed_until, 0))
WHERE run_id = ? AND temporary = 1 AND ended_at IS NOT NULL AND expires_at IS NULL

-- name: drop_orphan
DELETE FROM deliveries WHERE delivery_id = ?1 AND NOT EXISTS (SELECT 1 FROM runs WHERE run_id = ?2)

-- name: give_back
UPDATE deliveries SET free_at = due, claim = NULL WHERE delivery_id = ? AND claim = ?

-- name: abandon
UPDATE deliveries SET free_at = due, claim = NULL WHERE status = 'pending'

-- name: of_run
SELECT {columns}, NULL FROM deliveries WHERE run_id = ? ORDER BY rowid
