-- name: queued
SELECT count(*) FROM (SELECT FROM {schema}.runs WHERE status = 'pending' LIMIT $1) AS queue

-- name: lock_queue
SELECT pg_advisory_xact_lock(hashtextextended('{schema}.queue', 0))
