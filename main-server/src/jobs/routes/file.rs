//! `GET /api/jobs/{job_id}/file`: the file that an export made, whole or a part of it (RFC 9110, section 14).
//!
//! It is read in pieces as the client takes them. A part is not verified by the names of its blobs.

use std::{ops::Range, sync::Arc};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use objects::{Hash, Objects, PIECE_BYTES};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use protocol::item::Blob;

use super::{
    super::{Error, job::FileRecord},
    Api,
    extract::ShownJob,
};
use crate::{api::error::Error as ApiError, library::Error as LibraryError};

pub(super) async fn read(
    State(api): State<Arc<Api>>,
    ShownJob { job_id, record, person }: ShownJob,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    // A deleted item is gone for everyone, as are its exports. Another main server may have just made it
    // private.
    match api.jobs.library.newest(record.item_id).await {
        Ok(_) => {}
        Err(LibraryError::Unknown) => return Err(Error::NoFile.into()),
        Err(error) => return Err(error.into()),
    }
    if !api.jobs.may_see(&record, &person) {
        return Err(Error::Unknown.into());
    }
    let file = record.file.ok_or(Error::NoFile)?;
    let tag = format!("\"{job_id}-{}\"", record.generation);
    let common = [
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::ETAG, tag.clone()),
        (header::CACHE_CONTROL, "private, no-cache".to_owned()),
    ];
    let has = |name, value: &str| headers.get(name).is_some_and(|shown| shown.as_bytes() == value.as_bytes());
    if has(header::IF_NONE_MATCH, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    let is_current = !headers.contains_key(header::IF_RANGE) || has(header::IF_RANGE, &tag);
    let asked = headers.get(header::RANGE).filter(|_| is_current).and_then(|value| value.to_str().ok());
    let range = match asked.map_or(Asked::Whole, |asked| parse(asked, file.bytes)) {
        Asked::Whole => None,
        Asked::Part(range) => Some(range),
        Asked::Nothing => {
            let size = [(header::CONTENT_RANGE, format!("bytes */{}", file.bytes))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, common, size).into_response());
        }
    };
    let (from, to) = range.clone().map_or((0, file.bytes), |range| (range.start, range.end));
    let content = [
        (header::CONTENT_TYPE, HeaderValue::from_str(&file.mime).map_err(|_| Error::NoFile)?),
        (header::CONTENT_LENGTH, HeaderValue::from(to - from)),
        (header::CONTENT_DISPOSITION, disposition(&file.name).ok_or(Error::NoFile)?),
    ];
    let body = first_piece(pieces(api.jobs.objects.clone(), &file, from..to)).await?;
    let answer = (common, content, body).into_response();
    let Some(Range { start, end }) = range else { return Ok(answer) };
    let part = [(header::CONTENT_RANGE, format!("bytes {start}-{}/{}", end - 1, file.bytes))];
    Ok((StatusCode::PARTIAL_CONTENT, part, answer).into_response())
}

/// The body. Its first piece is read before the answer begins, so that a missing file is an error and not a
/// truncated body.
async fn first_piece(
    pieces: impl Stream<Item = Result<Bytes, objects::Error>> + Send + 'static,
) -> Result<Body, ApiError> {
    let mut pieces = Box::pin(pieces);
    match pieces.next().await {
        None => Ok(Body::empty()),
        Some(Err(objects::Error::Missing(_))) => Err(Error::NoFile.into()),
        Some(Err(error)) => Err(error.into()),
        Some(Ok(first)) => Ok(Body::from_stream(stream::iter([Ok(first)]).chain(pieces))),
    }
}

/// The bytes of a file from its blobs, in pieces.
fn pieces(
    objects: Objects,
    file: &FileRecord,
    range: Range<u64>,
) -> impl Stream<Item = Result<Bytes, objects::Error>> + Send + use<> {
    let parts = parts(&file.blobs, range);
    let parts = stream::iter(parts).map(move |(hash, range)| {
        let objects = objects.clone();
        let ends = range.end;
        let begins = range.step_by(PIECE_BYTES as usize);
        Ok(stream::iter(begins).then(move |begin| {
            let objects = objects.clone();
            async move { objects.get(&hash, Some(begin..ends.min(begin + PIECE_BYTES))).await }
        }))
    });
    parts.try_flatten()
}

/// The ranges of blobs that make a range of the file. A blob without a valid hash is left out: the client
/// detects the missing end.
fn parts(blobs: &[Blob], range: Range<u64>) -> Vec<(Hash, Range<u64>)> {
    let mut begins = 0_u64;
    let mut parts = Vec::new();
    for blob in blobs {
        let (from, to) = (range.start.max(begins), range.end.min(begins.saturating_add(blob.bytes)));
        if from < to
            && let Ok(hash) = blob.hash.parse()
        {
            parts.push((hash, from - begins..to - begins));
        }
        begins = begins.saturating_add(blob.bytes);
    }
    parts
}

/// The requested part.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(Range<u64>),
    /// A range outside the file.
    Nothing,
}

/// Reads a header `Range`. For several ranges, or an unreadable header, the answer is the whole file, which
/// RFC 9110 allows.
fn parse(header: &str, bytes: u64) -> Asked {
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let Some((first, last)) = header.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Asked::Whole;
    };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(bytes),
        (Some(first), None) if last.is_empty() => first..bytes,
        (None, Some(count)) if first.is_empty() => bytes.saturating_sub(count)..bytes,
        _ => return Asked::Whole,
    };
    if range.is_empty() { Asked::Nothing } else { Asked::Part(range) }
}

/// The header field with the file's name for browsers (RFC 6266).
fn disposition(name: &str) -> Option<HeaderValue> {
    let plain: String = name
        .chars()
        .map(|char| if char.is_ascii_alphanumeric() || " .-_()".contains(char) { char } else { '_' })
        .collect();
    let encoded = utf8_percent_encode(name, NON_ALPHANUMERIC);
    HeaderValue::from_str(&format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_both_ends_or_one() {
        for (header, expected) in [
            ("bytes=0-9", Asked::Part(0..10)),
            ("bytes=90-", Asked::Part(90..100)),
            ("bytes=90-2000", Asked::Part(90..100)),
            ("bytes=-10", Asked::Part(90..100)),
            ("bytes=-1000", Asked::Part(0..100)),
            ("bytes=100-", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=9-0", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("bytes=0-1,5-6", Asked::Whole),
            ("lines=0-1", Asked::Whole),
        ] {
            assert_eq!(parse(header, 100), expected, "{header}");
        }
    }

    #[test]
    fn a_range_of_the_file_is_ranges_of_its_blobs() {
        let blob = |digit: &str, bytes| Blob { hash: digit.repeat(64), bytes };
        let blobs = [blob("a", 10), blob("b", 5), blob("c", 10)];
        let ranges = |range| parts(&blobs, range).into_iter().map(|(_, range)| range).collect::<Vec<_>>();
        assert_eq!(ranges(0..25), [0..10, 0..5, 0..10]);
        assert_eq!(ranges(9..16), [9..10, 0..5, 0..1]);
        assert_eq!(ranges(10..16), [0..5, 0..1]);
        assert!(ranges(25..25).is_empty());
    }

    #[test]
    fn names_in_every_script_are_kept() {
        let header = disposition("Größe \"x\".mp3").unwrap();
        let expected =
            "attachment; filename=\"Gr__e _x_.mp3\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%22x%22%2Emp3";
        assert_eq!(header, expected);
    }
}
