-- name: found
SELECT 1 FROM secrets WHERE name = 'encrypted'

-- name: note
INSERT OR IGNORE INTO secrets (name, secret) VALUES ('encrypted', x'00')
