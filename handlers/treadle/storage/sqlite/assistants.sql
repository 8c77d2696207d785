-- name: get
SELECT assistant_id, graph_id, name, description, config, context, metadata, a.created_at, a.updated_at, version
FROM assistants a JOIN assistant_versions USING (assistant_id, version)
WHERE assistant_id = ?

-- name: find
SELECT assistant_id, graph_id, name, description, config, context, metadata, a.created_at, a.updated_at, version
FROM assistants a JOIN assistant_versions USING (assistant_id, version)
WHERE (?1 IS NULL OR graph_id = ?1)
    AND (?2 IS NULL OR instr(casefold(name), ?2))
    AND (?3 IS NULL OR has_entries(metadata, ?3))
ORDER BY {key} {direction}, assistant_id {direction}

-- name: count_fitting
SELECT count(*)
FROM assistants JOIN assistant_versions USING (assistant_id, version)
WHERE (?1 IS NULL OR graph_id = ?1)
    AND (?2 IS NULL OR instr(casefold(name), ?2))
    AND (?3 IS NULL OR has_entries(metadata, ?3))

-- name: versions
SELECT assistant_id, graph_id, name, description, config, context, metadata, created_at, created_at, version
FROM assistant_versions WHERE assistant_id = ? ORDER BY version DESC

-- name: count
SELECT count(*) FROM assistants

-- name: exists
SELECT 1 FROM assistants WHERE assistant_id = ?

-- name: newest
SELECT max(version) FROM assistant_versions WHERE assistant_id = ?

-- name: add
INSERT INTO assistants (assistant_id, version, created_at, updated_at) VALUES (?, ?, ?, ?)

-- name: add_version
INSERT INTO assistant_versions (
    assistant_id, version, graph_id, name, description, config, context, metadata, created_at
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: select
UPDATE assistants SET version = ?2, updated_at = ?3
WHERE assistant_id = ?1
    AND EXISTS (SELECT 1 FROM assistant_versions v WHERE v.assistant_id = ?1 AND v.version = ?2)

-- name: trim
DELETE FROM assistant_versions WHERE assistant_id = ?1 AND version <= ?2
    AND version <> (SELECT version FROM assistants WHERE assistant_id = ?1)

-- name: remove
DELETE FROM assistants WHERE assistant_id = ?
