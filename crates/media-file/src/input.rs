//! The bytes of a file, for readers that want to own them.

use std::{
    io::{self, Read, Seek, SeekFrom},
    sync::{Arc, Mutex, PoisonError},
};

use crate::Error;

/// What may be read of a file for its headers by a reader that keeps what it likes of them, and again for its tags.
pub(crate) const HEADER_BUDGET_BYTES: u64 = 32 << 20;

/// How often the bytes of a file may be read in all: headers and the samples of each track are read apart, through windows that may
/// hold more than is needed. A file whose index jumps to and fro costs no more.
const MOST_READ: u64 = 8;

/// What may be read besides: readers of tags go through garbage in small steps, and read it many times.
const READ_BESIDES: u64 = HEADER_BUDGET_BYTES;

/// What a file is read from.
pub(crate) trait ReadSeek: Read + Seek + Send {}
impl<R: Read + Seek + Send> ReadSeek for R {}

/// A file: a shared handle, because the readers of formats keep theirs. It starts at `start` of the bytes, before which are tags.
#[derive(Clone)]
pub(crate) struct Input {
    shared: Arc<Mutex<Shared>>,
    /// Where the next byte stands, counted from `start`.
    position: u64,
    start: u64,
    size: u64,
}

struct Shared {
    reader: Box<dyn ReadSeek>,
    /// Where the reader stands.
    position: u64,
    /// The furthest byte read.
    furthest: u64,
    /// How many bytes may still be read in all.
    left: u64,
    /// How many of them may be read for what is read now.
    budget: u64,
    /// What went wrong, which readers of formats may hide.
    failed: Option<io::Error>,
}

impl Input {
    /// All of `size` bytes.
    pub(crate) fn new(reader: Box<dyn ReadSeek>, size: u64) -> Self {
        let left = size.saturating_mul(MOST_READ).saturating_add(READ_BESIDES);
        let shared = Shared { reader, position: u64::MAX, furthest: 0, left, budget: u64::MAX, failed: None };
        Self { shared: Arc::new(Mutex::new(shared)), position: 0, start: 0, size }
    }

    /// The bytes from `start` on.
    pub(crate) fn from(&self, start: u64) -> Self {
        let start = self.start.saturating_add(start).min(self.size);
        Self { shared: Arc::clone(&self.shared), position: 0, start, size: self.size }
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> u64 {
        self.size - self.start
    }

    /// Lets so many more bytes be read; reading more fails. Bounds what readers of headers and tags allocate.
    pub(crate) fn set_budget(&self, bytes: u64) {
        self.lock().budget = bytes;
    }

    /// The furthest byte read so far, by any handle.
    pub(crate) fn furthest(&self) -> u64 {
        self.lock().furthest
    }

    /// What went wrong in reading since this was last asked.
    pub(crate) fn take_failure(&self) -> Option<Error> {
        self.lock().failed.take().map(Error::Io)
    }

    /// Reads from `at` on until `out` is full or the file ends; says how much. `Damaged` where the file was read too often.
    pub(crate) fn read_at(&mut self, at: u64, out: &mut [u8]) -> Result<usize, Error> {
        self.position = at;
        let mut filled = 0;
        while filled < out.len() {
            match self.read(&mut out[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.take_failure().unwrap_or_else(|| refused(error))),
            }
        }
        Ok(filled)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let at = self.start.saturating_add(self.position);
        let left = usize::try_from(self.size.saturating_sub(at)).unwrap_or(usize::MAX);
        let wanted = out.len().min(left);
        if wanted == 0 {
            return Ok(0);
        }
        let allowed = shared.allowed()?;
        let wanted = wanted.min(usize::try_from(allowed).unwrap_or(usize::MAX));
        let read = shared.read(at, &mut out[..wanted])?;
        self.position += read as u64;
        Ok(read)
    }
}

/// What it means that no more may be read.
fn refused(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::QuotaExceeded => Error::Damaged(error.to_string()),
        _ => Error::Io(error),
    }
}

impl Shared {
    /// How many bytes may be read now; errors where none may.
    fn allowed(&self) -> io::Result<u64> {
        match self.left.min(self.budget) {
            0 if self.left == 0 => Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                "its index is not in the order of its samples",
            )),
            0 => Err(io::Error::other("headers or tags too large")),
            allowed => Ok(allowed),
        }
    }

    fn read(&mut self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        let read = self.seek_and_read(at, out).inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                self.failed = Some(io::Error::new(error.kind(), error.to_string()));
                self.position = u64::MAX;
            }
        })?;
        self.position = at + read as u64;
        self.furthest = self.furthest.max(self.position);
        self.left -= read as u64;
        self.budget -= read as u64;
        Ok(read)
    }

    fn seek_and_read(&mut self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        if self.position != at {
            self.reader.seek(SeekFrom::Start(at))?;
        }
        self.reader.read(out)
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.len().checked_add_signed(by),
        };
        self.position = position.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_file_that_is_read_too_often_is_damaged() {
        const SIZE: u64 = 1 << 20;
        let file = Input::new(Box::new(Cursor::new(vec![0; SIZE as usize])), SIZE);
        let (mut readers, mut out) = ([file.from(0), file.from(100)], vec![0; SIZE as usize / 2]);
        let mut reads = 0;
        let refused = loop {
            match readers[reads % 2].read_at(reads as u64 % 100 * 1000, &mut out) {
                Ok(_) => reads += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, Error::Damaged(_)), "{refused}");
        let whole_reads = (SIZE * MOST_READ + READ_BESIDES) / (SIZE / 2);
        assert_eq!((reads, file.lock().left), (whole_reads as usize, 0));
    }
}
