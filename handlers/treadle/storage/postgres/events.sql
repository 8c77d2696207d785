-- name: add
-- The lock on the run: another process that takes it up waits until these events are in, and none come afterwards.
WITH held AS (
    SELECT run_id FROM {schema}.runs JOIN unnest($1::text[], $2::text[]) AS mine (run_id, claim) USING (run_id, claim)
    ORDER BY run_id
    FOR SHARE OF runs
),
added AS (
    INSERT INTO {schema}.events (run_id, seq, name, data)
    SELECT each.* FROM unnest($3::text[], $4::bigint[], $5::text[], $6::bytea[]) AS each (run_id, seq, name, data)
    JOIN held USING (run_id)
)
SELECT run_id FROM held

-- name: pages
-- For each run and cursor the next events, and the status: once the end of a run is visible, so are all its events.
SELECT mine.number, runs.status, page.seq, page.name, page.data
FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS mine (run_id, cursor, number)
LEFT JOIN {schema}.runs ON runs.run_id = mine.run_id
LEFT JOIN LATERAL (
    SELECT seq, name, data, sum(octet_length(data)) OVER (ORDER BY seq) - octet_length(data) AS before
    FROM (
        SELECT seq, name, data FROM {schema}.events
        WHERE events.run_id = mine.run_id AND seq > mine.cursor ORDER BY seq LIMIT $3
    ) AS next
) AS page ON page.before < $4
ORDER BY mine.number, page.seq

-- name: last
SELECT max(seq) FROM {schema}.events WHERE run_id = $1

-- name: begun
SELECT shared, (SELECT max(seq) FROM {schema}.events WHERE run_id = $1) FROM {schema}.runs WHERE run_id = $1

-- name: trim
DELETE FROM {schema}.events
WHERE run_id = $1 AND seq <= $2 AND EXISTS (SELECT FROM {schema}.runs WHERE run_id = $1 AND claim = $3)

-- name: expired
SELECT run_id FROM {schema}.runs AS ended
WHERE events_until <= $1
    AND NOT EXISTS (SELECT FROM {schema}.readers WHERE run_id = ended.run_id AND until > $1)
ORDER BY events_until LIMIT $2
FOR UPDATE SKIP LOCKED

-- name: drop_some
DELETE FROM {schema}.events WHERE (run_id, seq) IN (
    SELECT run_id, seq FROM {schema}.events WHERE run_id = ANY ($1) ORDER BY run_id, seq LIMIT $2
)

-- name: keep_no_more
UPDATE {schema}.runs SET events_until = NULL
WHERE run_id = ANY ($1) AND NOT EXISTS (SELECT FROM {schema}.events WHERE run_id = runs.run_id)

-- name: share
UPDATE {schema}.runs SET shared = true WHERE run_id = $1 AND NOT shared RETURNING run_id

-- name: shared
SELECT run_id FROM {schema}.runs WHERE status = 'running' AND shared

-- name: states
SELECT mine.run_id, status, (SELECT max(seq) FROM {schema}.events WHERE run_id = mine.run_id)
FROM unnest($1::text[]) AS mine (run_id) LEFT JOIN {schema}.runs USING (run_id)

-- name: enter
INSERT INTO {schema}.readers (run_id, process, number, cursor, until) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (run_id, process, number) DO UPDATE SET cursor = excluded.cursor, until = excluded.until

-- name: stay
UPDATE {schema}.readers SET until = $1 WHERE process = $2

-- name: entered
SELECT 1 FROM {schema}.readers WHERE run_id = $1 AND process = $2 AND number = $3

-- name: leave
DELETE FROM {schema}.readers WHERE run_id = $1 AND process = $2 AND number = $3

-- name: slowest
SELECT min(cursor) FROM {schema}.readers WHERE run_id = $1 AND until > $2

-- name: shed
DELETE FROM {schema}.readers WHERE run_id = $1 AND cursor <= $2

-- name: gone
DELETE FROM {schema}.readers WHERE until <= $1

-- name: nothing
SELECT
