//! One run of a recorder as it arrives: segments in order, each parsed once.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use media::{TakeParser, Track};
use protocol::{
    ErrorCode, WireError,
    event::{FrameName, SegmentName},
};

use super::{capture_clock::CaptureClock, types::Registration};
use crate::hub::Span;

/// First byte of a resume state. Another layout gets another number.
const RESUME_VERSION: u8 = 1;
/// Longest resume state that is looked at; those given have up to 11 KB.
const MAX_RESUME_BYTES: usize = 16 << 10;
/// Longest recorder type that is looked at.
const MAX_MIME_BYTES: usize = 256;
/// Highest number of a take, which a broadcaster chooses: the take after the newest always has a number of its own.
const MAX_TAKE: u64 = 1 << 53;
/// No take has more: what JavaScript's numbers count exactly. A state with a higher number is forged.
const MOST_SEGMENTS: u64 = 1 << 53;
/// Version, take and next segment come before what `media` wrote.
const RESUME_HEAD_BYTES: usize = 1 + 8 + 8;

pub(super) struct Take {
    number: u64,
    mime: String,
    pub(super) parser: TakeParser,
    next_segment: u64,
    capture_clock: CaptureClock,
    /// How often the recorder's clock fell or jumped; see [`TakeParser::time_corrections`].
    corrections: u64,
    /// Why it cannot continue.
    broken: Option<WireError>,
}

/// Refuses a registration whose texts are too long to be what they should be, before any of them is read, or whose take has too
/// high a number.
pub(super) fn check_bounds(request: &Registration) -> Result<(), WireError> {
    if request.take.is_some_and(|take| take > MAX_TAKE) {
        let message = format!("take is above {MAX_TAKE}");
        return Err(WireError::new(ErrorCode::InvalidRequest, message));
    }
    if request.resume.as_ref().is_some_and(|resume| resume.len() > MAX_RESUME_BYTES) {
        return Err(invalid_resume());
    }
    if request.mime.len() > MAX_MIME_BYTES {
        let message = "mime is too long";
        return Err(WireError::new(ErrorCode::UnsupportedMime, message));
    }
    Ok(())
}

impl Take {
    /// Take `number`, begun or resumed as the registration asks for.
    pub(super) fn new(number: u64, request: &Registration) -> Result<Self, WireError> {
        match &request.resume {
            None => Self::begin(number, request.mime.clone()),
            Some(resume) => Self::resume(number, request.mime.clone(), resume),
        }
    }

    /// A take whose first segment is to come.
    fn begin(number: u64, mime: String) -> Result<Self, WireError> {
        let parser = TakeParser::new(&mime).map_err(|error| unsupported(&error))?;
        Ok(Self::of(number, mime, parser, 0))
    }

    fn of(number: u64, mime: String, parser: TakeParser, next_segment: u64) -> Self {
        let corrections = parser.time_corrections();
        let capture_clock = CaptureClock::default();
        Self { number, mime, parser, next_segment, capture_clock, corrections, broken: None }
    }

    /// A take that another node began: `resume` is what [`Take::resume_state`] gave there.
    fn resume(number: u64, mime: String, resume: &str) -> Result<Self, WireError> {
        let state = URL_SAFE_NO_PAD.decode(resume).map_err(|_| invalid_resume())?;
        let (head, point) = state.split_at_checked(RESUME_HEAD_BYTES).ok_or_else(invalid_resume)?;
        let (take, next_segment) = (number_at(head, 1), number_at(head, 9));
        if head[0] != RESUME_VERSION || take != number || next_segment > MOST_SEGMENTS {
            return Err(invalid_resume());
        }
        let parser = TakeParser::resume(&mime, point).map_err(|_| invalid_resume())?;
        Ok(Self::of(number, mime, parser, next_segment))
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn next_segment(&self) -> u64 {
        self.next_segment
    }

    /// Whether a recorder of type `mime` can continue with it.
    pub(super) fn check_continues(&self, mime: &str) -> Result<(), WireError> {
        self.check_unbroken()?;
        if self.mime != mime {
            let message = format!("take {} has another mime; start a new take", self.number);
            return Err(WireError::new(ErrorCode::InvalidRequest, message));
        }
        Ok(())
    }

    /// Its tracks, if known.
    pub(super) fn tracks(&self) -> Option<Arc<[Track]>> {
        self.parser.tracks()
    }

    /// Its newest run, here or on the node it was resumed from.
    pub(super) fn newest_run(&self) -> Option<Span> {
        let (group, index, frames) = self.parser.newest()?;
        Some(Span { first: FrameName { take: self.number, group, index }, frames })
    }

    /// Whether segment `seq` is wanted: false if it was had before.
    pub(super) fn wants(&self, seq: u64) -> Result<bool, WireError> {
        self.check_unbroken()?;
        if seq > self.next_segment {
            let message = format!("segment {seq} came before segment {}; send that first", self.next_segment);
            return Err(WireError::new(ErrorCode::SegmentGap, message));
        }
        Ok(seq == self.next_segment)
    }

    /// It cannot continue: parsing the next segment failed. Gives the error for its broadcaster.
    pub(super) fn fail(&mut self, error: &media::Error) -> WireError {
        let error = parse_error(self.next_segment, error);
        self.broken = Some(error.clone());
        error
    }

    /// The segment is done; its newest frame was captured at `captured_at_ms`. Gives whether the recorder's clock fell or jumped
    /// since the last segment.
    pub(super) fn segment_done(&mut self, captured_at_ms: Option<i64>, now_ms: u64) -> bool {
        self.next_segment += 1;
        if let (Some(captured_at_ms), Some(pts_ms)) = (captured_at_ms, self.parser.newest_pts_ms()) {
            self.capture_clock.observe(captured_at_ms, pts_ms, now_ms);
        }
        let corrections = self.parser.time_corrections();
        std::mem::replace(&mut self.corrections, corrections) != corrections
    }

    /// How much was read so far, in steps; see [`TakeParser::steps`].
    pub(super) fn steps(&self) -> u64 {
        self.parser.steps()
    }

    /// Server-clock time of timestamp 0, if the broadcaster sent capture times.
    pub(super) fn epoch_ms(&self) -> Option<i64> {
        self.capture_clock.epoch_ms()
    }

    /// The newest segment that was had.
    pub(super) fn have(&self) -> SegmentName {
        SegmentName { take: self.number, seq: self.next_segment.saturating_sub(1) }
    }

    /// What another node needs to continue, if it is small enough to hand around.
    pub(super) fn resume_state(&self) -> Option<String> {
        let point = self.parser.resume_point()?;
        let mut state = vec![RESUME_VERSION];
        state.extend(self.number.to_be_bytes());
        state.extend(self.next_segment.to_be_bytes());
        state.extend(point);
        Some(URL_SAFE_NO_PAD.encode(state))
    }

    fn check_unbroken(&self) -> Result<(), WireError> {
        self.broken.clone().map_or(Ok(()), Err)
    }
}

/// Why a segment ended its take. What cannot be forwarded now cannot be forwarded in any take; other errors are those of
/// this one.
fn parse_error(segment: u64, error: &media::Error) -> WireError {
    let (code, advice) = match error {
        media::Error::Unsupported(_) => (ErrorCode::UnsupportedMime, "record in another format"),
        _ => (ErrorCode::MalformedMedia, "start a new take"),
    };
    WireError::new(code, format!("segment {segment}: {error}; {advice}"))
}

fn invalid_resume() -> WireError {
    WireError::new(ErrorCode::InvalidResume, "resume does not belong to this take; start a new take")
}

fn unsupported(error: &media::Error) -> WireError {
    WireError::new(ErrorCode::UnsupportedMime, error.to_string())
}

/// The big-endian number at `offset` of a head, which is long enough for both of its numbers.
fn number_at(head: &[u8], offset: usize) -> u64 {
    head[offset..offset + 8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};
    use media::{Codec, Frame, Muxer, Progress, Rendition, Run, TrackKind};

    use super::*;

    const MIME: &str = "video/webm;codecs=vp9,opus";

    #[test]
    fn texts_that_are_too_long_are_refused_unread() {
        let request = |mime: &str, resume: Option<String>| Registration {
            stream: protocol::StreamId::new("a", 1),
            grant: String::new(),
            mime: mime.into(),
            take: None,
            resume,
            ask_keyframe: None,
        };
        let code = |request| check_bounds(&request).err().map(|error| error.code);
        assert_eq!(code(request(MIME, Some("A".repeat(MAX_RESUME_BYTES)))), None);
        let long = Some("A".repeat(MAX_RESUME_BYTES + 1));
        assert_eq!(code(request(MIME, long)), Some(ErrorCode::InvalidResume));
        assert_eq!(code(request(&"a".repeat(MAX_MIME_BYTES + 1), None)), Some(ErrorCode::UnsupportedMime));
    }

    #[test]
    fn a_take_after_the_highest_has_a_number_of_its_own() {
        let request = |take| Registration {
            stream: protocol::StreamId::new("a", 1),
            grant: String::new(),
            mime: MIME.into(),
            take: Some(take),
            resume: None,
            ask_keyframe: None,
        };
        let code = |take| check_bounds(&request(take)).err().map(|error| error.code);
        assert_eq!([code(0), code(MAX_TAKE)], [None, None]);
        for refused in [MAX_TAKE + 1, u64::MAX] {
            assert_eq!(code(refused), Some(ErrorCode::InvalidRequest));
        }
    }

    #[test]
    fn a_state_that_claims_more_segments_than_there_can_be_is_refused() {
        let take = Take::begin(3, MIME.into()).unwrap();
        let honest = take.resume_state().unwrap();
        assert_eq!(Take::resume(3, MIME.into(), &honest).unwrap().next_segment(), 0);
        let mut forged = URL_SAFE_NO_PAD.decode(honest).unwrap();
        forged[9..17].fill(0xff);
        let refused = Take::resume(3, MIME.into(), &URL_SAFE_NO_PAD.encode(forged)).err().unwrap();
        assert_eq!(refused.code, ErrorCode::InvalidResume);
    }

    /// A segment with an Opus packet at each of these times, behind the init segment where it is the first.
    fn segment(times_ms: &[u64], is_first: bool) -> Bytes {
        let kind = TrackKind::Audio { sample_rate: 48_000, channels: 2 };
        let config = Bytes::from_static(b"OpusHead\x01\x02\x00\x0f\x80\xbb\x00\x00\x00\x00\x00");
        let track = Track { codec: Codec::Opus, kind, config, colour: Bytes::new() };
        let muxer = Muxer::new(Rendition::WebM, [track].into()).unwrap();
        let frame = |&ms: &u64| {
            let (at_us, data) = (ms * 1000, Bytes::from_static(b"\x18packet"));
            Frame { track: 0, pts_us: at_us, dts_us: at_us, duration_us: 0, key: true, data }
        };
        let run = Run { group: 0, index: 0, frames: times_ms.iter().map(frame).collect() };
        let mut out = BytesMut::from(if is_first { &muxer.init().data[..] } else { &[] });
        muxer.write_chunk(&run, &mut out);
        out.freeze()
    }

    #[test]
    fn a_clock_that_falls_is_told_once() {
        let mut take = Take::begin(0, "audio/webm;codecs=opus".into()).unwrap();
        let mut told = Vec::new();
        for (number, times) in [[0, 60], [120, 180], [0, 60], [120, 180]].iter().enumerate() {
            let mut segment = segment(times, number == 0);
            while take.parser.advance(&mut segment, &mut Vec::new()) == Ok(Progress::Partly) {}
            told.push(take.segment_done(None, 0));
        }
        assert_eq!(told, [false, false, true, false]);
    }
}
