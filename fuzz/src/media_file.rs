//! Uploaded files: the crate `media-file`.
//!
//! Nothing panics; fragments follow each other; what is read and given is in proportion to the file.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// What `media_file` lets be read of a file: headers and samples are read apart, each through windows that may hold more than is
/// needed, and the tags of a file with much garbage in small steps.
const READS_OF_A_FILE: u64 = 8;
const READ_BYTES: u64 = 32 << 20;

/// What a container takes for a frame of a byte, in two formats.
const GIVEN_OF_A_FILE: usize = 48;
const GIVEN_BYTES: usize = 64 << 10;

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

/// Any bytes as a file.
pub(crate) fn read(input: &[u8]) {
    let (size, read) = (input.len() as u64, Arc::new(AtomicU64::new(0)));
    let reader = Counting { bytes: Cursor::new(input.to_vec()), read: Arc::clone(&read) };
    if let Ok(file) = media_file::open(reader, size, "file") {
        let formats = file.formats().len();
        let (mut end_ms, mut given) = (0, 0);
        for fragment in file.map_while(Result::ok) {
            assert_eq!(fragment.start_ms, end_ms, "fragments follow each other");
            assert_eq!(fragment.media.len(), formats, "every format has the fragment");
            end_ms += fragment.duration_ms;
            given += fragment.media.iter().map(|media| media.len()).sum::<usize>();
        }
        assert!(given <= GIVEN_OF_A_FILE * input.len() + GIVEN_BYTES, "gave {given} bytes of {size}");
    }
    let read = read.load(Relaxed);
    assert!(read <= READS_OF_A_FILE * size + READ_BYTES, "read {read} bytes of {size}");
}
