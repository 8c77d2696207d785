-- name: get
SELECT secret FROM {schema}.secrets WHERE name = $1

-- name: make
INSERT INTO {schema}.secrets (name, secret) VALUES ($1, $2) ON CONFLICT DO NOTHING

-- name: others
-- Every process listens on a connection that is called so.
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1
