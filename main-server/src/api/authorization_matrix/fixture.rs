//! A main server with accounts, streams, items and parties, and calls to it with each credential.

use std::{collections::BTreeMap, sync::Mutex};

use protocol::{
    ItemId, StreamId,
    grant::Action,
    item::{Kind, State},
    stream::Visibility,
};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::{PASSWORD, credential::Credential as C, rows::new_party};
use crate::{
    clock::Now,
    cluster::tests::{Cluster, Member},
    library::{NewItem, Text, new_id},
};

/// See the [module](self).
pub(super) struct Fixture {
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
    pub(super) async fn new() -> Self {
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
        credential: C,
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
    pub(super) async fn ask(&self, operation: &str, body: &Value, credential: C) -> (u16, String) {
        let (method, path) = operation.split_once(' ').unwrap();
        let stream_id =
            if path.contains("{stream_id}") { self.stream().await } else { StreamId::new("none", 1) };
        let is_party = path.contains("{party_id}");
        let of = path.split_once("?of=").map_or("", |(_, of)| of);
        let known = self.parties.lock().unwrap().get(of).cloned();
        let (party_id, members) = match known {
            _ if !is_party => Default::default(),
            // A caller that leaves is not a member in the next call.
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
        // Uploads need it.
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
    pub(super) async fn sign_in(&mut self, name: &'static str) {
        let body = json!({ "name": name, "password": PASSWORD }).to_string();
        let signed_in = self.server.call(Method::POST, "/api/login", &[], body.into()).await;
        let cookie = signed_in.headers()[header::SET_COOKIE].to_str().unwrap();
        self.sessions.insert(name, cookie.split(';').next().unwrap().to_owned());
    }
}
