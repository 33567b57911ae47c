//! Answers requests for whole blobs that need no waiting: the grant was verified before, the manifest is known, and the file is open. The
//! answers equal those of [`routes`](mod@super::routes), which handle all other requests and cost more.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use objects::Hash;
use serving::{Asked, RequestRates};

use super::{
    body::MediaBody,
    files::SentFile,
    media::quoted,
    request::item_id,
    respond::IMMUTABLE,
    selection::{Selection, select},
    service::Library,
};

/// See the [module](self).
pub(crate) struct AtOnce {
    library: Arc<Library>,
    rates: Arc<RequestRates>,
    /// The header fields of all answers. Copying them costs less than adding each.
    headers: HeaderMap,
}

impl AtOnce {
    /// Requests count in `rates`, and answers have the `headers` that the routes' layers add.
    pub(crate) fn new(library: Arc<Library>, rates: Arc<RequestRates>, mut headers: HeaderMap) -> Self {
        headers.insert(header::CACHE_CONTROL, IMMUTABLE);
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        for replaced in [header::ETAG, header::CONTENT_TYPE] {
            headers.insert(replaced, HeaderValue::from_static(""));
        }
        Self { library, rates, headers }
    }
}

impl serving::AtOnce for AtOnce {
    fn answer(&self, asked: &Asked<'_>) -> Option<Response> {
        let (item, name) = asked.path.strip_prefix("/library/")?.split_once("/blobs/")?;
        // What was verified has no characters that a query would encode.
        let grant = asked.query?.strip_prefix("grant=")?;
        let (item_id, hash): (_, Hash) = (item_id(item).ok()?, name.parse().ok()?);
        let (library, now) = (&self.library, self.library.clock.now());
        if !library.grants.has_verified_item(grant, item_id, now) {
            return None;
        }
        let media = library.manifests.known(item_id, &hash, now)?;
        let (named, etag) = (media.named(&hash)?, quoted(&hash));
        if select(asked.headers, etag.to_str().ok()?, named.bytes) != Selection::Whole {
            return None;
        }
        let place = library.places.take(asked.address)?;
        let file = library.files.as_ref()?.open(&hash, named.bytes)?;
        // The last: what is not answered here is counted by the routes.
        self.rates.count_of(asked.address).ok()?;
        library.metrics.library_answers.add(1);
        let file = SentFile::new(file, asked.files.clone());
        let (blobs, metrics) = (library.blobs.clone(), library.metrics.clone());
        let body = MediaBody::of_file((hash, named.bytes), file, blobs, metrics, place);
        let mut response = Response::new(Body::new(body));
        let headers = response.headers_mut();
        headers.clone_from(&self.headers);
        headers.insert(header::ETAG, etag);
        headers.insert(header::CONTENT_TYPE, media.mime(named));
        Some(response)
    }
}
