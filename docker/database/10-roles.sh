#!/bin/sh
# Runs once, when the database is made. `gateway` owns the schema; `viewer` (Grafana, people) reads the views and
# nothing else: the tables under them hold hashed passwords of devices and what is in quarantine.
set -eu
psql --set=ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname "$POSTGRES_DB" \
    --set=gateway_password="$(cat /run/secrets/gateway_password)" \
    --set=viewer_password="$(cat /run/secrets/viewer_password)" <<'SQL'
CREATE ROLE gateway LOGIN PASSWORD :'gateway_password';
CREATE ROLE viewer LOGIN PASSWORD :'viewer_password' CONNECTION LIMIT 20;
ALTER ROLE viewer SET default_transaction_read_only = on;
ALTER ROLE viewer SET statement_timeout = '30s';
ALTER SCHEMA public OWNER TO gateway;
GRANT USAGE ON SCHEMA public TO viewer;
CREATE EXTENSION IF NOT EXISTS timescaledb;

-- The gateway makes its views when it first starts and after every upgrade; each is opened to the viewer as it is made.
CREATE FUNCTION open_views_to_viewer() RETURNS event_trigger LANGUAGE plpgsql AS $body$
DECLARE
    made record;
BEGIN
    FOR made IN SELECT object_identity FROM pg_event_trigger_ddl_commands()
                WHERE object_type = 'view' AND schema_name = 'public'
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO viewer', made.object_identity);
    END LOOP;
END
$body$;
CREATE EVENT TRIGGER open_views_to_viewer ON ddl_command_end
    WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION open_views_to_viewer();
SQL
