-- name: add
INSERT INTO runs (
    run_id, thread_id, assistant_id, graph_id, request, temporary, resumable, shared, size, created_at, due,
    status, attempt, claim, lease, updated_at, started_at, attached_until
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: queued
SELECT pending FROM queue

-- name: get
SELECT {columns} FROM runs WHERE run_id = ? AND (expires_at IS NULL OR expires_at > ?)

-- name: find_all
SELECT {columns} FROM runs WHERE expires_at IS NULL OR expires_at > ?
ORDER BY rowid DESC

-- name: find_status
SELECT {columns} FROM runs WHERE status = '{status}' AND (expires_at IS NULL OR expires_at > ?)
ORDER BY +rowid DESC

-- name: find_thread
SELECT {columns} FROM runs WHERE thread_id = ? AND (expires_at IS NULL OR expires_at > ?)
ORDER BY rowid DESC

-- name: find_thread_status
SELECT {columns} FROM runs WHERE thread_id = ? AND status = '{status}' AND (expires_at IS NULL OR expires_at > ?)
ORDER BY rowid DESC

-- name: claimable
SELECT run_id FROM (
    {pending}
    UNION ALL
    SELECT run_id, due, rowid AS came FROM runs
    WHERE status = 'running' AND lease <= ?1 AND graph_id IN (SELECT value FROM json_each(?3))
        AND run_id NOT IN (SELECT value FROM json_each(?4))
)
ORDER BY due, came LIMIT ?2

-- name: pending
SELECT * FROM (
    -- Sorted by its index and cut off here, or all that wait would be read each time.
    SELECT run_id, due, rowid AS came FROM runs
    WHERE status = 'pending' AND due <= ?1 AND graph_id = json_extract(?3, '$[{number}]')
        AND run_id NOT IN (SELECT value FROM json_each(?4))
    ORDER BY due, rowid LIMIT ?2
)

-- name: claim
UPDATE runs
SET status = 'running', claim = ?, lease = ?, attempt = attempt + 1, started_at = ?, updated_at = ?
WHERE run_id = ?
RETURNING {columns}

-- name: next_due
SELECT min(moment) FROM (
    SELECT (
        -- Not min(): what is held is passed over, and the rest is not read.
        SELECT due FROM runs
        WHERE status = 'pending' AND graph_id = mine.value AND run_id NOT IN (SELECT value FROM json_each(?2))
        ORDER BY due LIMIT 1
    ) AS moment
    FROM json_each(?1) AS mine
    UNION ALL
    SELECT min(lease) FROM runs
    WHERE status = 'running' AND graph_id IN (SELECT value FROM json_each(?1))
        AND run_id NOT IN (SELECT value FROM json_each(?2))
)

-- name: held
SELECT run_id, claim, cancel FROM runs WHERE status = 'running' AND lease IS NOT NULL

-- name: extend
UPDATE runs SET lease = ? WHERE run_id = ? AND claim = ? AND status = 'running'

-- name: give_back
UPDATE runs
SET status = 'pending', claim = NULL, lease = NULL, attempt = attempt - 1
WHERE run_id = ? AND claim = ? AND status = 'running'

-- name: wanted
SELECT cancel FROM runs WHERE run_id = ? AND status = 'running'

-- name: request_cancel
UPDATE runs SET cancel = ? WHERE run_id = ?

-- name: settle
UPDATE runs
SET status = ?, claim = NULL, lease = NULL, cancel = NULL, updated_at = ?, ended_at = ?,
    expires_at = CASE temporary WHEN 1 THEN max(?, coalesce(keyed_until, 0)) END, first_event_at = ?,
    "values" = ?, error = ?, interrupts = ?, cancelled = ?, feedback = ?, size = size + ?
WHERE run_id = ? AND status = 'running' AND claim = ?
RETURNING {columns}

-- name: keep_for_links
UPDATE runs
SET keyed_until = max(coalesce(keyed_until, 0), ?1),
    expires_at = CASE WHEN expires_at IS NOT NULL THEN max(expires_at, ?1) END
WHERE run_id = ?2
RETURNING {columns}

-- name: cancel_pending
UPDATE runs
SET status = ?, cancel = NULL, updated_at = ?, ended_at = ?,
    expires_at = CASE temporary WHEN 1 THEN max(?, coalesce(keyed_until, 0)) END, first_event_at = ?,
    "values" = ?, error = ?, interrupts = ?, cancelled = ?, feedback = ?, size = size + ?
WHERE run_id = ? AND status = 'pending'
RETURNING {columns}

-- name: attach
UPDATE runs SET attached_until = ? WHERE run_id = ? AND ended_at IS NULL

-- name: detached
SELECT run_id FROM runs WHERE attached_until <= ? AND attached_until IS NOT NULL AND ended_at IS NULL

-- name: find
SELECT {columns} FROM runs WHERE run_id = ?

-- name: remove
DELETE FROM runs WHERE run_id = ?

-- name: abandon
UPDATE runs SET lease = 0 WHERE status = 'running'

-- name: expired
SELECT run_id FROM runs AS ended
WHERE expires_at <= ?1 AND NOT EXISTS (SELECT 1 FROM readers WHERE run_id = ended.run_id AND until > ?1)
ORDER BY expires_at LIMIT ?2

-- name: oldest
-- Runs with a key expire long after others that ended with them: they are looked for by their end.
SELECT run_id FROM (
    SELECT * FROM (
        SELECT run_id, ended_at FROM runs AS ended
        WHERE expires_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM readers WHERE run_id = ended.run_id AND until > ?1)
        ORDER BY expires_at LIMIT 1
    )
    UNION ALL
    SELECT * FROM (
        SELECT run_id, ended_at FROM runs AS ended
        WHERE keyed_until IS NOT NULL AND expires_at IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM readers WHERE run_id = ended.run_id AND until > ?1)
        ORDER BY ended_at LIMIT 1
    )
)
ORDER BY ended_at LIMIT 1

-- name: ended_bytes
SELECT ended_bytes FROM totals

-- name: next_expiry
SELECT min(moment) FROM (
    SELECT min(expires_at) AS moment FROM runs WHERE expires_at IS NOT NULL
    UNION ALL
    SELECT min(expires_at) FROM event_expiry
)
