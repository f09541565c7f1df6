#!/usr/bin/env bash
# Makes what is missing in docker/secrets: random passwords, and a certificate for the broker that is good for a trial.
# Nothing that exists is touched. The folder is closed to others; the files in it are readable, because the programs in
# the containers run as users of their own and file secrets keep the host's modes.
set -euo pipefail
cd "$(dirname "$0")/secrets"
chmod 700 .

make_password() { [ -s "$1" ] || { openssl rand -hex 24 | tr -d '\n' > "$1"; chmod 444 "$1"; echo "made $1"; }; }

for name in database_password gateway_password viewer_password grafana_password; do make_password "$name"; done

if [ ! -s gateway_dsn ]; then
    printf 'postgresql://gateway:%s@database:5432/gateway' "$(cat gateway_password)" > gateway_dsn
    chmod 444 gateway_dsn
    echo "made gateway_dsn"
fi

if [ ! -s tls/server.crt ]; then
    mkdir -p tls
    openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj "/CN=${MQTT_HOST:-mosquitto}" \
        -addext "subjectAltName=DNS:mosquitto,DNS:localhost,DNS:${MQTT_HOST:-mosquitto}" \
        -keyout tls/server.key -out tls/server.crt 2>/dev/null
    chmod 444 tls/server.key tls/server.crt
    echo "made tls/server.crt (self-signed: put one of your authority in its place before devices come)"
fi
