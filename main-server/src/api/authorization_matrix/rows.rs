//! The operations, one row for each and further rows for variants (`?of=private`).

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::{
    PASSWORD,
    access::Access::{
        self, GrantHolder, HiddenItemEditor, HiddenItemNode, HiddenItemReader, HiddenPartyHost,
        HiddenPartyJoin, HiddenPartyMember, HiddenPartyReader, ItemEditor, Manager, MaybeSignedIn, Node,
        NodeOrOperator, Open, Operator, PartyHost, PartyMember, PartyReader, PartyWriter, Publisher,
        SameOrigin, SignedIn,
    },
};

/// Too long to be hashed: refused at once.
const LONG_PASSWORD_CHARS: usize = 300;

/// An operation: its method and path, the callers that it admits, the body, and the answer to those callers. Rows name accounts, keys
/// and nodes that do not exist, so that nothing changes.
pub(super) type Row = (&'static str, Access, fn() -> Value, (u16, &'static str));

const OK: (u16, &str) = (200, "");
const NO_ENTRY: (u16, &str) = (404, "unknown_entry");
const UNKNOWN_JOB: (u16, &str) = (404, "unknown_job");
const NO_BODY: fn() -> Value = || Value::Null;

pub(super) const ROWS: &[Row] = &[
    (
        "post /register_server",
        Node,
        || json!({ "hostname": "a", "public_url": "/cdn/a", "generation": 1 }),
        OK,
    ),
    ("get /api/nodes", NodeOrOperator, NO_BODY, OK),
    ("get /api/nodes/placement?for=broadcaster", Operator, NO_BODY, OK),
    ("get /api/grant-keys", Operator, NO_BODY, OK),
    ("post /api/grant-keys", Operator, NO_BODY, OK),
    ("get /api/scaling", NodeOrOperator, NO_BODY, OK),
    ("delete /api/nodes/{node_id}", NodeOrOperator, NO_BODY, (404, "unknown_node")),
    ("put /api/nodes/{node_id}/heartbeat", Node, || json!({ "load": {} }), (404, "unknown_node")),
    ("post /api/nodes/{node_id}/streams/{stream_id}/sources", Node, NO_BODY, (404, "unknown_node")),
    ("post /api/nodes/{node_id}/recordings/{item_id}", Node, || json!({ "fragments": [] }), OK),
    ("get /api/streams", Open, NO_BODY, OK),
    ("get /api/streams?all=true", Operator, NO_BODY, OK),
    ("post /api/streams", MaybeSignedIn, || json!({ "title": "another" }), (201, "")),
    ("get /api/streams/{stream_id}", Open, NO_BODY, OK),
    ("patch /api/streams/{stream_id}", Manager, || json!({ "title": "b" }), OK),
    ("delete /api/streams/{stream_id}", Manager, NO_BODY, (204, "")),
    ("post /api/streams/{stream_id}/watch", Open, NO_BODY, OK),
    ("post /api/streams/{stream_id}/publish", Publisher, NO_BODY, OK),
    ("post /api/streams/{stream_id}/renew", GrantHolder, NO_BODY, OK),
    ("put /api/streams/{stream_id}/recording", Manager, || json!({ "on": true }), OK),
    ("get /api/streams/{stream_id}/thumbnail", Open, NO_BODY, (404, "not_found")),
    ("put /api/streams/{stream_id}/thumbnail", Publisher, || json!({}), (400, "invalid_request")),
    ("get /api/streams/{stream_id}/invitations", Manager, NO_BODY, OK),
    ("post /api/streams/{stream_id}/invitations", Manager, NO_BODY, (201, "")),
    (
        "delete /api/streams/{stream_id}/invitations/{invitation_id}",
        Manager,
        NO_BODY,
        (404, "unknown_invitation"),
    ),
    ("get /api/library", Open, NO_BODY, OK),
    ("get /api/library?mine=true", SignedIn, NO_BODY, OK),
    ("get /api/library?deleted=true", SignedIn, NO_BODY, OK),
    ("get /api/library/events", SignedIn, NO_BODY, OK),
    ("get /api/library/{item_id}", Open, NO_BODY, OK),
    ("get /api/library/{item_id}?of=private", HiddenItemNode, NO_BODY, OK),
    ("get /api/library/{item_id}?of=deleted", HiddenItemReader, NO_BODY, OK),
    ("patch /api/library/{item_id}", ItemEditor, || json!({ "title": "b" }), OK),
    ("patch /api/library/{item_id}?of=private", HiddenItemEditor, || json!({ "title": "b" }), OK),
    ("patch /api/library/{item_id}?of=deleted", HiddenItemEditor, || json!({ "deleted": false }), OK),
    ("delete /api/library/{item_id}", ItemEditor, NO_BODY, (204, "")),
    ("delete /api/library/{item_id}?of=private", HiddenItemEditor, NO_BODY, (204, "")),
    ("post /api/library/{item_id}/play", Open, NO_BODY, OK),
    ("post /api/library/{item_id}/play?of=private", HiddenItemNode, NO_BODY, OK),
    ("put /api/library/{item_id}/previews/{at_ms}", ItemEditor, || json!({}), (400, "invalid_request")),
    (
        "put /api/library/{item_id}/previews/{at_ms}?of=private",
        HiddenItemEditor,
        || json!({}),
        (400, "invalid_request"),
    ),
    ("get /api/library/{item_id}/waveform", Open, NO_BODY, (404, "not_found")),
    ("get /api/library/{item_id}/waveform?of=private", HiddenItemNode, NO_BODY, (404, "not_found")),
    ("get /api/library/{item_id}/lyrics", Open, NO_BODY, (404, "not_found")),
    ("get /api/library/{item_id}/lyrics?of=private", HiddenItemNode, NO_BODY, (404, "not_found")),
    ("put /api/library/{item_id}/lyrics", ItemEditor, || json!("words"), (204, "")),
    ("put /api/library/{item_id}/lyrics?of=private", HiddenItemEditor, || json!("words"), (204, "")),
    ("delete /api/library/{item_id}/lyrics", ItemEditor, NO_BODY, (204, "")),
    ("delete /api/library/{item_id}/lyrics?of=private", HiddenItemEditor, NO_BODY, (204, "")),
    ("get /library/{item_id}/poster", Open, NO_BODY, (404, "not_found")),
    ("get /library/{item_id}/poster?of=private", HiddenItemNode, NO_BODY, (404, "not_found")),
    ("get /library/{item_id}/previews/{at_ms}", Open, NO_BODY, (404, "not_found")),
    ("get /library/{item_id}/previews/{at_ms}?of=private", HiddenItemNode, NO_BODY, (404, "not_found")),
    ("get /library/{item_id}/download", Open, NO_BODY, (307, "")),
    ("get /library/{item_id}/download?of=private", HiddenItemNode, NO_BODY, (307, "")),
    ("get /library/{item_id}/audio.m3u8", Open, NO_BODY, (307, "")),
    ("get /library/{item_id}/audio.m3u8?of=private", HiddenItemNode, NO_BODY, (307, "")),
    ("get /api/library/{item_id}/invitations", ItemEditor, NO_BODY, OK),
    ("get /api/library/{item_id}/invitations?of=private", HiddenItemEditor, NO_BODY, OK),
    ("post /api/library/{item_id}/invitations", ItemEditor, NO_BODY, (201, "")),
    ("post /api/library/{item_id}/invitations?of=private", HiddenItemEditor, NO_BODY, (201, "")),
    (
        "delete /api/library/{item_id}/invitations/{invitation_id}",
        ItemEditor,
        NO_BODY,
        (404, "unknown_invitation"),
    ),
    ("get /api/library/{item_id}/manifest", NodeOrOperator, NO_BODY, OK),
    ("get /api/events", Open, NO_BODY, OK),
    ("post /api/login", SameOrigin, login, (401, "wrong_password")),
    ("post /api/logout", MaybeSignedIn, NO_BODY, (204, "")),
    ("post /api/setup", SameOrigin, setup, (403, "setup_refused")),
    ("get /api/me", Open, NO_BODY, OK),
    (
        "put /api/me/password",
        SignedIn,
        || json!({ "old": "short", "new": "short" }),
        (400, "invalid_request"),
    ),
    ("get /api/accounts", Operator, NO_BODY, OK),
    ("post /api/accounts", Operator, taken, (409, "name_taken")),
    ("patch /api/accounts/{name}", Operator, || json!({ "role": "operator" }), (404, "unknown_account")),
    ("delete /api/accounts/{name}", Operator, NO_BODY, (404, "unknown_account")),
    ("get /api/stream-keys", SignedIn, NO_BODY, OK),
    ("post /api/stream-keys", SignedIn, || json!({ "name": "" }), (400, "invalid_request")),
    ("delete /api/stream-keys/{key_id}", SignedIn, NO_BODY, (404, "unknown_key")),
    ("get /api/blobs/{hash}", Node, NO_BODY, (404, "unknown_blob")),
    ("put /api/blobs/{hash}", Node, NO_BODY, (404, "unknown_blob")),
    ("post /api/library/gc", Operator, NO_BODY, OK),
    ("post /api/library/verify", Operator, NO_BODY, OK),
    ("options /api/uploads", Open, NO_BODY, (204, "")),
    ("post /api/uploads", SignedIn, NO_BODY, (400, "invalid_request")),
    ("options /api/uploads/{upload_id}", Open, NO_BODY, (204, "")),
    ("head /api/uploads/{upload_id}", Open, NO_BODY, (404, "")),
    ("patch /api/uploads/{upload_id}", MaybeSignedIn, NO_BODY, (415, "invalid_request")),
    ("delete /api/uploads/{upload_id}", MaybeSignedIn, NO_BODY, (404, "unknown_upload")),
    ("get /api/jobs", SignedIn, NO_BODY, OK),
    ("post /api/jobs", SignedIn, new_job, (404, "unknown_item")),
    ("get /api/jobs/{job_id}", SignedIn, NO_BODY, UNKNOWN_JOB),
    ("delete /api/jobs/{job_id}", SignedIn, NO_BODY, UNKNOWN_JOB),
    ("post /api/jobs/{job_id}/retry", SignedIn, NO_BODY, UNKNOWN_JOB),
    ("get /api/jobs/{job_id}/events", SignedIn, NO_BODY, UNKNOWN_JOB),
    ("get /api/jobs/{job_id}/file", SignedIn, NO_BODY, UNKNOWN_JOB),
    ("get /api/workers", Operator, NO_BODY, OK),
    ("post /api/worker/claim", Node, worker, (204, "")),
    ("post /api/worker/heartbeat", Node, worker, OK),
    ("post /api/worker/tasks/{key}/progress", Node, || json!({ "claim": "a" }), (409, "task_lost")),
    (
        "post /api/worker/tasks/{key}/done",
        Node,
        || json!({ "claim": "a", "output": "pictures", "pictures": [] }),
        (409, "task_lost"),
    ),
    (
        "post /api/worker/tasks/{key}/failed",
        Node,
        || json!({ "claim": "a", "reason": "b" }),
        (409, "task_lost"),
    ),
    ("get /api/parties", Open, NO_BODY, OK),
    ("post /api/parties", MaybeSignedIn, new_party, (201, "")),
    ("get /api/parties/{party_id}", PartyReader, NO_BODY, OK),
    ("get /api/parties/{party_id}?of=private", HiddenPartyReader, NO_BODY, OK),
    ("post /api/parties/{party_id}/join", MaybeSignedIn, || json!({ "name": "Eve" }), OK),
    ("post /api/parties/{party_id}/join?of=private", HiddenPartyJoin, || json!({ "name": "Eve" }), OK),
    ("post /api/parties/{party_id}/leave", PartyMember, NO_BODY, (204, "")),
    ("post /api/parties/{party_id}/leave?of=private", HiddenPartyMember, NO_BODY, (204, "")),
    ("post /api/parties/{party_id}/commands", PartyMember, remove, NO_ENTRY),
    ("post /api/parties/{party_id}/commands?of=private", HiddenPartyMember, remove, NO_ENTRY),
    ("post /api/parties/{party_id}/commands?of=chat", PartyWriter, chat, OK),
    ("post /api/parties/{party_id}/commands?of=set", PartyHost, set, OK),
    ("post /api/parties/{party_id}/report", PartyMember, || json!({ "error_ms": 1 }), (204, "")),
    ("post /api/parties/{party_id}/report?of=private", HiddenPartyMember, || json!({}), (204, "")),
    ("get /api/parties/{party_id}/events", PartyMember, NO_BODY, OK),
    ("get /api/parties/{party_id}/events?of=private", HiddenPartyMember, NO_BODY, OK),
    ("post /api/parties/{party_id}/play", PartyMember, || json!({}), NO_ENTRY),
    ("post /api/parties/{party_id}/play?of=private", HiddenPartyMember, || json!({}), NO_ENTRY),
    ("get /api/parties/{party_id}/invitations", PartyHost, NO_BODY, OK),
    ("get /api/parties/{party_id}/invitations?of=private", HiddenPartyHost, NO_BODY, OK),
    ("post /api/parties/{party_id}/invitations", PartyHost, NO_BODY, (201, "")),
    ("post /api/parties/{party_id}/invitations?of=private", HiddenPartyHost, NO_BODY, (201, "")),
    (
        "delete /api/parties/{party_id}/invitations/{invitation_id}",
        PartyHost,
        NO_BODY,
        (404, "unknown_invitation"),
    ),
    (
        "delete /api/parties/{party_id}/invitations/{invitation_id}?of=private",
        HiddenPartyHost,
        NO_BODY,
        (404, "unknown_invitation"),
    ),
    ("get /api/people?q=op", SignedIn, NO_BODY, OK),
    ("post /api/clock", Open, || json!({ "t0_ms": 1 }), OK),
    ("get /api/openapi.json", Open, NO_BODY, OK),
    ("get /healthz", Open, NO_BODY, OK),
    ("get /readyz", Open, NO_BODY, OK),
    ("get /metrics", Open, NO_BODY, OK),
    ("get /", Open, NO_BODY, OK),
    ("get /live", Open, NO_BODY, OK),
    ("get /view", Open, NO_BODY, OK),
    ("get /admin", Open, NO_BODY, OK),
    ("get /styleguide", Open, NO_BODY, OK),
    ("get /library", Open, NO_BODY, OK),
    ("get /library/{item_id}", Open, NO_BODY, OK),
    ("get /parties", Open, NO_BODY, OK),
    ("get /party/{party_id}", Open, NO_BODY, OK),
    ("get /karaoke/{item_id}", Open, NO_BODY, OK),
    ("get /jobs", Open, NO_BODY, OK),
    ("get /view/{stream_id}", Open, NO_BODY, OK),
    ("get /embed/{stream_id}", Open, NO_BODY, OK),
];

/// With a name of its own each time, so that no attempt is one too many.
fn login() -> Value {
    static ATTEMPTS: AtomicUsize = AtomicUsize::new(0);
    let name = format!("nobody-{}", ATTEMPTS.fetch_add(1, Ordering::Relaxed));
    json!({ "name": name, "password": "a".repeat(LONG_PASSWORD_CHARS) })
}

pub(super) fn new_party() -> Value {
    json!({ "title": "any", "policy": "host", "access": "public", "name": "Ann" })
}

fn new_job() -> Value {
    json!({ "kind": "waveform", "item_id": "0".repeat(32) })
}

fn worker() -> Value {
    json!({ "worker": { "worker_id": "0".repeat(32), "name": "a", "version": "1", "concurrency": 1 } })
}

fn remove() -> Value {
    json!({ "command": "remove", "entry_id": "e99" })
}

fn chat() -> Value {
    json!({ "command": "chat", "text": "hello" })
}

fn set() -> Value {
    json!({ "command": "set", "title": "another" })
}

fn setup() -> Value {
    json!({ "token": "wrong", "name": "eve", "password": PASSWORD })
}

fn taken() -> Value {
    json!({ "name": "operator", "password": PASSWORD, "role": "operator" })
}
