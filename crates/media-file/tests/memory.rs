//! What an open file takes in memory is bounded, however large the file is and whatever it says of itself. Files are made as they are
//! read, so that they can be large.

#![allow(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

#[path = "../../media/tests/common/allocator.rs"]
mod allocator;

use std::{
    cell::Cell,
    io::{self, Cursor, Read, Seek, SeekFrom},
};

use media_file::Error;

/// What an open file takes at most: `README.md` says so.
const BOUND_BYTES: usize = 160 << 20;

const MIB: u64 = 1 << 20;

/// A head, and behind it a piece again and again.
struct Repeated {
    head: Vec<u8>,
    piece: Vec<u8>,
    size: u64,
    position: u64,
}

impl Repeated {
    fn new(head: &[u8], piece: &[u8], size: u64) -> Self {
        Self { head: head.to_vec(), piece: piece.to_vec(), size, position: 0 }
    }
}

impl Read for Repeated {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let from = match self.position.checked_sub(self.head.len() as u64) {
            Some(behind) => &self.piece[(behind % self.piece.len() as u64) as usize..],
            None => &self.head[self.position as usize..],
        };
        let count = from.len().min(out.len()).min((self.size - self.position) as usize);
        out[..count].copy_from_slice(&from[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Repeated {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(at) = to else { return Err(io::ErrorKind::Unsupported.into()) };
        self.position = at.min(self.size);
        Ok(self.position)
    }
}

/// Reads a file to its end: how many fragments it gave, how it ended, and the most memory that took.
fn read(file: Repeated) -> (usize, Result<(), Error>, usize) {
    let fragments = Cell::new(0);
    let all = || {
        let size = file.size;
        for fragment in media_file::open(file, size, "file")? {
            fragment?;
            fragments.set(fragments.get() + 1);
        }
        Ok(())
    };
    let (outcome, taken) = allocator::counted(all);
    (fragments.get(), outcome, taken.peak)
}

/// A box of MP4.
fn mp4_box(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
}

/// The `moov` of a file with sound in MP3, whose tables are these boxes.
fn moov(tables: &[Vec<u8>]) -> Vec<u8> {
    let number = |number: u32| number.to_be_bytes();
    let mvhd = mp4_box(b"mvhd", &[&[0; 12][..], &number(1000), &[0; 84]].concat());
    let tkhd = mp4_box(b"tkhd", &[&[0; 12][..], &number(1), &[0; 68]].concat());
    let mdhd = mp4_box(b"mdhd", &[&[0; 12][..], &number(44_100), &[0; 8]].concat());
    let hdlr = mp4_box(b"hdlr", &[&[0; 8][..], b"soun", &[0; 13]].concat());
    let entry =
        [&[0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 8], &[0, 2, 0, 16, 0, 0, 0, 0], &number(44_100 << 16)].concat();
    let stsd = mp4_box(b"stsd", &[&number(0)[..], &number(1), &mp4_box(b".mp3", &entry)].concat());
    let stbl = mp4_box(b"stbl", &[vec![stsd], tables.to_vec()].concat().concat());
    let mdia = mp4_box(b"mdia", &[mdhd, hdlr, mp4_box(b"minf", &stbl)].concat());
    mp4_box(b"moov", &[mvhd, mp4_box(b"trak", &[tkhd, mdia].concat())].concat())
}

/// A full box of numbers.
fn table(kind: &[u8; 4], numbers: &[u32]) -> Vec<u8> {
    let numbers: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
    mp4_box(kind, &[&[0; 4][..], &numbers].concat())
}

#[test]
fn a_long_file_takes_no_more_than_a_short_one() {
    let mut frame = vec![0xff, 0xfb, 0x90, 0x00];
    frame.resize(417, 0);
    let peaks = [2 * MIB, 40 * MIB].map(|size| {
        let (fragments, outcome, peak) = read(Repeated::new(&frame, &frame, size));
        outcome.unwrap();
        assert!(fragments as u64 >= size / (200 << 10), "{fragments} fragments");
        peak
    });
    assert!(peaks[1] < peaks[0] + (1 << 20) && peaks[1] < 8 << 20, "{peaks:?}");
}

#[test]
fn samples_of_one_byte_take_a_bounded_amount() {
    const SAMPLES: u32 = 1 << 20;
    let tables = [
        table(b"stts", &[1, u32::MAX, 0]),
        table(b"stsc", &[1, 1, u32::MAX, 1]),
        table(b"stsz", &[1, u32::MAX]),
        table(b"stco", &[1, 4096]),
    ];
    let head = [mp4_box(b"ftyp", b"isom\0\0\0\0"), moov(&tables)].concat();
    let (_, outcome, peak) = read(Repeated::new(&head, &[0], SAMPLES.into()));
    assert!(peak < BOUND_BYTES, "{peak} bytes, {outcome:?}");
}

#[test]
fn samples_that_share_bytes_are_given_once() {
    let places: Vec<u32> = std::iter::once(1 << 20).chain(std::iter::repeat_n(4096, 1 << 20)).collect();
    let tables = [
        table(b"stts", &[1, u32::MAX, 1152]),
        table(b"stsc", &[1, 1, 1, 1]),
        table(b"stsz", &[60_000, u32::MAX]),
        table(b"stco", &places),
    ];
    let head = [mp4_box(b"ftyp", b"isom\0\0\0\0"), moov(&tables)].concat();
    let (fragments, outcome, peak) = read(Repeated::new(&head, &[0], 5 * MIB));
    assert!(outcome.is_ok() && fragments < 10 && peak < BOUND_BYTES, "{fragments} fragments, {peak} bytes");
}

#[test]
fn huge_headers_are_refused_before_they_are_read() {
    let ftyp = mp4_box(b"ftyp", b"isom\0\0\0\0");
    let moov_of = |bytes: u32| [&ftyp[..], &bytes.to_be_bytes(), b"moov"].concat();
    let ebml = b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff";
    for (what, head) in [
        ("index", moov_of(1 << 30)),
        ("Tracks", [&ebml[..], b"\x16\x54\xae\x6b\x08\x10\0\0\0"].concat()),
        ("pictures", [&b"fLaC\0\0\0\x22\x10\0\x10\0\0\0\0\0\0\0\x0a\xc4\x42\xf0"[..], &[0; 20]].concat()),
    ] {
        // Metadata blocks of 16 MiB, for FLAC.
        let mut piece = vec![0; 0xff_ffff + 4];
        piece[..4].copy_from_slice(&[6, 0xff, 0xff, 0xff]);
        let (_, outcome, peak) = read(Repeated::new(&head, &piece, 1 << 30));
        assert!(outcome.is_err() && peak < BOUND_BYTES, "{what}: {outcome:?}, {peak} bytes");
    }
}

#[test]
fn a_video_without_keyframes_is_refused_where_it_gets_too_large() {
    // One keyframe of VP9, then pictures of 1 MiB.
    let head = b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff\
        \x16\x54\xae\x6b\x97\xae\x95\xd7\x81\x01\x83\x81\x01\x86\x85V_VP9\xe0\x86\xb0\x81\x40\xba\x81\x20\
        \x1f\x43\xb6\x75\x01\xff\xff\xff\xff\xff\xff\xff\xe7\x81\x00\
        \xa3\x8d\x81\0\0\x80\x82\x49\x83\x42\x00\x03\xf0\x01\xf0";
    let mut block = vec![0xa3, 0x10, 0x10, 0, 4, 0x81, 0, 0, 0, 0x86];
    block.resize(6 + 4 + (1 << 20) - 1, 0);
    let (_, outcome, peak) = read(Repeated::new(head, &block, 256 * MIB));
    assert!(matches!(outcome, Err(Error::TooLarge { .. })), "{outcome:?}");
    assert!(peak < 64 << 20, "{peak} bytes");
}

#[test]
fn what_is_no_file_at_all_is_refused_at_once() {
    for piece in [&[0xff][..], &[0], b"ID3\x04\0\0\0\0\0\0", b"OggS"] {
        let (_, outcome, peak) = read(Repeated::new(&[], piece, 64 * MIB));
        assert!(outcome.is_err() && peak < 48 << 20, "{piece:x?}: {outcome:?}, {peak} bytes");
    }
    assert!(media_file::open(Cursor::new(Vec::new()), 0, "nothing").is_err());
}
