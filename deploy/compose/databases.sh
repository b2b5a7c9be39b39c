#!/bin/sh
# Run once by the PostgreSQL image on an empty data directory: a role and a database for each service, closed to
# the others. The passwords come from the compose file's environment.
set -eu
for service in identity activation wechat_cookie notifications; do
    eval "password=\$$(printf '%s' "$service" | tr '[:lower:]' '[:upper:]')_DATABASE_PASSWORD"
    psql --username "$POSTGRES_USER" --set ON_ERROR_STOP=1 --set service="$service" --set password="$password" <<'SQL'
CREATE ROLE :"service" LOGIN PASSWORD :'password';
CREATE DATABASE :"service" OWNER :"service";
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
SQL
done
