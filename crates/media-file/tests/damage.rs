//! Damaged files of every format: cut off anywhere, with bytes changed, with sizes that lie. Each gives an error or what can be read of
//! it, and work and output are in proportion to its bytes. Needs `ffmpeg`.

#![allow(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

mod common;

use std::{
    fs,
    io::{self, Cursor, Read, Seek, SeekFrom},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use common::{PICTURES, SOUND, encoded};
use media_file::{Error, Fragment, MediaFile};

/// Small files of every format, with everything in them that is read. They are made once for all tests.
static SAMPLES: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(make_samples);

fn samples() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    SAMPLES.iter().map(|(name, whole)| (*name, whole.clone()))
}

fn make_samples() -> Vec<(&'static str, Vec<u8>)> {
    let both = format!("{PICTURES}2 {SOUND}2 -pix_fmt yuv420p");
    let sound = format!("{SOUND}2");
    let tagged = "-metadata title=T -metadata artist=A -metadata album=B -metadata track=3";
    let h264 = "-c:v libx264 -preset veryfast -g 6 -bf 2 -c:a aac";
    [
        ("d.mp3", &sound, "-c:a libmp3lame -b:a 64k"),
        ("d.aac", &sound, "-c:a aac -b:a 32k"),
        ("d.flac", &sound, "-ac 1 -ar 8000 -c:a flac"),
        ("d.opus", &sound, "-c:a libopus -b:a 32k"),
        ("d.ogg", &sound, "-c:a libvorbis -q:a 0"),
        ("d.oga", &sound, "-ac 1 -ar 8000 -c:a flac"),
        ("d.wav", &sound, "-ac 1 -ar 8000"),
        ("d.m4a", &sound, "-c:a aac -b:a 32k"),
        ("d.mp4", &both, h264),
        ("front.mp4", &both, &format!("{h264} -movflags +faststart")),
        ("fragmented.mp4", &both, &format!("{h264} -movflags +frag_keyframe+empty_moov+default_base_moof")),
        ("d.mov", &both, h264),
        ("d.mkv", &both, h264),
        ("d.webm", &both, "-c:v libvpx -b:v 60k -g 6 -c:a libopus -b:a 32k"),
    ]
    .map(|(name, input, options)| {
        (name, fs::read(encoded(name, &format!("{input} {tagged} {options}"))).unwrap())
    })
    .into()
}

/// Counts what is read.
struct Counting {
    bytes: Cursor<Vec<u8>>,
    read: Arc<AtomicU64>,
}

impl Read for Counting {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(out)?;
        self.read.fetch_add(read as u64, Relaxed);
        Ok(read)
    }
}

impl Seek for Counting {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

/// What was read of a file.
type Outcome = Result<(MediaFile, Vec<Fragment>), Error>;

/// Reads a file and checks what holds of any.
fn check(what: &str, bytes: Vec<u8>) -> Outcome {
    let (size, read) = (bytes.len() as u64, Arc::new(AtomicU64::new(0)));
    let reader = Counting { bytes: Cursor::new(bytes), read: Arc::clone(&read) };
    let outcome = media_file::open(reader, size, what).and_then(|mut file| {
        let fragments = file.by_ref().collect::<Result<Vec<_>, _>>()?;
        Ok((file, fragments))
    });
    // Headers, tags and samples are read apart, each through windows that may hold more than is needed.
    let most_read = 8 * size + (1 << 20);
    let read = read.load(Relaxed);
    assert!(read <= most_read, "{what}: read {read} bytes of {size}");
    if let Ok((file, fragments)) = &outcome {
        let mut end_ms = 0;
        for fragment in fragments {
            assert_eq!(fragment.start_ms, end_ms, "{what}");
            assert_eq!(fragment.media.len(), file.formats().len(), "{what}");
            end_ms += fragment.duration_ms;
        }
        let given: usize =
            fragments.iter().flat_map(|fragment| &fragment.media).map(|media| media.len()).sum();
        let most_given = 24 * size as usize + (64 << 10);
        assert!(given <= most_given, "{what}: gave {given} bytes of {size}");
    }
    outcome
}

fn duration_ms(fragments: &[Fragment]) -> u64 {
    fragments.iter().map(|fragment| fragment.duration_ms).sum()
}

#[test]
fn a_file_that_is_cut_off_gives_what_is_there() {
    const CUTS: usize = 60;
    for (name, whole) in samples() {
        let (_, fragments) = check(name, whole.clone()).unwrap();
        let whole_ms = duration_ms(&fragments);
        assert!((1_900..2_200).contains(&whole_ms), "{name}: {whole_ms} ms");
        for cut in 0..CUTS {
            let bytes = whole[..whole.len() * cut / CUTS].to_vec();
            match check(&format!("{name} cut at {}", bytes.len()), bytes) {
                Ok((_, fragments)) => assert!(duration_ms(&fragments) <= whole_ms + 200, "{name}"),
                Err(Error::Damaged(_) | Error::Unsupported(_) | Error::TooLarge { .. }) => {}
                Err(error) => panic!("{name}: {error}"),
            }
        }
        // An index at the end is gone; all others play up to the cut.
        let is_indexed_at_end = ["d.m4a", "d.mp4", "d.mov"].contains(&name);
        let half = check(name, whole[..whole.len() * 3 / 4].to_vec());
        match half {
            Ok((_, fragments)) => assert!(duration_ms(&fragments) > 300, "{name}"),
            Err(error) => assert!(is_indexed_at_end && error.to_string().contains("moov"), "{name}: {error}"),
        }
    }
}

#[test]
fn cut_files_say_so_where_the_format_tells() {
    for (name, whole) in samples() {
        if ["d.wav", "front.mp4"].contains(&name) {
            let (file, fragments) = check(name, whole[..whole.len() * 3 / 4].to_vec()).unwrap();
            let damage = file.damage().unwrap();
            assert!(damage.reason.contains("cut short"), "{name}: {damage:?}");
            assert_eq!(damage.after_ms, duration_ms(&fragments), "{name}");
        } else {
            assert_eq!(check(name, whole).unwrap().0.damage(), None, "{name}");
        }
    }
}

#[test]
fn changed_bytes_never_panic_nor_cost_more_than_the_file() {
    const MUTANTS: usize = 150;
    let mut random = Random(7);
    for (name, whole) in samples() {
        for number in 0..MUTANTS {
            let mut bytes = whole.clone();
            // Headers are where changes matter most.
            let reach = if number % 2 == 0 { bytes.len() } else { bytes.len().min(2048) };
            for _ in 0..1 + random.below(6) {
                let at = random.below(reach);
                bytes[at] = [0, 0xff, 0x7f, 0x80, random.below(256) as u8][random.below(5)];
            }
            let _ = check(&format!("{name}, mutant {number}"), bytes);
        }
    }
}

#[test]
fn a_reader_that_fails_is_not_the_files_fault() {
    struct Failing(Cursor<Vec<u8>>, u64);
    impl Read for Failing {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let left = self.1.saturating_sub(self.0.position()) as usize;
            if left == 0 {
                return Err(io::Error::other("the store is away"));
            }
            let wanted = out.len().min(left);
            self.0.read(&mut out[..wanted])
        }
    }
    impl Seek for Failing {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }
    for (name, whole) in samples() {
        for part in 0..4 {
            let (size, at) = (whole.len() as u64, whole.len() as u64 * part / 4);
            let opened = media_file::open(Failing(Cursor::new(whole.clone()), at), size, name);
            let outcome = opened.and_then(|file| file.collect::<Result<Vec<_>, _>>());
            let is_told = matches!(&outcome, Err(Error::Io(error)) if error.to_string().contains("away"));
            assert!(is_told, "{name}, {part}/4: {:?}", outcome.map(|fragments| fragments.len()));
        }
    }
}

/// Marsaglia's xorshift: the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound
    }
}
