//! Reads an upload as a file, from its parts in the object store.
//!
//! It blocks, so it belongs on a thread of its own. A few parts are kept, because readers of some formats go back and forth
//! between two places of a file. What is fetched in all is bounded by the file's size.

use std::{
    collections::VecDeque,
    io::{self, Read, Seek, SeekFrom},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::uploads::{
    parts::Parts,
    record::{Key, Part},
};

/// Parts that are kept.
const KEPT: usize = 4;
/// How often the file's size may be fetched in all; files with sound and pictures apart from each other need more than once.
const MOST_FETCHED: u64 = 8;
/// What may be fetched besides: parts are fetched whole.
const FETCHED_BESIDES: u64 = 64 << 20;

/// Where parts come from.
pub(super) trait Fetch: Send {
    /// The bytes of a part.
    ///
    /// # Errors
    /// Says why they cannot be had.
    fn fetch(&self, part: Part) -> io::Result<Bytes>;
}

/// Fetches from the object store.
pub(super) struct FromStore {
    pub(super) parts: Parts,
    pub(super) key: Key,
    pub(super) runtime: Handle,
    /// Nobody waits for the file any more.
    pub(super) cancelled: CancellationToken,
}

impl Fetch for FromStore {
    fn fetch(&self, part: Part) -> io::Result<Bytes> {
        if let Some(bytes) = self.parts.read(&self.key, part).filter(|_| !self.cancelled.is_cancelled()) {
            return Ok(bytes);
        }
        let fetched =
            self.runtime.block_on(self.cancelled.run_until_cancelled(self.parts.get(&self.key, part)));
        fetched.ok_or_else(|| io::Error::other("cancelled"))?.map_err(io::Error::other)
    }
}

/// See the [module](self).
pub(super) struct PartReader<F> {
    from: F,
    parts: Arc<[Part]>,
    length: u64,
    position: u64,
    /// Bytes of parts by their index, newest last.
    kept: VecDeque<(usize, Bytes)>,
    /// How many bytes may still be fetched.
    budget: u64,
    progress: Progress,
}

/// How much of a file was read.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    read: Arc<AtomicU64>,
    length: u64,
}

impl Progress {
    /// In percent. Files are read once, from front to back but for a few places. So what was read in all tells how far the reader is.
    pub(super) fn percent(&self) -> u8 {
        let read = u128::from(self.read.load(Relaxed).min(self.length));
        u8::try_from(read * 100 / u128::from(self.length.max(1))).unwrap_or(100)
    }
}

impl<F: Fetch> PartReader<F> {
    /// The file made of these parts, from its start.
    pub(super) fn new(parts: Arc<[Part]>, from: F) -> Self {
        let length = parts.last().map_or(0, |part| part.offset + part.bytes);
        let budget = length.saturating_mul(MOST_FETCHED).saturating_add(FETCHED_BESIDES);
        let progress = Progress { read: Arc::default(), length };
        Self { from, parts, length, position: 0, kept: VecDeque::new(), budget, progress }
    }

    /// How much of it was read, now and later.
    pub(super) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    fn part(&mut self, index: usize) -> io::Result<Bytes> {
        let kept = self.kept.iter().position(|(kept, _)| *kept == index);
        let entry = match kept.and_then(|at| self.kept.remove(at)) {
            Some(entry) => entry,
            None => (index, self.fetch(self.parts[index])?),
        };
        let bytes = entry.1.clone();
        self.kept.push_back(entry);
        Ok(bytes)
    }

    fn fetch(&mut self, part: Part) -> io::Result<Bytes> {
        let too_much = || io::Error::new(io::ErrorKind::QuotaExceeded, "its parts are too scattered");
        self.budget = self.budget.checked_sub(part.bytes).ok_or_else(too_much)?;
        if self.kept.len() >= KEPT {
            self.kept.pop_front();
        }
        let bytes = self.from.fetch(part)?;
        let is_whole = bytes.len() as u64 == part.bytes;
        is_whole.then_some(bytes).ok_or_else(|| io::Error::other("a part has another size than was stored"))
    }
}

impl<F: Fetch> Read for PartReader<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.length || buffer.is_empty() {
            return Ok(0);
        }
        let index = self.parts.partition_point(|part| part.offset <= self.position) - 1;
        let within = self.position - self.parts[index].offset;
        let bytes = self.part(index)?;
        let rest = &bytes[usize::try_from(within).map_err(io::Error::other)?..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.position += count as u64;
        self.progress.read.fetch_add(count as u64, Relaxed);
        Ok(count)
    }
}

impl<F: Fetch> Seek for PartReader<F> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
        };
        let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "a position before the start");
        self.position = position.ok_or_else(invalid)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    /// Parts of a file in memory; counts what is fetched.
    struct Memory<'a>(&'a [u8], &'a AtomicUsize);

    impl Fetch for Memory<'_> {
        fn fetch(&self, part: Part) -> io::Result<Bytes> {
            self.1.fetch_add(1, Ordering::Relaxed);
            let start = part.offset as usize;
            Ok(Bytes::copy_from_slice(&self.0[start..start + part.bytes as usize]))
        }
    }

    fn parts(sizes: &[u64]) -> Arc<[Part]> {
        let offset = Cell::new(0);
        sizes
            .iter()
            .map(|&bytes| Part { writer: 1, offset: offset.replace(offset.get() + bytes), bytes })
            .collect()
    }

    #[test]
    fn a_file_is_read_across_parts_and_from_any_position() {
        let file: Vec<u8> = (0..=255).collect();
        let fetched = AtomicUsize::default();
        let mut reader = PartReader::new(parts(&[100, 1, 55, 100]), Memory(&file, &fetched));
        let (mut read, progress) = (Vec::new(), reader.progress());
        assert_eq!(progress.percent(), 0);
        (&mut reader).take(130).read_to_end(&mut read).unwrap();
        assert_eq!(progress.percent(), 50, "of 256 bytes");
        reader.read_to_end(&mut read).unwrap();
        assert_eq!((&read, progress.percent()), (&file, 100));
        for (to, expected) in
            [(SeekFrom::Start(99), 99), (SeekFrom::End(-1), 255), (SeekFrom::Current(-156), 100)]
        {
            reader.seek(to).unwrap();
            let mut byte = [0];
            reader.read_exact(&mut byte).unwrap();
            assert_eq!(byte, [expected]);
        }
        assert_eq!(fetched.load(Ordering::Relaxed), 4, "all four are kept");
        assert_eq!(progress.percent(), 100, "what is read again does not count as more");
        assert!(reader.seek(SeekFrom::Current(-300)).is_err());
        reader.seek(SeekFrom::Start(1_000)).unwrap();
        assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
    }

    #[test]
    fn nothing_was_read_of_an_empty_file() {
        let fetched = AtomicUsize::default();
        let reader = PartReader::new(parts(&[]), Memory(&[], &fetched));
        assert_eq!(reader.progress().percent(), 0);
    }

    #[test]
    fn what_is_fetched_is_bounded_by_the_size_of_the_file() {
        let file = vec![0; 6 << 20];
        let fetched = AtomicUsize::default();
        let mut reader = PartReader::new(parts(&[1 << 20; 6]), Memory(&file, &fetched));
        let mut reads = 0_u64;
        let refused = loop {
            reader.seek(SeekFrom::Start((reads % 6) << 20)).unwrap();
            match reader.read_exact(&mut [0]) {
                Ok(()) => reads += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(refused.kind(), io::ErrorKind::QuotaExceeded);
        assert_eq!(fetched.load(Ordering::Relaxed), 6 * 8 + 64);
    }
}
