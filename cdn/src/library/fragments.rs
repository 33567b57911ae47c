//! Several fragments in one answer: those from a time on, of one take, as far as so many and so many bytes.

use axum::http::{HeaderName, HeaderValue};
use protocol::{
    item::{Blob, ManifestTake},
    rendition::{Rendition, renditions},
};

use super::{
    content::Content,
    media::{ItemMedia, blob_part},
    refusal::Refusal,
    request::{Fields, number},
    respond::{REVALIDATED, Representation},
};

/// Most fragments of one answer of `/fragments`.
pub const MAX_FRAGMENTS: u64 = 16;
/// Most bytes of them; a single larger fragment is sent all the same.
const MAX_BYTES: u64 = 64 << 20;
/// Lists the blobs of the body in order, each as `hash:bytes`.
pub(crate) const FRAGMENTS: HeaderName = HeaderName::from_static("undead-fragments");

/// The fragments that `fields` ask for.
///
/// # Errors
/// `invalid_request`, also for a time after the item's end; `item_not_ready` for one after the end of an item that grows;
/// `unsupported_format` if the take has no rendition of the type that is asked for.
pub(super) fn fragments(media: &ItemMedia, fields: &Fields) -> Result<Representation, Refusal> {
    let from_ms = number("from_ms", fields.from_ms.as_deref(), 0)?;
    let count = number("count", fields.count.as_deref(), 1)?.clamp(1, MAX_FRAGMENTS);
    let has_init = fields.init.as_deref().is_some_and(|init| init == "1" || init == "true");
    let take = take_at(media, from_ms).ok_or_else(|| nothing_at(media, from_ms))?;
    let rendition = chosen(take, fields.mime.as_deref())?;
    let first = take.fragments.partition_point(|fragment| end_ms(fragment) <= from_ms);
    let init = rendition.init.filter(|_| has_init);
    let mut bytes = 0;
    let fragments =
        rendition.fragments.iter().skip(first).take(count as usize).map(|fragment| &fragment.blob);
    let fragments = fragments.take_while(|blob| {
        let is_first = bytes == 0;
        bytes += blob.bytes;
        is_first || bytes <= MAX_BYTES
    });
    let blobs: Vec<&Blob> = init.into_iter().chain(fragments).collect();
    let listed: Vec<_> = blobs.iter().map(|blob| format!("{}:{}", blob.hash, blob.bytes)).collect();
    let content =
        Content::of(blobs.into_iter().map(|blob| blob_part(blob, None)).collect::<Result<Vec<_>, _>>()?);
    let value = |text: String| HeaderValue::try_from(text).map_err(|_| Refusal::records_unavailable());
    Ok(Representation {
        etag: super::media::quoted(&content.hash()),
        content,
        mime: value(rendition.mime.to_owned())?,
        // While an item grows there may be more fragments the next time.
        cache: REVALIDATED,
        fields: vec![(FRAGMENTS, value(listed.join(", "))?)],
    })
}

/// The take with the first fragment that is not over at `from_ms`.
fn take_at(media: &ItemMedia, from_ms: u64) -> Option<&ManifestTake> {
    let lasts = |take: &&ManifestTake| take.fragments.last().is_some_and(|last| end_ms(last) > from_ms);
    media.manifest.takes.iter().find(lasts)
}

fn nothing_at(media: &ItemMedia, from_ms: u64) -> Refusal {
    match media.manifest.is_growing {
        true => Refusal::not_ready(media.manifest.item_id),
        false => Refusal::invalid(format!("the item is over before from_ms {from_ms}")),
    }
}

fn end_ms(fragment: &protocol::item::Fragment) -> u64 {
    fragment.start_ms.saturating_add(fragment.duration_ms)
}

/// The rendition of the type `mime`, spaces apart; the take's own without one.
fn chosen<'a>(take: &'a ManifestTake, mime: Option<&str>) -> Result<Rendition<'a>, Refusal> {
    let mut all = renditions(take);
    let found = match mime {
        None => all.next(),
        Some(mime) => all.find(|rendition| rendition.is(mime)),
    };
    found.ok_or_else(|| Refusal::unsupported("the take is not available in the type that `mime` names"))
}
