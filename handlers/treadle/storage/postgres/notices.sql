-- name: tell
SELECT pg_notify($1, notice) FROM unnest($2::text[]) AS notices (notice)

-- name: now
SELECT extract(epoch FROM clock_timestamp())::float8
