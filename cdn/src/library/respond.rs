//! Answers with media: entity tags, ranges and caching, the same for everything that has a known length.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    blobs::Blobs,
    body::MediaBody,
    content::Content,
    files::SendFiles,
    refusal::Refusal,
    request::MediaRequest,
    selection::{Selection, select},
    service::Library,
};

/// For what never changes under its address. It is private: the address has a grant in it.
pub(super) const IMMUTABLE: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");
/// For what may be another the next time.
pub(super) const REVALIDATED: HeaderValue = HeaderValue::from_static("private, no-cache");

/// About how many header fields an answer has in the end, with those that the node adds to all answers.
const FIELDS: usize = 16;

/// A representation of media.
pub(super) struct Representation {
    pub(super) content: Content,
    pub(super) mime: HeaderValue,
    /// With its quotes.
    pub(super) etag: HeaderValue,
    pub(super) cache: HeaderValue,
    /// Further header fields.
    pub(super) fields: Vec<(HeaderName, HeaderValue)>,
}

/// Where the blobs of an answer come from.
struct Source<'a> {
    blobs: &'a Arc<Blobs>,
    /// None if none are sent as files.
    files: Option<SendFiles>,
}

impl Library {
    /// The answer to a request for `representation`.
    ///
    /// # Errors
    /// `no_capacity`, and why the first blob cannot be read.
    pub(super) async fn respond(
        &self,
        request: &MediaRequest,
        representation: Representation,
    ) -> Result<Response, Refusal> {
        let files = self.files.clone().zip(request.files.clone());
        let files = files.map(|(files, sender)| SendFiles { files, sender });
        self.answer(Source { blobs: &self.blobs, files }, request, representation).await
    }

    /// As [`Self::respond`], with blobs that come from `blobs`. They are read only if the answer needs them.
    ///
    /// # Errors
    /// As [`Self::respond`].
    pub(super) async fn respond_from(
        &self,
        blobs: &Arc<Blobs>,
        request: &MediaRequest,
        representation: Representation,
    ) -> Result<Response, Refusal> {
        self.answer(Source { blobs, files: None }, request, representation).await
    }

    async fn answer(
        &self,
        source: Source<'_>,
        request: &MediaRequest,
        representation: Representation,
    ) -> Result<Response, Refusal> {
        let Representation { content, mime, etag, cache, fields } = representation;
        let bytes = content.bytes();
        let selection = select(&request.headers, etag.to_str().unwrap_or_default(), bytes);
        let (status, range) = match selection {
            Selection::NotModified => (StatusCode::NOT_MODIFIED, None),
            Selection::Whole => (StatusCode::OK, Some(0..bytes)),
            Selection::Part(range) => (StatusCode::PARTIAL_CONTENT, Some(range)),
            Selection::Unsatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, None),
        };
        let body = match range.clone().filter(|_| !request.is_head) {
            None => Body::empty(),
            Some(range) => {
                let place = self.places.take(request.address).ok_or_else(Refusal::too_many)?;
                let slices = content.slices(range);
                let mut body = MediaBody::new(slices, source.blobs.clone(), self.metrics.clone(), place);
                body.files = source.files;
                body.begin().await?;
                Body::new(body)
            }
        };
        self.metrics.library_answers.add(1);
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.reserve(FIELDS);
        headers.extend(fields);
        headers.insert(header::ETAG, etag);
        headers.insert(header::CACHE_CONTROL, cache);
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        let content_range = match (&range, status) {
            (Some(range), StatusCode::PARTIAL_CONTENT) => {
                Some(format!("bytes {}-{}/{bytes}", range.start, range.end - 1))
            }
            (None, StatusCode::RANGE_NOT_SATISFIABLE) => Some(format!("bytes */{bytes}")),
            _ => None,
        };
        if let Some(content_range) = content_range.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(header::CONTENT_RANGE, content_range);
        }
        if let Some(range) = range {
            headers.insert(header::CONTENT_TYPE, mime);
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
        }
        Ok(response)
    }
}
