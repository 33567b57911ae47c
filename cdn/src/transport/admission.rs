//! Admission of viewers and relaying nodes, the same on every transport: finds the stream, checks the grant and whether the
//! node has room, takes a place, and welcomes. A transport reads the request and writes the answer.

use std::{net::IpAddr, sync::Arc};

use protocol::{
    ErrorCode, Formats, StreamId, WireError,
    event::{FrameName, Watching, Welcome},
    grant::{Action, Claims},
    node::Access,
};

use super::errors;
use crate::{
    clock::{Clock, whole_ms},
    config::Limits,
    egress::{self, Applicant, Delivery, Egress, Encoder, Session},
    grants::Grants,
    hub::{Cursor, LiveStream, Role, SharedStream},
    invited::{Invited, InvitedViewer},
    load::{AdmissionControl, Newcomer},
    lock::lock,
    relay::{Relays, unknown_stream},
};

/// Which stream a client asks for, and from where on.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) stream: StreamId,
    pub(crate) grant: Option<String>,
    pub(crate) client: Client,
    pub(crate) start: Start,
    /// See [`Applicant::formats`].
    pub(crate) formats: Option<Formats>,
}

/// What asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Viewer,
    /// The node of this hostname, which serves the stream onwards.
    Relay(String),
}

/// Where the media begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the newest keyframe that is at least so old; 0 for the newest.
    Back { ms: u64 },
    /// After the chunk that holds this frame, which the client has.
    After(FrameName),
}

/// Where a client is served.
pub(crate) struct Destination<'a, V> {
    /// Its connection.
    pub(crate) viewer: V,
    /// The address that its limits are counted by.
    pub(crate) address: Option<IpAddr>,
    pub(crate) delivery: &'static Delivery,
    /// The session that this one replaces on the same connection: it passes its place on.
    pub(crate) replacing: Option<&'a Session>,
}

/// See the [module](self).
pub(crate) struct Admission {
    pub(crate) hostname: String,
    pub(crate) relays: Arc<Relays>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) control: Arc<AdmissionControl>,
    pub(crate) invited: Arc<Invited>,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
}

/// A client that was admitted. It gets media from [`Admitted::start`] on.
pub(crate) struct Admitted<V> {
    reservation: egress::Reservation<V>,
    stream: SharedStream,
    welcome: Welcome,
    /// When the viewer's grant expires, seconds since the Unix epoch; none where it needs none.
    pub(crate) grant_expires_s: Option<u64>,
    /// The entry of a viewer that an invitation admitted.
    invited: Option<InvitedViewer>,
}

impl Admission {
    /// The stream, if it can be watched at once.
    pub(crate) fn at_hand(&self, stream: StreamId) -> Option<SharedStream> {
        self.relays.at_hand(stream)
    }

    /// The stream that is asked for. A viewer's is fetched if it is not here. For another node it is an error, so that
    /// no two nodes wait for each other.
    ///
    /// # Errors
    /// Those of [`Relays::find`]; `relay_loop` for a node that asks itself.
    pub(crate) async fn find(&self, request: &Request) -> Result<SharedStream, WireError> {
        match &request.client {
            Client::Viewer => self.relays.find(request.stream, request.grant.as_deref()).await,
            Client::Relay(relay) if *relay == self.hostname => Err(asks_itself(relay)),
            Client::Relay(_) => self.at_hand(request.stream).ok_or_else(|| unknown_stream(request.stream)),
        }
    }

    /// Admits a client to `stream`.
    ///
    /// # Errors
    /// `invalid_grant`, `unsupported_format`, `no_capacity`, `relay_loop`, and `unknown_stream` or `stream_dropped` if the stream is not here any more.
    pub(crate) fn admit<E: Encoder>(
        &self,
        egress: &Egress<E>,
        request: &Request,
        stream: &SharedStream,
        destination: Destination<'_, E::Viewer>,
    ) -> Result<Admitted<E::Viewer>, WireError> {
        let Destination { viewer, address, delivery, replacing } = destination;
        let access = lock(stream).access();
        let claims = self.check_grant(request, access)?;
        let is_asked = access == Access::Asked || claims.as_ref().is_some_and(Claims::says_asked);
        check_formats(&lock(stream), request.formats)?;
        let role = self.check_room(request, stream, egress.audience().viewers(), replacing.is_some())?;
        let cursor = match request.start {
            Start::Back { ms } => Cursor::back(ms),
            // It may have it in another format than it asks for now.
            Start::After(frame) if request.formats.is_some() => Cursor::after(frame).without_init(),
            Start::After(frame) => Cursor::after(frame),
        };
        let cursor = cursor.waiting_on(lock(stream).ring());
        let applicant = Applicant {
            viewer,
            role,
            is_asked,
            address,
            delivery,
            cursor,
            formats: request.formats,
            replacing,
        };
        let reserved = egress.admit(stream, applicant);
        let reservation = reserved.map_err(|error| errors::not_admitted(error, stream))?;
        let is_viewer = request.client == Client::Viewer;
        let grant_expires_s = claims.as_ref().filter(|_| is_viewer).map(|claims| claims.exp);
        let invited = claims.and_then(|claims| claims.invitation_id).map(|invitation| {
            let disconnect = egress.disconnect(stream, &reservation);
            self.invited.enter(request.stream, invitation, disconnect).ok_or_else(revoked)
        });
        let invited = invited.transpose()?;
        let welcome = self.welcome(&lock(stream), request.formats);
        Ok(Admitted { reservation, stream: stream.clone(), welcome, grant_expires_s, invited })
    }

    /// Checks a grant that a viewer of a private stream shows in the place of its last one. Gives its expiry, in seconds since
    /// the Unix epoch.
    ///
    /// # Errors
    /// `invalid_grant`.
    pub(crate) fn renew(&self, stream: StreamId, grant: &str) -> Result<u64, WireError> {
        Ok(self.grants.verify(grant, stream, Action::Watch, self.clock.now())?.exp)
    }

    /// Gives the claims of the client's grant, where it needs one.
    fn check_grant(&self, request: &Request, access: Access) -> Result<Option<Claims>, WireError> {
        let (grant, now) = (request.grant.as_deref(), self.clock.now());
        match request.client {
            Client::Viewer => self.grants.admit_viewer(grant, request.stream, access, now),
            Client::Relay(_) => {
                let grant = grant.unwrap_or_default();
                self.grants.verify(grant, request.stream, Action::Relay, now).map(Some)
            }
        }
    }

    /// Whether the client may take a place here, and which kind. One that has a place keeps it.
    fn check_room(
        &self,
        request: &Request,
        stream: &SharedStream,
        viewers: u32,
        has_place: bool,
    ) -> Result<Role, WireError> {
        if let Client::Relay(relay) = &request.client {
            check_path(&lock(stream), relay)?;
            return Ok(Role::Relay);
        }
        let newcomer = match request.start {
            Start::After(_) => Newcomer::Resuming,
            Start::Back { .. } => Newcomer::New,
        };
        if !has_place {
            self.control.check(newcomer, viewers)?;
        }
        Ok(Role::Viewer)
    }

    fn welcome(&self, stream: &LiveStream, formats: Option<Formats>) -> Welcome {
        let watching = Watching {
            mime: stream.mime(formats).map(str::to_owned),
            take: stream.take(),
            origin_time_ms: stream.epoch_ms(),
            window_ms: whole_ms(self.limits.window),
        };
        Welcome { watching, newest: stream.ring().newest_name() }
    }
}

impl<V> Admitted<V> {
    /// Passes the welcome to `send`, then begins to serve, so that the welcome precedes any media.
    ///
    /// # Errors
    /// `unknown_stream` or `stream_dropped` if the stream was closed meanwhile; `send` is not called then.
    pub(crate) fn start(self, send: impl FnOnce(Welcome)) -> Result<Session, WireError> {
        let Self { reservation, stream, welcome, invited, .. } = self;
        let session = reservation.start(|| send(welcome)).ok_or_else(|| errors::gone(&stream))?;
        Ok(match invited {
            Some(invited) => session.with(invited),
            None => session,
        })
    }
}

/// Whether the stream's take can be written in one of these formats; while it has none yet, whether any take could be.
fn check_formats(stream: &LiveStream, formats: Option<Formats>) -> Result<(), WireError> {
    let fits = match stream.renditions() {
        Some(renditions) => renditions.choose(formats).is_some(),
        None => formats.is_none_or(|formats| formats.iter().next().is_some()),
    };
    if fits { Ok(()) } else { Err(errors::unsupported_format()) }
}

fn revoked() -> WireError {
    WireError::new(ErrorCode::InvalidGrant, "the invitation that admitted this viewer was revoked")
}

/// Whether `relay` may get the stream from here: this node has it, and not from `relay`.
fn check_path(stream: &LiveStream, relay: &str) -> Result<(), WireError> {
    let path = stream.path().ok_or_else(|| unknown_stream(stream.id()))?;
    if path.iter().any(|hostname| hostname == relay) {
        let message = format!(
            "the path of stream {} to this node contains {relay}; pull it from another node",
            stream.id()
        );
        return Err(WireError::new(ErrorCode::RelayLoop, message));
    }
    Ok(())
}

/// The address that a node was given for another one leads back to it.
fn asks_itself(hostname: &str) -> WireError {
    let message = format!("this is {hostname} itself; its address for another node leads here");
    WireError::new(ErrorCode::RelayLoop, message)
}
