//! Properties over any cutting of real recordings, and over any damage to them.

mod common;

use std::{fmt, sync::LazyLock};

use common::{Fixture, demux};
use media::{Error, Output, TakeParser};
use proptest::{collection::vec, prelude::*, sample::Index};

static FIXTURES: LazyLock<Vec<Fixture>> = LazyLock::new(Fixture::all);

/// A recording in other segments than it came in.
struct Cut {
    fixture: &'static Fixture,
    segments: Vec<Vec<u8>>,
}

impl fmt::Debug for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lengths: Vec<_> = self.segments.iter().map(Vec::len).collect();
        write!(f, "{} in segments of {lengths:?} bytes", self.fixture.name)
    }
}

/// Any recording with up to this many cuts anywhere.
fn cut_recording(cuts: usize) -> impl Strategy<Value = Cut> {
    (any::<Index>(), vec(any::<Index>(), 0..=cuts)).prop_map(|(fixture, cuts)| {
        let fixture = fixture.get(&FIXTURES);
        Cut { fixture, segments: cut(&fixture.stream(), &cuts) }
    })
}

fn cut(stream: &[u8], cuts: &[Index]) -> Vec<Vec<u8>> {
    if stream.is_empty() {
        // Damage may leave nothing, and nothing cannot be indexed.
        return vec![Vec::new()];
    }
    let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
    places.extend([0, stream.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| stream[pair[0]..pair[1]].to_vec()).collect()
}

/// One thing that goes wrong with a stream.
#[derive(Clone, Debug)]
enum Damage {
    Overwrite(Index, u8),
    Remove(Index, usize),
    Repeat(Index, usize),
    Truncate(Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Overwrite(at, byte)),
        1 => (any::<Index>(), 1..64_usize).prop_map(|(at, len)| Damage::Remove(at, len)),
        1 => (any::<Index>(), 1..64_usize).prop_map(|(at, len)| Damage::Repeat(at, len)),
        1 => any::<Index>().prop_map(Damage::Truncate),
    ]
}

impl Damage {
    fn apply(&self, stream: &mut Vec<u8>) {
        if stream.is_empty() {
            return;
        }
        match self {
            Self::Overwrite(at, byte) => *at.get_mut(stream) = *byte,
            Self::Remove(at, len) => drop(stream.drain(range(at, *len, stream.len()))),
            Self::Repeat(at, len) => stream.extend_from_within(range(at, *len, stream.len())),
            Self::Truncate(at) => stream.truncate(at.index(stream.len())),
        }
    }
}

fn range(at: &Index, len: usize, stream_len: usize) -> std::ops::Range<usize> {
    let start = at.index(stream_len);
    start..(start + len).min(stream_len)
}

/// The outputs of each segment, up to the first error.
fn push_all(parser: &mut TakeParser, segments: &[Vec<u8>]) -> Vec<Result<Vec<Output>, Error>> {
    segments.iter().map(|segment| parser.push_segment(segment.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cutting_gives_the_same_frames(Cut { fixture, segments } in cut_recording(200)) {
        prop_assert!(demux(&fixture.mime, &segments) == demux(&fixture.mime, &[fixture.stream()]));
    }

    #[test]
    fn the_same_segments_give_the_same_chunks_wherever_they_are_resumed(
        Cut { fixture, segments } in cut_recording(40),
        at in any::<Index>(),
    ) {
        let mut first = TakeParser::new(&fixture.mime).unwrap();
        let at = at.index(segments.len());
        push_all(&mut first, &segments[..at]);
        if let Some(point) = first.resume_point() {
            let mut second = TakeParser::resume(&fixture.mime, &point).unwrap();
            prop_assert_eq!(second.tracks(), first.tracks());
            prop_assert_eq!(second.resume_point(), Some(point));
            prop_assert!(push_all(&mut second, &segments[at..]) == push_all(&mut first, &segments[at..]));
        }
    }

    #[test]
    fn damaged_takes_end_in_an_error_or_in_fewer_frames_and_never_in_a_panic(
        Cut { fixture, .. } in cut_recording(0),
        early in any::<bool>(),
        damages in vec(damage(), 1..20),
        cuts in vec(any::<Index>(), 0..10),
    ) {
        // Most of what can be said wrongly stands in the first bytes.
        let stream = fixture.stream();
        let mut damaged = stream[..if early { 1000 } else { stream.len() }].to_vec();
        damages.iter().for_each(|damage| damage.apply(&mut damaged));
        if early {
            damaged.extend_from_slice(&stream[1000..]);
        }
        let mut parser = TakeParser::new(&fixture.mime).unwrap();
        for outputs in push_all(&mut parser, &cut(&damaged, &cuts)).into_iter().flatten() {
            for output in outputs {
                if let Output::Run(run) = output {
                    let bytes: usize = run.frames.iter().map(|frame| frame.data.len()).sum();
                    prop_assert!(bytes <= 2 * damaged.len() + 4096);
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_survived(mime in any::<bool>(), segments in vec(vec(any::<u8>(), 0..200), 0..10)) {
        let mime = if mime { "video/webm" } else { "video/mp4" };
        let mut parser = TakeParser::new(mime).unwrap();
        for outputs in push_all(&mut parser, &segments).into_iter().flatten() {
            prop_assert!(outputs.is_empty());
        }
    }

    #[test]
    fn a_damaged_resume_point_is_refused_or_gone_on_from(Cut { fixture, segments } in cut_recording(20), damages in vec(damage(), 1..4)) {
        let mut first = TakeParser::new(&fixture.mime).unwrap();
        let half = segments.len() / 2;
        push_all(&mut first, &segments[..half]);
        if let Some(mut point) = first.resume_point() {
            damages.iter().for_each(|damage| damage.apply(&mut point));
            match TakeParser::resume(&fixture.mime, &point) {
                Ok(mut second) => drop(push_all(&mut second, &segments[half..])),
                Err(error) => prop_assert_eq!(error, Error::InvalidResume),
            }
        }
    }

    #[test]
    fn any_bytes_are_no_resume_point(rest in vec(any::<u8>(), 0..300)) {
        let begins = TakeParser::new("video/webm").unwrap().resume_point().unwrap();
        // The version is right.
        let point = [&begins[..1], &rest].concat();
        let resumed = TakeParser::resume("video/webm", &point);
        prop_assert!(resumed.is_err_and(|error| error == Error::InvalidResume));
    }
}

#[test]
fn single_bytes_give_the_same_frames() {
    for fixture in FIXTURES.iter() {
        let bytes: Vec<_> = fixture.stream().chunks(1).map(<[u8]>::to_vec).collect();
        assert!(
            demux(&fixture.mime, &bytes) == demux(&fixture.mime, &[fixture.stream()]),
            "{}",
            fixture.name
        );
    }
}
