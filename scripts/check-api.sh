#!/usr/bin/env bash
# Holds the servers to GET /api/openapi.json: schemathesis sends what it allows and what it forbids, as an operator, as a node and
# then as a stranger (schemathesis.toml).
set -euo pipefail
cd "$(dirname "$0")/.."

binary=${UNDEAD_BIN:-target/release/undead}
data=$(mktemp -d)
exec {out}< <(exec "$binary" up --listen 127.0.0.1:0 --data-dir "$data" 2>"$data/log")
server=$!
trap 'kill "$server" && wait "$server"; rm -rf "$data"' EXIT

read -r -t 20 -u "$out" url || { cat "$data/log"; exit 1; }
read -r -t 20 -u "$out" setup || { cat "$data/log"; exit 1; }
# Streams can be created once a node is there.
curl --silent --fail --output "$data/answer" --retry 50 --retry-delay 0 --retry-max-time 20 --retry-all-errors \
    --json '{"title":"first"}' "$url/api/streams"
curl --silent --fail --output /dev/null --cookie-jar "$data/cookies" \
    --json "{\"token\":\"${setup##*#setup=}\",\"name\":\"operator\",\"password\":\"correct horse\"}" "$url/api/setup"
session=$(awk '$6 == "undead_session" { print $7 }' "$data/cookies")

# The operator's session goes into a configuration of its own, so that schemathesis also leaves it out and sends wrong ones.
{ cat schemathesis.toml; printf '\n[auth.openapi.session]\napi_key = "%s"\n' "$session"; } >"$data/operator.toml"

check() {
    PYTHONPATH=target/schemathesis:scripts target/schemathesis/bin/schemathesis --config-file "$1" run "$url/api/openapi.json" \
        --no-color "${@:2}" || { cat "$data/log"; exit 1; }
}
# Signing out would end the session that the other calls need.
check "$data/operator.toml" --header "X-Undead-CSRF: 1" --exclude-path /api/logout
check schemathesis.toml --header "Authorization: Bearer $(<"$data/cluster-secret")"
check schemathesis.toml --header "Accept: */*"
