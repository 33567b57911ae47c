//! The authorization matrix: every operation of `openapi.json` with every credential gets the documented answer. An operation
//! without a row fails, and so does a row without an operation.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use protocol::{
    ItemId, StreamId,
    grant::Action,
    item::{Kind, State},
    stream::Visibility,
};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::{
    clock::Now,
    cluster::tests::{Cluster, Member},
    library::{NewItem, Text, new_id},
};

const PASSWORD: &str = "correct horse";
/// Too long to be hashed: refused at once.
const LONG_PASSWORD_CHARS: usize = 300;

/// Who is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// All, whatever they show.
    Open,
    /// All, but no page of another site.
    SameOrigin,
    /// All, but a session counts and has to be protected.
    MaybeSignedIn,
    /// Nodes.
    Node,
    /// Nodes and operators.
    NodeOrOperator,
    /// Operators.
    Operator,
    /// All with an account.
    SignedIn,
    /// The broadcaster of the stream.
    Publisher,
    /// The broadcaster and the viewers of the stream.
    GrantHolder,
    /// The broadcaster and the owner of the stream, and operators.
    Manager,
    /// The owner of the item, the broadcaster of its stream, and operators.
    ItemEditor,
    /// Those alone; to all others there is no such item.
    HiddenItemEditor,
    /// Those, to read only; to all others there is no such item.
    HiddenItemReader,
    /// Those and nodes.
    HiddenItemNode,
    /// Members of the party.
    PartyMember,
    /// Those; to all others there is no such party.
    HiddenPartyMember,
    /// Members of the party that are not muted.
    PartyWriter,
    /// The host of the party.
    PartyHost,
    /// The host; to all but members there is no such party.
    HiddenPartyHost,
    /// All, but with the token of a member it has to be that of one of this party.
    PartyReader,
    /// Members and operators; to all others there is no such party.
    HiddenPartyReader,
    /// Operators; to all others there is no such party.
    HiddenPartyJoin,
}

use Access::{
    GrantHolder, HiddenItemEditor, HiddenItemNode, HiddenItemReader, HiddenPartyHost, HiddenPartyJoin,
    HiddenPartyMember, HiddenPartyReader, ItemEditor, Manager, MaybeSignedIn, Node, NodeOrOperator, Open,
    Operator, PartyHost, PartyMember, PartyReader, PartyWriter, Publisher, SameOrigin, SignedIn,
};

/// An operation: its method and path, who is admitted, the body, and the answer to those who are. Rows name accounts, keys and nodes
/// that do not exist, so that nothing changes.
type Row = (&'static str, Access, fn() -> Value, (u16, &'static str));

const OK: (u16, &str) = (200, "");
const NO_ENTRY: (u16, &str) = (404, "unknown_entry");
const UNKNOWN_JOB: (u16, &str) = (404, "unknown_job");
const NO_BODY: fn() -> Value = || Value::Null;

const ROWS: &[Row] = &[
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

fn new_party() -> Value {
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

/// What a caller shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Credential {
    Nothing,
    ClusterSecret,
    WrongSecret,
    PublishGrant,
    PublishGrantOfOtherStream,
    PublishGrantOfOtherCluster,
    ExpiredPublishGrant,
    WatchGrant,
    RelayGrant,
    StreamKey,
    WrongSession,
    Operator,
    Owner,
    OtherBroadcaster,
    OperatorWithoutHeader,
    OperatorFromOtherSite,
    Host,
    Member,
    MutedMember,
    RemovedMember,
    MemberOfOtherParty,
}

use Credential as C;

impl Credential {
    /// The account whose session it is, if the session counts.
    fn account(self) -> Option<&'static str> {
        match self {
            C::Operator => Some("operator"),
            C::Owner => Some("owner"),
            C::OtherBroadcaster => Some("other"),
            _ => None,
        }
    }
}

const CREDENTIALS: [Credential; 21] = [
    C::Nothing,
    C::ClusterSecret,
    C::WrongSecret,
    C::PublishGrant,
    C::PublishGrantOfOtherStream,
    C::PublishGrantOfOtherCluster,
    C::ExpiredPublishGrant,
    C::WatchGrant,
    C::RelayGrant,
    C::StreamKey,
    C::WrongSession,
    C::Operator,
    C::Owner,
    C::OtherBroadcaster,
    C::OperatorWithoutHeader,
    C::OperatorFromOtherSite,
    C::Host,
    C::Member,
    C::MutedMember,
    C::RemovedMember,
    C::MemberOfOtherParty,
];

/// The last of them that operations without a party are asked with.
const ELSEWHERE: usize = 16;

/// The answer that the documentation promises.
fn expected(
    access: Access,
    granted: (u16, &'static str),
    method: &Method,
    shown: Credential,
) -> (u16, &'static str) {
    const UNAUTHORIZED: (u16, &str) = (401, "unauthorized");
    const FORBIDDEN: (u16, &str) = (403, "forbidden");
    const CSRF: (u16, &str) = (403, "csrf");
    const NO_GRANT: (u16, &str) = (401, "invalid_grant");
    const OTHER_GRANT: (u16, &str) = (403, "invalid_grant");
    const UNKNOWN_ITEM: (u16, &str) = (404, "unknown_item");
    const UNKNOWN_PARTY: (u16, &str) = (404, "unknown_party");
    const NO_MEMBER: (u16, &str) = (401, "unknown_member");
    const NOT_ALLOWED: (u16, &str) = (403, "not_allowed");
    let is_forged = matches!(shown, C::OperatorWithoutHeader | C::OperatorFromOtherSite) && !method.is_safe();
    let is_operator = matches!(shown, C::Operator | C::OperatorWithoutHeader | C::OperatorFromOtherSite);
    let is_broadcaster = matches!(shown, C::Owner | C::OtherBroadcaster);
    let is_publisher = matches!(shown, C::PublishGrant | C::ExpiredPublishGrant);
    let is_bearer = !is_operator && !is_broadcaster && !matches!(shown, C::Nothing | C::WrongSession);
    let is_member = matches!(shown, C::Host | C::Member | C::MutedMember);
    let is_no_member = matches!(shown, C::RemovedMember | C::MemberOfOtherParty);
    match access {
        Open => granted,
        PartyMember | HiddenPartyMember if is_member => granted,
        PartyHost | HiddenPartyHost if shown == C::Host => granted,
        PartyHost | HiddenPartyHost if is_member => NOT_ALLOWED,
        PartyWriter if shown == C::MutedMember => NOT_ALLOWED,
        PartyWriter if is_member => granted,
        PartyReader if is_no_member => NO_MEMBER,
        PartyReader => granted,
        HiddenPartyReader if is_member || is_operator => granted,
        HiddenPartyJoin if is_forged => CSRF,
        HiddenPartyJoin if is_operator => granted,
        PartyMember | PartyHost | PartyWriter => NO_MEMBER,
        HiddenPartyMember | HiddenPartyHost | HiddenPartyReader | HiddenPartyJoin => UNKNOWN_PARTY,
        SameOrigin if shown == C::OperatorFromOtherSite => CSRF,
        SameOrigin => granted,
        Node | NodeOrOperator if shown == C::ClusterSecret => granted,
        Node => UNAUTHORIZED,
        Publisher if is_publisher => granted,
        GrantHolder if is_publisher || shown == C::WatchGrant => granted,
        Publisher | GrantHolder if is_bearer => OTHER_GRANT,
        Publisher | GrantHolder => NO_GRANT,
        HiddenItemNode if shown == C::ClusterSecret => granted,
        HiddenItemReader | HiddenItemNode if is_operator || is_publisher || shown == C::Owner => granted,
        HiddenItemReader | HiddenItemNode => UNKNOWN_ITEM,
        _ if is_forged => CSRF,
        MaybeSignedIn => granted,
        NodeOrOperator | Operator if is_operator => granted,
        NodeOrOperator | Operator if is_broadcaster => FORBIDDEN,
        NodeOrOperator | Operator => UNAUTHORIZED,
        SignedIn if is_operator || is_broadcaster => granted,
        SignedIn => UNAUTHORIZED,
        Manager if is_publisher || is_operator || shown == C::Owner => granted,
        ItemEditor | HiddenItemEditor if is_publisher || is_operator || shown == C::Owner => granted,
        HiddenItemEditor => UNKNOWN_ITEM,
        ItemEditor if is_broadcaster => FORBIDDEN,
        ItemEditor if is_bearer => OTHER_GRANT,
        ItemEditor => UNAUTHORIZED,
        Manager if is_broadcaster => FORBIDDEN,
        Manager if is_bearer => OTHER_GRANT,
        Manager => NO_GRANT,
    }
}

/// The security schemes that the document names for an operation like that; empty for none.
fn schemes(access: Access) -> &'static [&'static str] {
    match access {
        Open | SameOrigin | MaybeSignedIn => &[],
        Node => &["clusterSecret"],
        NodeOrOperator => &["clusterSecret", "session"],
        Operator | SignedIn => &["session"],
        Publisher => &["publishGrant"],
        GrantHolder => &["streamGrant"],
        Manager | ItemEditor | HiddenItemEditor => &["publishGrant", "session"],
        PartyMember | PartyWriter | PartyHost => &["partyMember"],
        // With rows for items and parties that all see.
        HiddenItemReader | HiddenItemNode | PartyReader => &[],
        HiddenPartyMember | HiddenPartyHost | HiddenPartyReader | HiddenPartyJoin => &[],
    }
}

/// A main server with accounts, and what their holders show.
struct Fixture {
    server: Member,
    other_cluster: Member,
    sessions: BTreeMap<&'static str, String>,
    stream_key: String,
    /// Parties, and what the holders of credentials show there, by how they were made.
    parties: Mutex<BTreeMap<String, Party>>,
}

/// The id of a party, and the tokens of its members and of others.
type Party = (String, BTreeMap<&'static str, String>);

impl Fixture {
    async fn new() -> Self {
        let server = Cluster::new().await.member(|_| {}).await;
        let other_cluster = Cluster::new().await.member(|_| {}).await;
        let node = server.node("a").await;
        server.serves_library(&node).await;
        let sessions = BTreeMap::new();
        let mut fixture =
            Self { server, other_cluster, sessions, stream_key: String::new(), parties: Mutex::default() };
        for (name, role) in [("operator", "operator"), ("owner", "broadcaster"), ("other", "broadcaster")] {
            let account = json!({ "name": name, "password": PASSWORD, "role": role }).to_string();
            fixture.server.operate(Method::POST, "/api/accounts", account.into()).await.read::<Value>();
            fixture.sign_in(name).await;
        }
        let key = fixture.post_as_owner("/api/stream-keys", json!({ "name": "any" })).await;
        fixture.stream_key = key["key"].as_str().unwrap().to_owned();
        fixture
    }

    async fn post_as_owner(&self, path: &str, body: Value) -> Value {
        let headers = [("cookie", self.sessions["owner"].as_str()), ("x-undead-csrf", "1")];
        let response = self.server.call(Method::POST, path, &headers, body.to_string().into()).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        response.json().await.unwrap()
    }

    /// A new stream of the owner.
    async fn stream(&self) -> StreamId {
        let created = self.post_as_owner("/api/streams", json!({ "title": "any" })).await;
        created["stream_id"].as_str().unwrap().parse().unwrap()
    }

    /// A new recording of a stream of the owner, public or as `of` says, and the stream.
    async fn item(&self, of: &str) -> Option<(ItemId, StreamId)> {
        let stream_id = self.stream().await;
        let owner = self
            .server
            .state
            .read_streams(|catalogue, _| catalogue.get(stream_id).ok()?.record().owner.clone());
        let new = NewItem {
            item_id: new_id().ok()?,
            kind: Kind::Recording,
            state: State::Ready,
            text: Text { title: "any".into(), ..Text::default() },
            visibility: if of == "private" { Visibility::Private } else { Visibility::Public },
            passphrase_hash: None,
            owner,
            stream_id: Some(stream_id),
        };
        let library = &self.server.library;
        let item_id = library.create(new, Now::read()).await.ok()?;
        if of == "deleted" {
            library.delete(item_id, Now::read()).await.ok()?;
        }
        Some((item_id, stream_id))
    }

    /// A new party, public or as `of` says, and what the holders of credentials show there.
    async fn party(&self, of: &str) -> Party {
        let post = async |path: &str, token: Option<&String>, body: Value| {
            self.server.post(path, token.map(String::as_str), body).await.read::<Value>()
        };
        let made = post("/api/parties", None, new_party()).await;
        let path = format!("/api/parties/{}", made["party_id"].as_str().unwrap());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut tokens = BTreeMap::from([("host", text(&made["member"]["token"]))]);
        for name in ["member", "muted", "removed"] {
            let member = post(&format!("{path}/join"), None, json!({ "name": name })).await;
            tokens.insert(name, text(&member["token"]));
            let command = match name {
                "muted" => "mute",
                "removed" => "kick",
                _ => continue,
            };
            let body = json!({ "command": command, "member_id": member["member_id"] });
            post(&format!("{path}/commands"), tokens.get("host"), body).await;
        }
        let other = post("/api/parties", None, new_party()).await;
        tokens.insert("other", text(&other["member"]["token"]));
        if of == "private" {
            let private = json!({ "command": "set", "access": "private" });
            post(&format!("{path}/commands"), tokens.get("host"), private).await;
        }
        (text(&made["party_id"]), tokens)
    }

    /// The headers with which a caller shows `credential` for a stream or a party.
    fn headers(
        &self,
        credential: Credential,
        stream_id: StreamId,
        members: &BTreeMap<&'static str, String>,
    ) -> Vec<(&'static str, String)> {
        let long_ago = Now { unix: std::time::Duration::from_secs(1), ..Now::read() };
        let grant = |of: &Member, action, stream_id, now| {
            let grant = of.context().grants.permit(action, stream_id, Visibility::Public, now).unwrap();
            vec![("authorization", format!("Bearer {grant}"))]
        };
        let now = Now::read();
        let bearer = |token: &str| vec![("authorization", format!("Bearer {token}"))];
        let session = |name: &str| ("cookie", self.sessions[name].clone());
        let member = |name: &str| bearer(members.get(name).map_or("up_wrong", String::as_str));
        let marked = || ("x-undead-csrf", "1".to_owned());
        match credential {
            C::Nothing => vec![],
            C::ClusterSecret => bearer(&self.server.secret),
            C::WrongSecret => bearer("wrong"),
            C::PublishGrant => grant(&self.server, Action::Publish, stream_id, now),
            C::PublishGrantOfOtherStream => {
                grant(&self.server, Action::Publish, StreamId::new("other", 1), now)
            }
            C::PublishGrantOfOtherCluster => grant(&self.other_cluster, Action::Publish, stream_id, now),
            C::ExpiredPublishGrant => grant(&self.server, Action::Publish, stream_id, long_ago),
            C::WatchGrant => grant(&self.server, Action::Watch, stream_id, now),
            C::RelayGrant => grant(&self.server, Action::Relay, stream_id, now),
            C::StreamKey => bearer(&self.stream_key),
            C::Host => member("host"),
            C::Member => member("member"),
            C::MutedMember => member("muted"),
            C::RemovedMember => member("removed"),
            C::MemberOfOtherParty => member("other"),
            C::WrongSession => vec![("cookie", "undead_session=wrong".to_owned()), marked()],
            C::Operator => vec![session("operator"), marked()],
            C::Owner => vec![session("owner"), marked()],
            C::OtherBroadcaster => vec![session("other"), marked()],
            C::OperatorWithoutHeader => vec![session("operator")],
            C::OperatorFromOtherSite => {
                vec![session("operator"), marked(), ("origin", "http://elsewhere.example".to_owned())]
            }
        }
    }

    /// The answer to an operation.
    async fn ask(&self, operation: &str, body: &Value, credential: Credential) -> (u16, String) {
        let (method, path) = operation.split_once(' ').unwrap();
        let stream_id =
            if path.contains("{stream_id}") { self.stream().await } else { StreamId::new("none", 1) };
        let is_party = path.contains("{party_id}");
        let of = path.split_once("?of=").map_or("", |(_, of)| of);
        let known = self.parties.lock().unwrap().get(of).cloned();
        let (party_id, members) = match known {
            _ if !is_party => Default::default(),
            // Who leaves is no member for the next one.
            Some(party) if !path.contains("/leave") => party,
            _ => self.party(of).await,
        };
        if is_party {
            self.parties.lock().unwrap().insert(of.to_owned(), (party_id.clone(), members.clone()));
        }
        let (path, item_id) = match path.split_once("?of=") {
            Some((path, _)) if is_party => (path, None),
            Some((path, of)) => (path, self.item(of).await),
            None if path.contains("{item_id}") => (path, self.item("").await),
            None => (path, None),
        };
        let (item_id, stream_id) = item_id.unwrap_or((new_id().unwrap(), stream_id));
        let path = path.replace("{item_id}", &item_id.to_string()).replace("{party_id}", &party_id);
        let names =
            ["{at_ms}", "{node_id}", "{name}", "{key_id}", "{invitation_id}", "{hash}", "{job_id}", "{key}"];
        let path =
            names.into_iter().fold(path.replace("{stream_id}", &stream_id.to_string()), |path, name| {
                path.replace(name, "nobody")
            });
        let headers = self.headers(credential, stream_id, &members);
        let mut headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // Uploads ask for it.
        headers.push(("tus-resumable", "1.0.0"));
        let body = if body.is_null() { vec![] } else { body.to_string().into_bytes() };
        let method = method.to_uppercase().parse().unwrap();
        let response = self.server.call(method, &path, &headers, body).await;
        let status = response.status();
        if status.is_success() {
            return (status.as_u16(), String::new());
        }
        let answer: Value = response.json().await.unwrap_or_default();
        (status.as_u16(), answer["error"]["code"].as_str().unwrap_or_default().to_owned())
    }

    /// Signs an account in.
    async fn sign_in(&mut self, name: &'static str) {
        let body = json!({ "name": name, "password": PASSWORD }).to_string();
        let signed_in = self.server.call(Method::POST, "/api/login", &[], body.into()).await;
        let cookie = signed_in.headers()[header::SET_COOKIE].to_str().unwrap();
        self.sessions.insert(name, cookie.split(';').next().unwrap().to_owned());
    }
}

fn document() -> Value {
    serde_json::from_str(include_str!("openapi.json")).unwrap()
}

/// The operation of the document that a row is about.
fn operation<'a>(document: &'a Value, row: &str) -> Option<&'a Value> {
    let (method, path) = row.split_once(' ')?;
    document["paths"].get(path.split('?').next()?)?.get(method)
}

#[test]
fn every_operation_has_a_row_and_names_the_credentials_that_it_admits() {
    let document = document();
    let described: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
        })
        .collect();
    let rows: BTreeSet<String> = ROWS.iter().map(|row| row.0.split('?').next().unwrap().to_owned()).collect();
    assert_eq!(described, rows);
    for (row, access, ..) in ROWS
        .iter()
        .filter(|row| !["?all=", "?mine=", "?deleted=", "?of="].iter().any(|variant| row.0.contains(variant)))
    {
        let security = operation(&document, row).unwrap().get("security").and_then(Value::as_array);
        let named: Vec<&serde_json::Map<_, _>> =
            security.into_iter().flatten().map(|scheme| scheme.as_object().unwrap()).collect();
        let is_open = named.is_empty() || named.iter().any(|scheme| scheme.is_empty());
        assert_eq!(is_open, schemes(*access).is_empty(), "{row}");
        if !is_open {
            let named: BTreeSet<&str> =
                named.iter().flat_map(|scheme| scheme.keys().map(String::as_str)).collect();
            assert_eq!(named, schemes(*access).iter().copied().collect(), "{row}");
        }
    }
}

#[tokio::test]
async fn every_operation_answers_every_credential_as_documented() {
    let (mut fixture, document) = (Fixture::new().await, document());
    let mut wrong = Vec::new();
    for (row, access, body, granted) in ROWS {
        let method: Method = row.split(' ').next().unwrap().to_uppercase().parse().unwrap();
        let responses = &operation(&document, row).unwrap()["responses"];
        // A member's token is no more than a wrong one elsewhere.
        let credentials =
            if row.contains("{party_id}") { &CREDENTIALS[..] } else { &CREDENTIALS[..=ELSEWHERE] };
        for credential in credentials.iter().copied() {
            let (status, code) = fixture.ask(row, &body(), credential).await;
            if *row == "post /api/logout"
                && let Some(name) = credential.account()
            {
                fixture.sign_in(name).await;
            }
            let (wanted, wanted_code) = expected(*access, *granted, &method, credential);
            if (status, code.as_str()) != (wanted, wanted_code) {
                wrong.push(format!("{row} with {credential:?}: {status} {code}, not {wanted} {wanted_code}"));
            }
            let documented = &responses[status.to_string()]["description"];
            let is_documented =
                documented.as_str().is_some_and(|text| code.is_empty() || text.contains(&code));
            if !is_documented {
                wrong.push(format!("{row} with {credential:?}: {status} {code} is not documented"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
