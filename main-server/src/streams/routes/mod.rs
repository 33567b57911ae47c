//! `/api/streams` and `/api/events`: create, list, watch, publish and end.

mod addresses;
mod api;
mod events;
mod extract;
mod invitations;
mod list;
mod placement;
mod recording;
mod renew;
mod thumbnails;

use std::{net::IpAddr, sync::Arc};

use axum::{
    Json as Answer, Router,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    routing::{delete, get, post, put},
};
use protocol::{
    ErrorCode, StreamId,
    grant::{Action, Claims},
    item::RecordPolicy,
    stream::{
        AskForNodes, Assignment, ChangeStream, CreateStream, MAX_THUMBNAIL_BYTES, NodeAddress, StreamCreated,
        StreamInfo, Visibility,
    },
    title,
};
use serving::{Forwarded, Prefix};

pub(crate) use self::api::Api;
use self::extract::{Broadcaster, Insider, Manager, Publisher, StreamPath};
use super::{Asks, NewStream};
use crate::{
    api::{
        caller::Bearer,
        error::Error,
        extract::{Client, Json, OptionalJson},
    },
    auth::{Attempt, PASSPHRASE_CHARS, lifetime, proves_admission},
    clock::Now,
    invitations::{Error as InvitationError, Key as InvitationKey, Refusal},
};

/// The routes of streams.
pub(crate) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/api/streams", get(list::list).post(create))
        .route("/api/streams/{stream_id}", get(show).patch(edit).delete(end))
        .route("/api/streams/{stream_id}/watch", post(watch))
        .route("/api/streams/{stream_id}/publish", post(publish))
        .route("/api/streams/{stream_id}/renew", post(renew::renew))
        .route("/api/streams/{stream_id}/recording", put(recording::switch))
        .route("/api/streams/{stream_id}/invitations", get(invitations::list).post(invitations::create))
        .route("/api/streams/{stream_id}/invitations/{invitation_id}", delete(invitations::revoke))
        .route(
            "/api/streams/{stream_id}/thumbnail",
            get(thumbnails::show).put(thumbnails::replace).layer(DefaultBodyLimit::max(MAX_THUMBNAIL_BYTES)),
        )
        .route("/api/events", get(events::listen))
        .route("/api/nodes/placement", get(placement::explain))
        .with_state(api)
}

/// Most avoided nodes that are taken into account.
const MAX_AVOIDED: usize = 16;

async fn create(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    forwarded: Forwarded,
    Broadcaster { owner }: Broadcaster,
    Json(request): Json<CreateStream>,
) -> Result<(StatusCode, Answer<StreamCreated>), Error> {
    let title = cleaned_title(&request.title)?;
    let CreateStream { visibility, invitation_only, record, .. } = request;
    if record {
        recording::check_policy(api.record, true, None)?;
    }
    let record = record || api.record == RecordPolicy::All;
    let passphrase = checked_passphrase(request)?;
    api.streams.has_room_for(address)?;
    let passphrase_hash = match passphrase {
        Some(passphrase) => Some(api.passphrases.hash(passphrase, address).await?),
        None => None,
    };
    let now = Now::read();
    let new = NewStream {
        title: title.clone(),
        visibility,
        passphrase_hash,
        invitation_only,
        record,
        owner,
        address,
    };
    let placed = api.streams.create(new, now).await?;
    let stream_id = placed.stream_id;
    let recording = placed.recording;
    let claims = Claims { recording, ..Claims::new(stream_id, Action::Publish, visibility, 0) };
    let grant = api.grants.issue(claims, now)?;
    api.created.inc();
    let prefix = forwarded.prefix();
    let created = StreamCreated {
        stream_id,
        title,
        watch_url: prefix.path(&format!("/view/{stream_id}")),
        publish: assignment(Action::Publish, grant, addresses::nodes(placed.nodes, prefix)),
        recording: recording.map(|recording| recording.item_id),
    };
    Ok((StatusCode::CREATED, Answer(created)))
}

fn checked_passphrase(request: CreateStream) -> Result<Option<String>, Error> {
    let passphrase = request.passphrase.filter(|passphrase| !passphrase.is_empty());
    match &passphrase {
        _ if request.invitation_only && request.visibility != Visibility::Private => Err(Error::invalid(
            "invitation_only is for private streams: set visibility to private, or leave it out",
        )),
        Some(_) if request.visibility != Visibility::Private => Err(Error::invalid(
            "passphrase is for private streams: set visibility to private, or leave it out",
        )),
        Some(text) if text.chars().count() > PASSPHRASE_CHARS => {
            Err(Error::invalid(format!("passphrase has more than {PASSPHRASE_CHARS} characters")))
        }
        _ => Ok(passphrase),
    }
}

async fn show(
    State(api): State<Arc<Api>>,
    StreamPath(stream_id): StreamPath,
    forwarded: Forwarded,
    Insider(is_insider): Insider,
) -> Result<Answer<StreamInfo>, Error> {
    let (info, asks_viewers) = api.streams.describe(stream_id, Now::read())?;
    let is_told = !asks_viewers || is_insider;
    let info = if is_told { info } else { info.concealed() };
    Ok(Answer(addresses::stream(info, forwarded.prefix())))
}

async fn watch(
    State(api): State<Arc<Api>>,
    StreamPath(stream_id): StreamPath,
    Client(address): Client,
    forwarded: Forwarded,
    Bearer(grant): Bearer,
    OptionalJson(mut request): OptionalJson<AskForNodes>,
) -> Result<Answer<Assignment>, Error> {
    // Here rather than in the path, so that a request whose body is slow holds nothing.
    api.streams.look_up(stream_id).await?;
    let mut found = api.streams.find(stream_id, Now::read())?;
    let earlier = match grant.as_deref() {
        Some(grant) => admitted_before(&api, stream_id, grant, found.was_open).await?,
        None => None,
    };
    let admitted = match (earlier, found.asks.take()) {
        (Some(earlier), _) => earlier,
        (None, Some(asks)) => admit(&api, stream_id, asks, &mut request, address).await?,
        (None, None) => Admitted::unasked(),
    };
    let prefix = forwarded.prefix();
    let now = Now::read();
    let nodes = api.streams.watch(stream_id, &addresses::request(request, prefix), now)?;
    let Admitted { was_asked, invitation_id, uses } = admitted;
    if let Some(invitation) = uses {
        // Only now, so that a viewer that no node has room for uses up nothing.
        api.invitations.count(&invitation, None, Now::read()).await?;
    }
    let claims =
        Claims { was_asked, invitation_id, ..Claims::new(stream_id, Action::Watch, found.visibility, 0) };
    let grant = api.grants.issue(claims, now)?;
    api.watch_grants.inc();
    Ok(Answer(to_watch(grant, nodes, found.info, prefix)))
}

/// The answer to a viewer of a stream, which has a grant for these nodes.
pub(crate) fn to_watch(
    grant: String,
    nodes: Vec<NodeAddress>,
    info: StreamInfo,
    prefix: &Prefix,
) -> Assignment {
    let stream = Some(addresses::stream(info, prefix));
    Assignment { stream, ..assignment(Action::Watch, grant, addresses::nodes(nodes, prefix)) }
}

/// How a viewer was admitted, as its grant says.
struct Admitted {
    /// Whether it showed what the stream asks viewers for, now or before.
    was_asked: bool,
    /// The invitation that it showed, if it did.
    invitation_id: Option<String>,
    /// The invitation of which it uses up one use now.
    uses: Option<InvitationKey>,
}

impl Admitted {
    /// To a stream that asks for nothing.
    fn unasked() -> Self {
        Self { was_asked: false, invitation_id: None, uses: None }
    }

    /// By what it shows now.
    fn asked(invitation_id: Option<String>) -> Self {
        Self { was_asked: true, invitation_id, uses: None }
    }
}

/// How the viewer that has `grant` was admitted before; `None` if the grant admits it no more.
async fn admitted_before(
    api: &Api,
    stream_id: StreamId,
    grant: &str,
    was_open: bool,
) -> Result<Option<Admitted>, Error> {
    let Some(claims) = api.grants.earlier(grant, stream_id, was_open) else { return Ok(None) };
    let is_revoked = match &claims.invitation_id {
        Some(invitation_id) => api.invitations.is_revoked(stream_id.into(), invitation_id).await?,
        None => false,
    };
    // Not whether it was admitted here: another main server may know that the stream was open when it gave this grant.
    let was_asked = proves_admission(&claims, true);
    let admitted = Admitted { was_asked, invitation_id: claims.invitation_id, uses: None };
    Ok((!is_revoked).then_some(admitted))
}

/// Admits a viewer to a private stream with an invitation or the passphrase.
async fn admit(
    api: &Api,
    stream_id: StreamId,
    asks: Asks,
    request: &mut AskForNodes,
    address: Option<IpAddr>,
) -> Result<Admitted, Error> {
    if let Some(invitation) = request.invitation.take() {
        api.passphrases.turn(stream_id.into(), address).await?;
        let key = api.invitations.check(stream_id.into(), &invitation, None, Now::read()).await?;
        return Ok(Admitted { uses: Some(key.clone()), ..Admitted::asked(Some(key.invitation_id)) });
    }
    let hash = asks.passphrase_hash.ok_or(InvitationError::Refused(Refusal::Missing))?;
    let passphrase = request.passphrase.take().unwrap_or_default();
    check_passphrase(api, Attempt { subject: stream_id.into(), address, passphrase, hash }).await?;
    Ok(Admitted::asked(None))
}

async fn check_passphrase(api: &Api, attempt: Attempt) -> Result<(), Error> {
    let may_match = (1..=PASSPHRASE_CHARS).contains(&attempt.passphrase.chars().count());
    let matches = may_match && api.passphrases.matches(attempt).await?;
    let refused = || Error::new(ErrorCode::WrongPassphrase, "the passphrase is missing or wrong");
    matches.then_some(()).ok_or_else(refused)
}

async fn publish(
    State(api): State<Arc<Api>>,
    Publisher { stream_id, visibility }: Publisher,
    forwarded: Forwarded,
    OptionalJson(request): OptionalJson<AskForNodes>,
) -> Result<Answer<Assignment>, Error> {
    let prefix = forwarded.prefix();
    let now = Now::read();
    let nodes = api.streams.publish(stream_id, &addresses::request(request, prefix), now)?;
    let found = api.streams.find(stream_id, now)?;
    let claims = found.to_publish(Claims::new(stream_id, Action::Publish, visibility, 0), now);
    let grant = api.grants.issue(claims, now)?;
    Ok(Answer(assignment(Action::Publish, grant, addresses::nodes(nodes, prefix))))
}

async fn edit(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    manager: Manager,
    forwarded: Forwarded,
    Json(ChangeStream { title, visibility }): Json<ChangeStream>,
) -> Result<Answer<StreamInfo>, Error> {
    let title = title.as_deref().map(cleaned_title).transpose()?;
    if title.is_none() && visibility.is_none() {
        return Err(Error::invalid("title or visibility is required"));
    }
    let stream = api.streams.edit(manager.stream_id, title.as_deref(), visibility, Now::read()).await?;
    manager.log(address, "changed");
    Ok(Answer(addresses::stream(stream, forwarded.prefix())))
}

/// A new grant for `action` and where to use it.
fn assignment(action: Action, grant: String, nodes: Vec<NodeAddress>) -> Assignment {
    Assignment { grant, nodes, stream: None, expires_in_s: Some(lifetime(action).as_secs()) }
}

async fn end(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    manager: Manager,
) -> Result<StatusCode, Error> {
    api.streams.end(manager.stream_id, Now::read()).await?;
    manager.log(address, "ended");
    Ok(StatusCode::NO_CONTENT)
}

fn cleaned_title(text: &str) -> Result<String, Error> {
    title::clean(text).map_err(|error| Error::new(ErrorCode::InvalidTitle, error.to_string()))
}
