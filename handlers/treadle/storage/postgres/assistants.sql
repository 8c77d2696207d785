-- name: lock
-- One change after the other, and none beyond the limit: they are rare.
SELECT pg_advisory_xact_lock(hashtextextended('{schema}.assistants', 0))

-- name: get
SELECT assistant_id, graph_id, name, description, config, context, metadata, a.created_at, a.updated_at, version
FROM {schema}.assistants AS a JOIN {schema}.assistant_versions USING (assistant_id, version)
WHERE assistant_id = $1

-- name: find
SELECT assistant_id, graph_id, name, description, config, context, metadata, a.created_at, a.updated_at, version
FROM {schema}.assistants AS a JOIN {schema}.assistant_versions USING (assistant_id, version)
WHERE ($1::text IS NULL OR graph_id = $1) AND ($2::text IS NULL OR position($2 IN name_folded) > 0)
ORDER BY {key} {direction}, assistant_id {direction}
LIMIT $3

-- name: count_fitting
SELECT count(*)
FROM {schema}.assistants JOIN {schema}.assistant_versions USING (assistant_id, version)
WHERE ($1::text IS NULL OR graph_id = $1) AND ($2::text IS NULL OR position($2 IN name_folded) > 0)

-- name: versions
SELECT assistant_id, graph_id, name, description, config, context, metadata, created_at, created_at, version
FROM {schema}.assistant_versions WHERE assistant_id = $1 ORDER BY version DESC

-- name: count
SELECT count(*) FROM {schema}.assistants

-- name: newest
SELECT max(version) FROM {schema}.assistant_versions WHERE assistant_id = $1

-- name: add
INSERT INTO {schema}.assistants (assistant_id, version, created_at, updated_at) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
RETURNING assistant_id

-- name: add_version
INSERT INTO {schema}.assistant_versions (
    assistant_id, version, graph_id, graph_folded, name, name_folded, description, config, context, metadata, created_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: select
UPDATE {schema}.assistants SET version = $2, updated_at = $3
WHERE assistant_id = $1
    AND EXISTS (SELECT FROM {schema}.assistant_versions AS v WHERE v.assistant_id = $1 AND v.version = $2)
RETURNING assistant_id

-- name: trim
DELETE FROM {schema}.assistant_versions WHERE assistant_id = $1 AND version <= $2
    AND version <> (SELECT version FROM {schema}.assistants WHERE assistant_id = $1)

-- name: remove
DELETE FROM {schema}.assistants WHERE assistant_id = $1 RETURNING assistant_id
