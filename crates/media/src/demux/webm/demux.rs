//! Incremental WebM/Matroska demuxer.
//!
//! The IDs of Segment's and Cluster's children differ, so an ID alone says where its element belongs, and the sizes
//! of Segments and Clusters, known or unknown (RFC 8794, section 6.2), need not be kept.

use std::vec;

use bytes::{Buf, Bytes};

use super::{
    lacing::{self, Lacing},
    ticks::Ticks,
    tracks::{self, Entry},
};
use crate::{
    Error, Packet, codec,
    demux::{Event, input::Input, selection::Origin},
    ebml::{self, document, id, malformed},
    error::shown,
    frame::MAX_PTS_US,
};

/// The largest EBML header, Info or Tracks element that is read.
pub const MAX_HEADER_BYTES: u64 = 64 << 10;

/// The largest Tracks element that goes into a resume point, which is asked for after every segment.
const MAX_RESUMED_HEADER_BYTES: usize = 8 << 10;

/// The largest SimpleBlock or BlockGroup that is read: more than a 4K keyframe at its worst.
pub const MAX_BLOCK_BYTES: u64 = 16 << 20;

/// Where in the document the next element stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// Nothing was read yet.
    Start,
    /// After the EBML header.
    Document,
    /// Inside the Segment, before its first Cluster.
    Segment,
    /// Inside a Cluster, with its Timestamp in ticks once that was read.
    Cluster(Option<u64>),
}

/// WebM/Matroska demuxer: push bytes cut anywhere, pull tracks and frames.
///
/// Only elements that are read are ever held: headers up to [`MAX_HEADER_BYTES`], blocks up to [`MAX_BLOCK_BYTES`]; the others
/// (Cues, Tags, Void, …) are dropped as they arrive. So it holds at most what was pushed since events were last pulled dry, and
/// one block before that.
#[derive(Debug)]
pub struct Demuxer {
    input: Input,
    origin: Origin,
    place: Place,
    ticks: Ticks,
    /// The body of the Tracks element.
    tracks: Bytes,
    /// Empty until the Tracks element was read.
    entries: Vec<Entry>,
    /// Frames of the newest block, but the first.
    laced: vec::IntoIter<Packet>,
    /// See [`Self::steps`].
    steps: u64,
    failed: Option<Error>,
}

/// The outcome for the next element.
enum Step {
    Event(Event),
    Continue,
    NeedMore,
}

impl Default for Demuxer {
    fn default() -> Self {
        Self::new()
    }
}

impl Demuxer {
    /// A demuxer at the start of a take.
    pub fn new() -> Self {
        Self::of(Origin::Recorder)
    }

    /// A demuxer of a file: it reads the first video and the first audio track that players take, FLAC and Vorbis too.
    pub fn of_file() -> Self {
        Self::of(Origin::File)
    }

    fn of(origin: Origin) -> Self {
        Self {
            input: Input::default(),
            origin,
            place: Place::Start,
            ticks: Ticks::default(),
            tracks: Bytes::new(),
            entries: Vec::new(),
            laced: Vec::new().into_iter(),
            steps: 0,
            failed: None,
        }
    }

    /// Adds the next bytes of the take, any number of them. Pull [`Self::next_event`] until `None` before pushing more.
    pub fn push(&mut self, bytes: impl Into<Bytes>) {
        self.input.push(bytes.into());
        self.input.reveal(usize::MAX);
    }

    /// The bytes pushed, of which nothing is read before they are revealed.
    pub(in crate::demux) fn input(&mut self) -> &mut Input {
        &mut self.input
    }

    /// The next event in the bytes pushed so far; `None` when it is not complete yet. An error stays: every later call
    /// returns it again.
    pub fn next_event(&mut self) -> Result<Option<Event>, Error> {
        match &self.failed {
            Some(error) => Err(error.clone()),
            None => self.advance().inspect_err(|error| self.failed = Some(error.clone())),
        }
    }

    fn advance(&mut self) -> Result<Option<Event>, Error> {
        if let Some(packet) = self.laced.next() {
            return Ok(Some(Event::Packet(packet)));
        }
        loop {
            match self.step()? {
                Step::Event(event) => return Ok(Some(event)),
                Step::Continue => {}
                Step::NeedMore => return Ok(None),
            }
        }
    }

    /// How much was read so far: elements, and those inside them. Never more than the bytes pushed.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Bytes which, pushed into a new demuxer, bring it to this one's state: rewritten headers, then the pending bytes.
    /// They give the tracks again (if they were given) and no frame. `None` when more than `limit` bytes are pending.
    pub(crate) fn resume_prefix(&self, limit: usize) -> Option<Vec<u8>> {
        if self.input.len() > limit || self.tracks.len() > MAX_RESUMED_HEADER_BYTES {
            return None;
        }
        let mut out = Vec::new();
        if self.place != Place::Start {
            document::write_ebml_header(&mut out, "webm");
        }
        if let Place::Segment | Place::Cluster(_) = self.place {
            document::write_segment_start(&mut out, self.ticks.scale());
            if !self.entries.is_empty() {
                ebml::write_bytes(&mut out, id::TRACKS, &self.tracks);
            }
        }
        if let Place::Cluster(timestamp) = self.place {
            self.ticks.write_first(&mut out);
            ebml::write_unknown_size(&mut out, id::CLUSTER);
            if let Some(timestamp) = timestamp {
                ebml::write_uint(&mut out, id::TIMESTAMP, timestamp);
            }
        }
        if self.input.skipping() > 0 {
            ebml::write_void_header(&mut out, self.input.skipping());
        }
        self.input.append_to(&mut out);
        Some(out)
    }

    fn step(&mut self) -> Result<Step, Error> {
        if self.input.is_incomplete() {
            return Ok(Step::NeedMore);
        }
        let Some(header) = ebml::header(self.input.peek(ebml::MAX_HEADER_BYTES))? else {
            return Ok(Step::NeedMore);
        };
        let step = self.read_element(header)?;
        self.steps += u64::from(!matches!(step, Step::NeedMore));
        Ok(step)
    }

    fn read_element(&mut self, header: ebml::Header) -> Result<Step, Error> {
        match (self.place, header.id) {
            (Place::Start, id::EBML) => self.read(header, "EBML header", MAX_HEADER_BYTES, Self::on_ebml),
            (Place::Start, id) => Err(malformed(format!("begins with {id:#x}, not with an EBML header"))),
            (_, id::EBML) => Err(malformed("a second EBML header")),
            (Place::Document, id::SEGMENT) => Ok(self.enter(header, Place::Segment)),
            (Place::Segment | Place::Cluster(_), id::SEGMENT) => Err(malformed("a second Segment")),
            (Place::Document, _) => self.skip(header),
            (_, id::CLUSTER) if self.entries.is_empty() => Err(malformed("a Cluster before the Tracks")),
            (_, id::CLUSTER) => Ok(self.enter(header, Place::Cluster(None))),
            (Place::Segment, id::INFO) => self.read(header, "Info", MAX_HEADER_BYTES, Self::on_info),
            (Place::Segment, id::TRACKS) if self.entries.is_empty() => {
                self.read(header, "Tracks", MAX_HEADER_BYTES, Self::on_tracks)
            }
            (Place::Cluster(_), id::TIMESTAMP) => self.read(header, "Timestamp", 8, Self::on_timestamp),
            (Place::Cluster(_), id::SIMPLE_BLOCK) => {
                self.read(header, "SimpleBlock", MAX_BLOCK_BYTES, Self::on_simple_block)
            }
            (Place::Cluster(_), id::BLOCK_GROUP) => {
                self.read(header, "BlockGroup", MAX_BLOCK_BYTES, Self::on_block_group)
            }
            _ => self.skip(header),
        }
    }

    /// Goes into a master element whose children are looked at one by one.
    fn enter(&mut self, header: ebml::Header, place: Place) -> Step {
        self.input.skip(header.len as u64);
        self.place = place;
        Step::Continue
    }

    /// Drops an element, what is here now and the rest when it comes.
    fn skip(&mut self, header: ebml::Header) -> Result<Step, Error> {
        let size = known_size(header)?;
        let all_here = self.input.skip(header.len as u64 + size);
        Ok(if all_here { Step::Continue } else { Step::NeedMore })
    }

    /// Takes a whole element of at most `limit` bytes and hands its body to `on_body`, once all of it is here.
    fn read(
        &mut self,
        header: ebml::Header,
        what: &'static str,
        limit: u64,
        on_body: fn(&mut Self, Bytes) -> Result<Option<Event>, Error>,
    ) -> Result<Step, Error> {
        let size = known_size(header)?;
        if size > limit {
            return Err(Error::TooLarge { what, bytes: size, limit });
        }
        let end = header.len + size as usize;
        let Some(mut body) = self.input.take(end) else { return Ok(Step::NeedMore) };
        body.advance(header.len);
        Ok(on_body(self, body)?.map_or(Step::Continue, Step::Event))
    }

    /// RFC 8794, section 11.2; a DocType other than the two means another format.
    fn on_ebml(&mut self, body: Bytes) -> Result<Option<Event>, Error> {
        for child in ebml::children(&body) {
            self.steps += 1;
            if let (id::DOC_TYPE, doc_type) = child?
                && !matches!(doc_type, b"webm" | b"matroska")
            {
                return Err(Error::Unsupported(format!("EBML document type {}", shown(doc_type))));
            }
        }
        self.place = Place::Document;
        Ok(None)
    }

    /// RFC 9559, section 5.1.2.
    fn on_info(&mut self, body: Bytes) -> Result<Option<Event>, Error> {
        for child in ebml::children(&body) {
            self.steps += 1;
            if let (id::TIMESTAMP_SCALE, scale) = child? {
                self.ticks.set_scale(ebml::uint(scale)?)?;
            }
        }
        Ok(None)
    }

    fn on_tracks(&mut self, body: Bytes) -> Result<Option<Event>, Error> {
        // A copy, so that two small headers do not keep a whole segment's bytes for the length of a take.
        self.tracks = Bytes::copy_from_slice(&body);
        self.entries = tracks::read(&self.tracks, self.origin)?;
        Ok(Some(Event::Tracks(self.entries.iter().map(|entry| entry.track.clone()).collect())))
    }

    fn on_timestamp(&mut self, body: Bytes) -> Result<Option<Event>, Error> {
        self.place = Place::Cluster(Some(ebml::uint(&body)?));
        Ok(None)
    }

    fn on_simple_block(&mut self, block: Bytes) -> Result<Option<Event>, Error> {
        const KEYFRAME: u8 = 0x80;
        self.read_block(block, |flags| flags & KEYFRAME != 0, None)
    }

    /// RFC 9559, section 5.1.3.5: a Block that refers to no other is a keyframe.
    fn on_block_group(&mut self, group: Bytes) -> Result<Option<Event>, Error> {
        let (mut block, mut duration, mut refers) = (None, None, false);
        for child in ebml::children(&group) {
            self.steps += 1;
            match child? {
                (id::BLOCK, body) => block = Some(group.slice_ref(body)),
                (id::BLOCK_DURATION, body) => duration = Some(ebml::uint(body)?),
                (id::REFERENCE_BLOCK, _) => refers = true,
                _ => {}
            }
        }
        block.map_or(Ok(None), |block| self.read_block(block, |_| !refers, duration))
    }

    /// Reads a block (RFC 9559, section 10): track number, ticks relative to the Cluster, flags, frames. `duration` is that of
    /// all frames together, in ticks. Blocks of a track that Tracks did not name and frames without a byte of data give nothing.
    fn read_block(
        &mut self,
        mut block: Bytes,
        is_key: impl Fn(u8) -> bool,
        duration: Option<u64>,
    ) -> Result<Option<Event>, Error> {
        let (marked, number_len) = ebml::vint(&block, 8)?.ok_or_else(|| malformed("an empty block"))?;
        let number = marked & !(1 << (7 * number_len));
        block.advance(number_len);
        if block.len() < 3 {
            return Err(malformed("a block cut off inside its header"));
        }
        let (ticks, flags) = (block.get_i16(), block.get_u8());
        let Place::Cluster(Some(cluster)) = self.place else {
            return Err(malformed("a block before its Cluster's Timestamp"));
        };
        let told_us = self.ticks.pts_us(cluster, ticks)?;
        let Some(track) = self.entries.iter().position(|entry| entry.number == number) else {
            return Ok(None);
        };
        let is_video = self.entries[track].track.is_video();
        // A decoder of sound needs what comes before 0, and leaves it out.
        let Some(pts_us) = told_us.or(is_video.then_some(0)) else { return Ok(None) };
        let key = is_key(flags) || !is_video;
        let packet = |data| Packet { track, pts_us, dts_us: None, key, data };
        match Lacing::of(flags) {
            None if block.is_empty() => Ok(None),
            None => Ok(Some(Event::Packet(packet(block)))),
            Some(lacing) => {
                let frames = lacing::frames(lacing, block)?;
                self.steps += frames.len() as u64;
                let frame_us = self.frame_us(track, duration, frames.len());
                self.laced = self.timed(frames.into_iter().map(packet).collect(), frame_us).into_iter();
                Ok(self.laced.next().map(Event::Packet))
            }
        }
    }

    /// How long each of a block's frames lasts if they are alike, in µs, where block or track say so.
    fn frame_us(&self, track: usize, duration: Option<u64>, frames: usize) -> Option<u64> {
        let of_block = duration.and_then(|ticks| self.ticks.frame_us(ticks, frames));
        of_block.or(self.entries[track].frame_us)
    }

    /// Frames of one block, each from the end of the one before on: by its own duration, else by `frame_us`.
    fn timed(&self, mut packets: Vec<Packet>, frame_us: Option<u64>) -> Vec<Packet> {
        let mut offset_us = 0_u64;
        for packet in &mut packets {
            let track = &self.entries[packet.track].track;
            let duration_us = codec::packet_duration_us(track, &packet.data).or(frame_us);
            packet.pts_us = packet.pts_us.saturating_add(offset_us).min(MAX_PTS_US);
            offset_us = offset_us.saturating_add(duration_us.unwrap_or(0));
        }
        packets.retain(|packet| !packet.data.is_empty());
        packets
    }
}

fn known_size(header: ebml::Header) -> Result<u64, Error> {
    header.size.ok_or_else(|| malformed(format!("element {:#x} of unknown size", header.id)))
}

#[cfg(test)]
mod tests;
