//! A file as its readers see it: tags, formats, and fragments one after another.

use std::{
    collections::VecDeque,
    io::{Read, Seek},
    sync::Arc,
};

use bytes::Bytes;
use media::{Codec, Inspector, Rendition, Track};

use crate::{
    Error, Tags,
    ahead::{Ahead, inspect},
    cutter::{Cutter, MAX_FRAGMENT_BYTES, Piece},
    format::Format,
    input::Input,
    part, probe,
    source::{Opened, Packet, Source, SourceTrack, samples_us},
    target::Target,
    timing::Timing,
    writer::{Writer, merge},
};

/// The most fragments of a file: days.
const MAX_FRAGMENTS: u64 = 50_000;

/// A piece of a file that can be played after the init segment alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// When it begins, in ms of the file's time, which begins at 0. The media's own timestamps are the same, but for bare MP3, which
    /// has none.
    pub start_ms: u64,
    /// Until the next one begins, or the file ends.
    pub duration_ms: u64,
    /// Its bytes in each of [`MediaFile::formats`], at most [`MAX_FRAGMENT_BYTES`] each.
    pub media: Vec<Bytes>,
}

/// Why the rest of a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// How much of it could be read, in ms.
    pub after_ms: u64,
    /// What is wrong there.
    pub reason: String,
}

/// An audio or video file: an iterator over its fragments.
///
/// It ends at the file's end, or where the file is damaged, which [`Self::damage`] tells then. An error ends it too: `Io` if reading
/// failed, `TooLarge` if a fragment would be over [`MAX_FRAGMENT_BYTES`].
pub struct MediaFile {
    input: Input,
    source: Box<dyn Source>,
    tracks: Arc<[Track]>,
    inspectors: Vec<Inspector>,
    timings: Vec<Timing>,
    /// Index of the track at whose keyframes fragments begin.
    leader: usize,
    cutter: Cutter,
    /// Read before the tracks were known.
    ahead: VecDeque<Packet>,
    /// How the source ended, if it did then.
    ended: Option<Result<(), Error>>,
    writers: Vec<Writer>,
    tags: Tags,
    duration_us: Option<u64>,
    /// The file's time at which it begins.
    base_us: i64,
    /// Until when fragments were given, in ms.
    given_ms: u64,
    given: u64,
    state: State,
    damage: Option<Damage>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// There may be more packets.
    Reading,
    /// The source has ended; what it gave is still to be given.
    Ended,
    /// All is given, or an error was.
    Done,
}

/// Opens a file of `size` bytes: reads its headers and tags, and up to its first keyframe.
///
/// The format is told by the content; `file_name` is for messages only. `Unsupported` with a reason for what browsers do not play,
/// `Damaged` where nothing can be read, `Io` where reading failed.
pub fn open(
    reader: impl Read + Seek + Send + 'static,
    size: u64,
    file_name: &str,
) -> Result<MediaFile, Error> {
    let input = Input::new(Box::new(reader), size);
    let opened = probe::open(&input, file_name);
    finish(input, opened, None)
}

/// Opens a file to write it, or a part of it, as one file in another container. That file is the init segment of the only format,
/// followed by all fragments. Its time begins with the first fragment.
///
/// Errors are those of [`open`]; `Unsupported` also if the container does not hold the codecs.
pub fn open_as(
    reader: impl Read + Seek + Send + 'static,
    size: u64,
    target: &Target,
) -> Result<MediaFile, Error> {
    let input = Input::new(Box::new(reader), size);
    let opened = probe::open(&input, "").and_then(|opened| part::restrict(opened, target));
    finish(input, opened, Some(target))
}

fn finish(input: Input, opened: Result<Opened, Error>, target: Option<&Target>) -> Result<MediaFile, Error> {
    // What a reader of a format says of a reader that failed is not about the file.
    let result = opened.and_then(|opened| MediaFile::new(input.clone(), opened, target));
    input.take_failure().map_or(result, Err)
}

impl MediaFile {
    fn new(input: Input, opened: Opened, target: Option<&Target>) -> Result<Self, Error> {
        let Opened { mut source, tracks, prefers, duration_us, tags, .. } = opened;
        let (mut ahead, mut ended) = (Ahead::new(&tracks)?, None);
        while !ahead.is_enough() && ended.is_none() {
            match source.next_packet() {
                Ok(Some(packet)) => ahead.push(packet)?,
                end if ahead.has_any() => ended = Some(end.map(|_| ())),
                Ok(None) => return Err(Error::Damaged("it has no sound and no pictures".into())),
                Err(error) => return Err(error),
            }
        }
        let described = ahead.describe(&tracks)?;
        let leader = described.iter().position(Track::is_video).unwrap_or(0);
        let has_other = described.len() > 1;
        let players = target.is_none().then(|| rendition(prefers, &described)).transpose()?;
        let is_mp4 = players == Some(Rendition::Mp4) || target.is_some_and(Target::is_mp4);
        let leads = if is_mp4 { ahead.leads(&tracks) } else { [0; 2] };
        let mut writers =
            players.map_or(Ok(Vec::new()), |players| Writer::all(players, &described, leads))?;
        if let Some(target) = target {
            writers.push(Writer::of_target(target, &described, leads)?);
        }
        let base_us = ahead.base_us(&tracks);
        let timing = |(index, track): (usize, &SourceTrack)| {
            let lead = i64::from(leads[index]);
            let lead_us = track.sample_rate().map_or(lead, |rate| samples_us(lead, rate));
            Timing::new(index, base_us, lead_us.unsigned_abs(), is_mp4)
        };
        Ok(Self {
            input,
            source,
            timings: tracks.iter().enumerate().map(timing).collect(),
            tracks: described,
            inspectors: ahead.inspectors,
            leader,
            cutter: Cutter::new(leader, has_other),
            ahead: ahead.packets,
            ended,
            writers,
            tags,
            duration_us,
            base_us,
            given_ms: 0,
            given: 0,
            state: State::Reading,
            damage: None,
        })
    }

    /// What the file says of itself in words.
    pub fn tags(&self) -> &Tags {
        &self.tags
    }

    /// The forms in which fragments are given: the first one is for all players that take it, the others are for the rest.
    pub fn formats(&self) -> Vec<Format> {
        self.writers.iter().map(Writer::format).collect()
    }

    /// Its tracks, video first: `video` or `audio`, and the codec as types name it (RFC 6381).
    pub fn tracks(&self) -> Vec<(&'static str, String)> {
        let mime = self.writers.first().map(|writer| writer.format().mime).unwrap_or_default();
        let codecs = mime.split('"').nth(1).unwrap_or_default().to_owned();
        let kinds = if self.tracks[self.leader].is_video() { ["video", "audio"] } else { ["audio", "audio"] };
        kinds.into_iter().zip(codecs.split(',').map(str::to_owned)).collect()
    }

    /// Its length in ms as the file says; the fragments have the real one.
    pub fn duration_ms(&self) -> Option<u64> {
        self.duration_us.map(|duration_us| duration_us / 1000)
    }

    /// How many bytes of the file were read, for progress.
    pub fn bytes_read(&self) -> u64 {
        self.input.furthest()
    }

    /// After the last fragment: why the rest of the file could not be read.
    pub fn damage(&self) -> Option<&Damage> {
        self.damage.as_ref()
    }

    /// The next fragment; `None` after the last one.
    pub fn next_fragment(&mut self) -> Result<Option<Fragment>, Error> {
        loop {
            if self.state == State::Done {
                return Ok(None);
            }
            if let Some(piece) = self.cutter.next(self.state == State::Ended) {
                return self.write(piece).map(Some).inspect_err(|_| self.state = State::Done);
            }
            match self.state {
                State::Ended => self.state = State::Done,
                _ => self.read().inspect_err(|_| self.state = State::Done)?,
            }
        }
    }

    /// Reads the next packet.
    fn read(&mut self) -> Result<(), Error> {
        let (is_ahead, next) = match self.ahead.pop_front() {
            Some(packet) => (true, Ok(Some(packet))),
            None => {
                let ended = self.ended.take().map(|ended| ended.map(|()| None));
                (false, ended.unwrap_or_else(|| self.source.next_packet()))
            }
        };
        if let Some(failure) = self.input.take_failure() {
            return Err(failure);
        }
        let inspected = next.and_then(|packet| match packet {
            Some(packet) if is_ahead => Ok(Some(packet)),
            Some(packet) => inspect(&self.tracks, &mut self.inspectors, packet).map(Some),
            None => Ok(None),
        });
        match inspected {
            Ok(Some(packet)) => self.cutter.push(packet),
            Ok(None) => {
                self.state = State::Ended;
                Ok(())
            }
            Err(Error::Io(error)) => Err(Error::Io(error)),
            Err(error) => {
                self.damage = Some(Damage { after_ms: self.given_ms, reason: error.to_string() });
                self.state = State::Ended;
                Ok(())
            }
        }
    }

    fn write(&mut self, piece: Piece) -> Result<Fragment, Error> {
        self.given += 1;
        if self.given > MAX_FRAGMENTS {
            let (bytes, limit) = (self.given, MAX_FRAGMENTS);
            return Err(Error::TooLarge { what: "number of fragments", bytes, limit });
        }
        let Piece { leading, other, end_us, is_last } = piece;
        let mut frames = Vec::new();
        let mut all_ends_us = end_us.saturating_sub(self.base_us);
        for (index, packets) in [(self.leader, leading), (1 - self.leader, other)] {
            let Some(track) = self.tracks.get(index) else { continue };
            let ends_us = (!is_last).then_some(end_us);
            let of_track = self.timings[index].frames(track, packets, ends_us);
            if let (true, Some(end_us)) = (is_last, self.timings[index].end_us(track, &of_track)) {
                all_ends_us = all_ends_us.max(end_us.saturating_sub(self.base_us));
            }
            frames.push(of_track);
        }
        let frames = merge(frames);
        let writers = self.writers.iter_mut();
        let media = writers.map(|writer| writer.write(&frames, is_last)).collect::<Result<Vec<_>, _>>()?;
        if let Some(bytes) =
            media.iter().map(|media| media.len() as u64).find(|&bytes| bytes > MAX_FRAGMENT_BYTES)
        {
            return Err(Error::TooLarge { what: "fragment", bytes, limit: MAX_FRAGMENT_BYTES });
        }
        let end_ms = (all_ends_us / 1000).max(0) as u64;
        let start_ms = self.given_ms;
        self.given_ms = end_ms.max(start_ms);
        if let Some(damage) = &mut self.damage {
            damage.after_ms = self.given_ms;
        }
        Ok(Fragment { start_ms, duration_ms: self.given_ms - start_ms, media })
    }
}

impl Iterator for MediaFile {
    type Item = Result<Fragment, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_fragment().transpose()
    }
}

impl std::fmt::Debug for MediaFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MediaFile")
            .field("tracks", &self.tracks)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// The format that holds all tracks. `Unsupported` where none does.
fn rendition(prefers: Rendition, tracks: &[Track]) -> Result<Rendition, Error> {
    // Chromium plays no MP3 in MP4, and bare MP3 has no pictures.
    if tracks.len() > 1 && tracks.iter().any(|track| track.codec == Codec::Mp3) {
        return Err(Error::Unsupported("video with its sound in MP3: convert the sound to AAC".into()));
    }
    let holds_all = |rendition: &Rendition| rendition.holds_all(tracks);
    [prefers, Rendition::WebM, Rendition::Mp4].into_iter().find(holds_all).ok_or_else(|| {
        let codecs: Vec<_> = tracks.iter().map(|track| format!("{:?}", track.codec)).collect();
        Error::Unsupported(format!("{} together", codecs.join(" and ")))
    })
}
