//! Opus in Ogg (RFC 7845), written by the crate `ogg`.

use bytes::Bytes;
use media::{Frame, Track, packet_duration_us, payload};
use ogg::writing::{PacketWriteEndInfo, PacketWriter};

use crate::{
    Error,
    text_tags::{self, TextTags},
};

/// The type of a file.
pub(crate) const MIME: &str = "audio/ogg;codecs=\"opus\"";

/// Serial number of the only logical stream of a file.
const SERIAL: u32 = 1;
/// The fewest samples of a page within a fragment: a second.
const PAGE_SAMPLES: u64 = 48_000;
/// Opus counts 48 samples a millisecond, whatever the rate of its input.
const SAMPLES_PER_MS: u64 = 48;

/// See the [module](self).
pub(crate) struct OggWriter {
    track: Track,
    head: Bytes,
    pages: PacketWriter<'static, Vec<u8>>,
    /// Samples that were written, including those that prime the decoder.
    samples: u64,
    /// The value of `samples` when the page began.
    page_samples: u64,
}

impl OggWriter {
    /// A writer for a track of Opus. `Damaged` if it has no `OpusHead`.
    pub(crate) fn new(track: Track, tags: &TextTags) -> Result<Self, Error> {
        if !track.config.starts_with(b"OpusHead") {
            return Err(Error::Damaged("Opus without OpusHead".into()));
        }
        let mut pages = PacketWriter::new(Vec::new());
        let tags = [&b"OpusTags"[..], &text_tags::vorbis_comments(tags)].concat();
        for packet in [track.config.to_vec(), tags] {
            pages.write_packet(packet, SERIAL, PacketWriteEndInfo::EndPage, 0).map_err(Error::Io)?;
        }
        let head = Bytes::from(std::mem::take(pages.inner_mut()));
        Ok(Self { track, head, pages, samples: 0, page_samples: 0 })
    }

    /// The pages with the headers.
    pub(crate) fn head(&self) -> Bytes {
        self.head.clone()
    }

    /// Writes the frames as whole pages. With `is_last`, the last page ends the stream.
    pub(crate) fn write(&mut self, frames: &[Frame], is_last: bool) -> Result<Bytes, Error> {
        let mut packets = frames.iter().filter_map(|frame| payload(&self.track, frame)).peekable();
        while let Some(packet) = packets.next() {
            let duration_us = packet_duration_us(&self.track, &packet).unwrap_or(0);
            self.samples = self.samples.saturating_add(duration_us.saturating_mul(SAMPLES_PER_MS) / 1000);
            let end = match packets.peek() {
                None if is_last => PacketWriteEndInfo::EndStream,
                None => PacketWriteEndInfo::EndPage,
                Some(_) if self.samples - self.page_samples >= PAGE_SAMPLES => PacketWriteEndInfo::EndPage,
                Some(_) => PacketWriteEndInfo::NormalPacket,
            };
            if !matches!(end, PacketWriteEndInfo::NormalPacket) {
                self.page_samples = self.samples;
            }
            let packet = packet.into_owned();
            self.pages.write_packet(packet, SERIAL, end, self.samples).map_err(Error::Io)?;
        }
        Ok(Bytes::from(std::mem::take(self.pages.inner_mut())))
    }
}
