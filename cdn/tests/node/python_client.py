"""A broadcaster and a viewer with python-socketio, written from docs/protocol.md.

usage: python_client.py URL PATH TRANSPORTS REQUEST_FILE   TRANSPORTS: polling | polling,websocket | websocket
REQUEST_FILE: JSON, { "register": payload, "segments": FILE, "sizes": [bytes …] }. Prints one line of JSON: what came of it.
"""

import json
import sys
import threading

import socketio

PATIENCE = 20
CLOCKS = 40

url, path, transports, request_file = sys.argv[1:]
with open(request_file) as file:
    request = json.load(file)
with open(request["segments"], "rb") as file:
    segments = [file.read(size) for size in request["sizes"]]
stream = request["register"]["stream_id"]


def connect():
    # As a client is: it raises nothing on a packet too many, it drops the connection and says so in its events.
    client = socketio.Client(reconnection=False)
    client.lost = threading.Event()
    client.on("disconnect", lambda *_: client.lost.set())
    client.connect(url, socketio_path=path, transports=transports.split(","), wait_timeout=PATIENCE)
    return client


broadcaster, viewer = connect(), connect()
media, done = [], threading.Event()


def heard(data):
    media.append(data)
    # An init segment, then each segment brings a chunk or more.
    if len(media) > len(segments) // 2:
        done.set()


viewer.on("streaming_data", heard)
registered = broadcaster.call("register_new_stream", request["register"], timeout=PATIENCE)
watching = viewer.call("watch_stream", {"stream_id": stream}, timeout=PATIENCE)
acks = []
for seq, segment in enumerate(segments):
    # Without waiting for one another, as a page sends them.
    payload = {"stream_id": stream, "take": 1, "seq": seq, "segment": segment}
    broadcaster.emit("broadcast_data", payload, callback=acks.append)
answered = threading.Semaphore(0)
for n in range(CLOCKS):
    broadcaster.emit("clock", {"t0_ms": n}, callback=lambda _: answered.release())
clocks = sum(answered.acquire(timeout=PATIENCE) for _ in range(CLOCKS))
done.wait(PATIENCE)
ended = broadcaster.call("end_stream", {"stream_id": stream}, timeout=PATIENCE)
print(json.dumps({
    "transport": [broadcaster.transport(), viewer.transport()],
    "lost": [broadcaster.lost.is_set(), viewer.lost.is_set()],
    "registered": registered["ok"],
    "watching": watching["ok"],
    "accepted": sum(ack["ok"] for ack in acks),
    "clocks": clocks,
    "kinds": sorted({data["kind"] for data in media}),
    "enough": done.is_set(),
    "init": media[0]["data"][:4].hex() if media else None,
    "ended": ended["ok"],
}))
broadcaster.disconnect()
viewer.disconnect()
