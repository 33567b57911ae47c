//! What the fuzz targets call: readers of what clients send with a request for media, and of manifests.

use axum::{
    extract::Query,
    http::{HeaderMap, HeaderValue, header},
};
use bytes::Bytes;

use super::{
    file, file_name, fragments, hls,
    media::ItemMedia,
    request::Fields,
    selection::{Selection, select},
};

/// Bytes of the representation that ranges are taken from.
const BYTES: u64 = 1000;

/// Any text as the lines of a request (range, entity tags, a file of a playlist, a name to save, a query) and, behind an empty line, a
/// manifest.
pub(crate) fn request(text: &str) {
    let (head, manifest) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let mut line = || lines.next().unwrap_or_default();
    selection(line(), line());
    let _ = hls::file_name(line());
    saved_name(line());
    let fields =
        format!("/?{}", line()).parse().ok().and_then(|uri| Query::<Fields>::try_from_uri(&uri).ok());
    let Query(fields) = fields.unwrap_or_default();
    if let Ok(media) = ItemMedia::read(Bytes::copy_from_slice(manifest.as_bytes()), None) {
        media_of(&media, &fields);
    }
}

fn selection(range: &str, known: &str) {
    let fields = [(header::RANGE, range), (header::IF_NONE_MATCH, known)];
    let fields =
        fields.into_iter().filter_map(|(name, text)| Some((name, HeaderValue::from_str(text).ok()?)));
    if let Selection::Part(part) = select(&fields.collect::<HeaderMap>(), "\"a\"", BYTES) {
        assert!(part.start < part.end && part.end <= BYTES, "{part:?}");
    }
}

fn saved_name(title: &str) {
    let disposition = file_name::attachment(title, "0f", "webm");
    let text = disposition.to_str().expect("it is ASCII");
    assert!(text.contains(".webm\"") && !text.contains(['/', '\\', '\r', '\n']), "{text}");
    assert!(text.matches('"').count() == 2, "{text}");
}

fn media_of(media: &ItemMedia, fields: &Fields) {
    if let Ok(playlist) = hls::playlist(&media.manifest, "grant") {
        let is_known = |line: &str| line.starts_with('#') || line.starts_with("hls/");
        assert!(playlist.lines().all(is_known), "{playlist}");
    }
    if let Ok(plan) = file::plan(&media.manifest, fields.mime.as_deref(), None) {
        assert!(plan.indices.end <= media.manifest.takes.len());
    }
    let _ = fragments::fragments(media, fields);
}
