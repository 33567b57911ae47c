//! `/api/uploads`: tus 1.0.0 with the extensions creation, creation-with-upload, termination, checksum and expiration. Section
//! numbers are those of <https://tus.io/protocols/resumable-upload>.

use std::{
    net::IpAddr,
    str::FromStr,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::{FromRef, FromRequestParts, Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    middleware::map_response,
    response::Response,
    routing::{head, post},
};
use protocol::account::UploadPolicy;
use serving::Forwarded;
use tokio::time::timeout;

use super::{
    Error, NewUpload, Uploads,
    append::Appended,
    checksum::{ALGORITHMS, Checksum},
    metadata::Metadata,
    record::{Key, Phase, Record},
};
use crate::{
    api::{
        REQUEST_TIMEOUT,
        caller::{Credentials, LocalRequest, Person},
        error::Error as ApiError,
        extract::Client,
    },
    broadcasters::Broadcasters,
    clock::Now,
};

const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const EXTENSIONS: &str = "creation,creation-with-upload,termination,checksum,expiration";
const BYTES_TYPE: &str = "application/offset+octet-stream";
const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
/// The item that a complete upload becomes.
const UNDEAD_ITEM: HeaderName = HeaderName::from_static("undead-item");

/// What the handlers share.
struct Api {
    uploads: Arc<Uploads>,
    credentials: Credentials,
    broadcasters: Arc<Broadcasters>,
}

impl FromRef<Arc<Api>> for Credentials {
    fn from_ref(api: &Arc<Api>) -> Self {
        api.credentials.clone()
    }
}

/// The routes of uploads.
pub(super) fn router(
    uploads: Arc<Uploads>,
    credentials: Credentials,
    broadcasters: Arc<Broadcasters>,
) -> Router {
    Router::new()
        .route("/api/uploads", post(create).options(options))
        .route("/api/uploads/{upload_id}", head(show).patch(append).delete(end).options(options))
        .layer(map_response(with_version))
        .with_state(Arc::new(Api { uploads, credentials, broadcasters }))
}

/// Every answer names the version (section "Tus-Resumable").
async fn with_version(mut response: Response) -> Response {
    let status = response.status();
    let headers = response.headers_mut();
    headers.insert(TUS_RESUMABLE, VERSION);
    if status == StatusCode::PRECONDITION_FAILED {
        headers.insert(TUS_VERSION, VERSION);
    }
    response
}

/// A caller who shows who they are, if they do, and the headers of a request of the right version.
struct Caller {
    person: Option<Person>,
    /// Whether it is a command on this machine.
    is_local: bool,
    address: Option<IpAddr>,
    headers: HeaderMap,
}

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        let person = api.credentials.person(parts)?;
        let Client(address) = Client::of(&parts.extensions);
        let is_local = parts.extensions.get::<LocalRequest>().is_some();
        Ok(Self { person, is_local, address, headers: std::mem::take(&mut parts.headers) })
    }
}

impl Caller {
    fn check_version(&self) -> Result<(), Error> {
        let is_right = self.headers.get(TUS_RESUMABLE).is_some_and(|version| version == VERSION);
        is_right.then_some(()).ok_or(Error::Version)
    }

    fn check_type(&self) -> Result<(), Error> {
        let media_type = self.headers.get(header::CONTENT_TYPE);
        let is_right =
            media_type.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(BYTES_TYPE.as_bytes()));
        is_right.then_some(()).ok_or(Error::ContentType)
    }

    /// A header as text.
    fn text(&self, name: &HeaderName) -> Result<Option<&str>, Error> {
        let text = self.headers.get(name).map(HeaderValue::to_str).transpose();
        text.map_err(|_| Error::Invalid(format!("{name} has characters outside of ASCII")))
    }

    /// A header with a number of bytes.
    fn bytes(&self, name: &HeaderName) -> Result<u64, Error> {
        let text = self.text(name)?.ok_or_else(|| Error::Invalid(format!("{name} is missing")))?;
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = u64::from_str(text).ok().filter(|_| is_number);
        number.ok_or_else(|| Error::Invalid(format!("{name} is not a number of bytes")))
    }

    fn checksum(&self) -> Result<Option<Checksum>, Error> {
        self.text(&UPLOAD_CHECKSUM)?.map(Checksum::parse).transpose().map_err(Error::Invalid)
    }
}

impl Api {
    /// The upload with this id, if the caller may continue it.
    async fn find(&self, caller: &Caller, upload_id: &str) -> Result<(Key, Record), Error> {
        let (key, record) = self.uploads.find(upload_id).await?;
        let may = match (&caller.person, &record.owner) {
            (Some(person), owner) if self.broadcasters.may_manage(person, owner.as_ref()) => true,
            (_, owner) => owner.is_none() && self.uploads.access == UploadPolicy::Open,
        };
        may.then_some((key, record)).ok_or(Error::Unknown)
    }

    fn check_access(&self, caller: &Caller) -> Result<(), Error> {
        match self.uploads.access {
            // The option is about those who use the site, not about who runs it.
            _ if caller.is_local => Ok(()),
            access if access.admits(caller.person.is_some()) => Ok(()),
            UploadPolicy::Off => Err(Error::Off),
            UploadPolicy::Open | UploadPolicy::Account => Err(Error::NotAllowed),
        }
    }

    /// The headers that say how far an upload is.
    fn progress(&self, record: &Record) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(UPLOAD_OFFSET, record.offset().into());
        if record.phase == Phase::Receiving {
            let expires = record.changed_at_ms.saturating_add(millis(self.uploads.keep()));
            headers.extend(http_date(expires).map(|date| (UPLOAD_EXPIRES, date)));
        } else {
            headers
                .extend(HeaderValue::try_from(record.item_id.to_string()).ok().map(|id| (UNDEAD_ITEM, id)));
        }
        headers
    }
}

type Answer = Result<(StatusCode, HeaderMap), ApiError>;

async fn options(State(api): State<Arc<Api>>) -> (StatusCode, HeaderMap) {
    let mut headers = HeaderMap::new();
    headers.insert(TUS_VERSION, VERSION);
    headers.insert(HeaderName::from_static("tus-max-size"), api.uploads.limits.bytes.into());
    headers.insert(HeaderName::from_static("tus-extension"), HeaderValue::from_static(EXTENSIONS));
    headers.insert(HeaderName::from_static("tus-checksum-algorithm"), HeaderValue::from_static(ALGORITHMS));
    (StatusCode::NO_CONTENT, headers)
}

async fn create(State(api): State<Arc<Api>>, forwarded: Forwarded, caller: Caller, body: Body) -> Answer {
    api.check_access(&caller)?;
    caller.check_version()?;
    let length = caller.bytes(&UPLOAD_LENGTH)?;
    let metadata = caller.text(&UPLOAD_METADATA)?.unwrap_or_default();
    let metadata = Metadata::parse(metadata).map_err(Error::Invalid)?;
    let has_bytes = !body.is_end_stream();
    let checksum = caller.checksum()?;
    if has_bytes {
        caller.check_type()?;
    }
    let owner = caller.person.as_ref().and_then(|person| api.broadcasters.owner(&person.name));
    let new = NewUpload { owner, address: caller.address, length, metadata };
    let (token, mut record) = in_time(api.uploads.create(new, Now::read())).await?;
    if has_bytes {
        let appended = Appended { offset: 0, body, checksum, address: caller.address, is_creation: true };
        record = api.uploads.append(Key::of(token.reveal()), appended).await?;
    }
    let mut headers = api.progress(&record);
    let location = forwarded.prefix().path(&format!("/api/uploads/{}", token.reveal()));
    headers.extend(HeaderValue::try_from(location).ok().map(|location| (header::LOCATION, location)));
    Ok((StatusCode::CREATED, headers))
}

async fn show(State(api): State<Arc<Api>>, Path(upload_id): Path<String>, caller: Caller) -> Answer {
    caller.check_version()?;
    let (_, record) = in_time(api.find(&caller, &upload_id)).await?;
    let mut headers = api.progress(&record);
    headers.insert(UPLOAD_LENGTH, record.length.into());
    let raw = Some(&record.metadata.raw).filter(|raw| !raw.is_empty());
    headers.extend(raw.and_then(|raw| HeaderValue::try_from(raw).ok()).map(|raw| (UPLOAD_METADATA, raw)));
    Ok((StatusCode::OK, headers))
}

async fn append(
    State(api): State<Arc<Api>>,
    Path(upload_id): Path<String>,
    caller: Caller,
    body: Body,
) -> Answer {
    caller.check_version()?;
    caller.check_type()?;
    let offset = caller.bytes(&UPLOAD_OFFSET)?;
    let checksum = caller.checksum()?;
    let (key, mut record) = in_time(api.find(&caller, &upload_id)).await?;
    if record.offset() != offset {
        return Err(Error::Conflict.into());
    }
    let announced = body.size_hint().lower();
    if announced > record.length - offset {
        return Err(Error::TooLong.into());
    }
    if !body.is_end_stream() {
        record = api
            .uploads
            .append(key, Appended { offset, body, checksum, address: caller.address, is_creation: false })
            .await?;
    }
    Ok((StatusCode::NO_CONTENT, api.progress(&record)))
}

async fn end(
    State(api): State<Arc<Api>>,
    Path(upload_id): Path<String>,
    caller: Caller,
) -> Result<StatusCode, ApiError> {
    caller.check_version()?;
    let ended = async {
        let (key, _) = api.find(&caller, &upload_id).await?;
        api.uploads.remove(&key, Now::read()).await
    };
    in_time(ended).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a call does but for receiving a body.
async fn in_time<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, ApiError> {
    timeout(REQUEST_TIMEOUT, work).await.map_err(|_| ApiError::too_slow())?.map_err(Into::into)
}

/// A time since the Unix epoch as HTTP writes it (RFC 9110, section 5.6.7).
fn http_date(unix_ms: u64) -> Option<HeaderValue> {
    let time = UNIX_EPOCH.checked_add(Duration::from_millis(unix_ms))?;
    HeaderValue::try_from(httpdate::fmt_http_date(time)).ok()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
