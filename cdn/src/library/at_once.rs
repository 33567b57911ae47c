//! Answers requests for whole blobs that need no waiting: the grant was verified before, the manifest is known, and the file is open. The
//! answers equal those of [`routes`](mod@super::routes), which handle all other requests and cost more.

use std::{io::Write, sync::Arc};

use axum::http::{HeaderMap, HeaderValue, header};
use objects::Hash;
use serving::{Asked, FileAnswer, MAX_PIECE_BYTES, RequestRates};

use super::{request::item_id, respond::IMMUTABLE, service::Library};

/// See the [module](self).
pub(crate) struct AtOnce {
    library: Arc<Library>,
    rates: Arc<RequestRates>,
    /// The header fields that are alike in all answers, as they are sent.
    fields: Vec<u8>,
}

impl AtOnce {
    /// Requests count in `rates`, and answers have the `headers` that the routes' layers add.
    pub(crate) fn new(library: Arc<Library>, rates: Arc<RequestRates>, mut headers: HeaderMap) -> Self {
        headers.insert(header::CACHE_CONTROL, IMMUTABLE);
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        let line = |(name, value): (_, &HeaderValue)| {
            let name: &header::HeaderName = name;
            [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat()
        };
        let fields = headers.iter().flat_map(line).collect();
        Self { library, rates, fields }
    }
}

impl serving::AtOnce for AtOnce {
    fn answer(&self, asked: &Asked<'_>, head: &mut Vec<u8>) -> Option<FileAnswer> {
        let (item, name) = asked.path.strip_prefix("/library/")?.split_once("/blobs/")?;
        // What was verified has no characters that a query would encode.
        let grant = asked.query?.strip_prefix("grant=")?;
        let (item_id, hash): (_, Hash) = (item_id(item).ok()?, name.parse().ok()?);
        let (library, now) = (&self.library, self.library.clock.now());
        if !library.grants.has_verified_item(grant, item_id, now) {
            return None;
        }
        let media = library.manifests.known(item_id, &hash, now)?;
        let named = media.named(&hash)?;
        let bytes = usize::try_from(named.bytes).ok().filter(|bytes| *bytes <= MAX_PIECE_BYTES)?;
        let address = Some(asked.address);
        let place = library.places.take(address)?;
        let file = library.files.as_ref()?.open(&hash, named.bytes)?;
        // The last: what is not answered here is counted by the routes.
        self.rates.count_of(address).ok()?;
        library.metrics.library_answers.add(1);
        library.metrics.library_bytes.add(named.bytes);
        library.metrics.egress_bytes.add(named.bytes);
        head.extend_from_slice(&self.fields);
        write!(head, "etag: \"{hash}\"\r\ncontent-type: ").ok()?;
        head.extend_from_slice(media.mime(named).as_bytes());
        head.extend_from_slice(b"\r\n");
        Some(FileAnswer { file, bytes, place })
    }
}
