//! Playlists of HTTP Live Streaming (RFC 8216) for players that know nothing of manifests: one media playlist, takes apart by
//! discontinuities.
//!
//! Fragments in MP4 are segments as they are. Fragments of bare MP3 are packed audio (section 3.4): each has its time in an ID3 tag in
//! front. Of a take in WebM with Opus, the sound is served, rewritten as MP4 for each answer. Players of HLS take no other formats.

use bytes::Bytes;
use protocol::{
    item::{Manifest, ManifestTake},
    rendition::{Rendition, preferred, renditions},
};

use super::refusal::Refusal;

/// Who the time stamp in an ID3 tag belongs to (RFC 8216, section 3.4).
const OWNER: &[u8] = b"com.apple.streaming.transportStreamTimestamp\0";
/// Ticks a millisecond of that time stamp, which has 33 bits.
const TICKS_PER_MS: u64 = 90;
const TIMESTAMP_BITS: u32 = 33;

/// How a fragment becomes an HLS segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Mp4,
    Mp3,
    /// The sound of a fragment in WebM.
    Sound,
}

impl Packing {
    fn of(rendition: &Rendition<'_>) -> Option<Self> {
        match &*rendition.container() {
            "video/mp4" | "audio/mp4" if rendition.init.is_some() => Some(Self::Mp4),
            "audio/mpeg" => Some(Self::Mp3),
            "video/webm" | "audio/webm" if rendition.init.is_some() => {
                rendition.codecs().iter().any(|codec| codec == "opus").then_some(Self::Sound)
            }
            _ => None,
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Mp4 => "m4s",
            Self::Mp3 => "mp3",
            Self::Sound => "m4a",
        }
    }
}

/// The media playlist of an item. `grant` is part of the addresses in it.
///
/// # Errors
/// `unsupported_format` if a take is available in no format of HLS.
pub(super) fn playlist(manifest: &Manifest, grant: &str) -> Result<String, Refusal> {
    let takes = manifest.takes.iter().filter(|take| !take.fragments.is_empty()).map(packed);
    let takes = takes.collect::<Result<Vec<_>, _>>()?;
    let longest_ms =
        takes.iter().flat_map(|(_, take)| take.fragments).map(|fragment| fragment.duration_ms).max();
    let target_s = longest_ms.unwrap_or(0).div_ceil(1000).max(1);
    let kind = if manifest.is_growing { "EVENT" } else { "VOD" };
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{target_s}\n#EXT-X-PLAYLIST-TYPE:{kind}\n#EXT-X-INDEPENDENT-SEGMENTS\n"
    );
    for (at, (packing, take)) in takes.iter().enumerate() {
        if at > 0 {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        if let Some(init) = take.init {
            let extension = if *packing == Packing::Sound { "m4a" } else { "mp4" };
            text.push_str(&format!("#EXT-X-MAP:URI=\"hls/{}.{extension}?grant={grant}\"\n", init.hash));
        }
        for fragment in take.fragments {
            let (hash, extension) = (&fragment.blob.hash, packing.extension());
            let seconds = fragment.duration_ms as f64 / 1000.0;
            let more = match (packing, take.init) {
                (Packing::Mp3, _) => format!("at_ms={}&", fragment.start_ms),
                (Packing::Sound, Some(init)) => format!("init={}&", init.hash),
                _ => String::new(),
            };
            text.push_str(&format!("#EXTINF:{seconds:.3},\nhls/{hash}.{extension}?{more}grant={grant}\n"));
        }
    }
    if !manifest.is_growing {
        text.push_str("#EXT-X-ENDLIST\n");
    }
    Ok(text)
}

fn packed(take: &ManifestTake) -> Result<(Packing, Rendition<'_>), Refusal> {
    let candidates = std::iter::once(preferred(take)).chain(renditions(take));
    let packed = candidates.filter_map(|rendition| Some((Packing::of(&rendition)?, rendition)));
    // The first one, but what has to be rewritten comes last.
    packed.min_by_key(|(packing, _)| *packing == Packing::Sound).ok_or_else(|| {
        Refusal::unsupported(format!("players of HLS do not take {}; download the item instead", take.mime))
    })
}

/// The hash in the name of a file of a playlist, and how its fragment becomes that file.
pub(super) fn file_name(name: &str) -> Option<(&str, Packing)> {
    match name.rsplit_once('.')? {
        (hash, "m4s" | "mp4") => Some((hash, Packing::Mp4)),
        (hash, "mp3") => Some((hash, Packing::Mp3)),
        (hash, "m4a") => Some((hash, Packing::Sound)),
        _ => None,
    }
}

/// The ID3 tag of packed audio that begins at `at_ms` (ID3v2.4, sections 3.1, 4 and 4.27).
pub(super) fn id3(at_ms: u64) -> Bytes {
    let ticks = (at_ms.saturating_mul(TICKS_PER_MS)) & ((1 << TIMESTAMP_BITS) - 1);
    let frame_bytes = OWNER.len() + 8;
    let mut tag = Vec::with_capacity(20 + frame_bytes);
    tag.extend_from_slice(b"ID3\x04\x00\x00");
    tag.extend_from_slice(&synchsafe(frame_bytes + 10));
    tag.extend_from_slice(b"PRIV");
    tag.extend_from_slice(&synchsafe(frame_bytes));
    tag.extend_from_slice(&[0, 0]);
    tag.extend_from_slice(OWNER);
    tag.extend_from_slice(&ticks.to_be_bytes());
    tag.into()
}

/// A size in seven bits of each byte.
fn synchsafe(size: usize) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (size >> shift) as u8 & 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id3_tag_says_when_the_audio_begins() {
        let tag = id3(1000);
        assert_eq!(tag.len(), 10 + 10 + OWNER.len() + 8);
        assert_eq!(tag[6..10], [0, 0, 0, 63], "all after the header");
        assert_eq!(tag[tag.len() - 8..], 90_000u64.to_be_bytes());
        assert_eq!(id3(u64::MAX)[tag.len() - 8..][..3], [0, 0, 0], "33 bits");
    }

    #[test]
    fn names_of_files_are_hashes_with_an_extension() {
        assert_eq!(file_name("ab.m4s"), Some(("ab", Packing::Mp4)));
        assert_eq!(file_name("ab.mp3"), Some(("ab", Packing::Mp3)));
        assert_eq!(file_name("ab.m4a"), Some(("ab", Packing::Sound)));
        assert_eq!((file_name("ab"), file_name("ab.exe")), (None, None));
    }
}
