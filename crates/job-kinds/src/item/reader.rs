//! Reads media as a file, one blob at a time.
//!
//! `media-file` needs a reader without borrows, but the tools of a task are borrowed. So a scoped thread with the tools reads the blobs
//! that the reader asks for.
//!
//! ```text
//! Reader ── number of a part ──► thread with the tools
//!        ◄── its bytes ─────────
//! ```

use std::{
    io::{self, Read, Seek, SeekFrom},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use bytes::Bytes;

use super::Media;
use crate::{Failed, Tools, threads::spawn};

/// Calls `read` with a reader of the media. If a blob cannot be read, returns that failure instead of the result of `read`.
pub(crate) fn with_reader<T>(
    media: &Media,
    tools: &Tools<'_>,
    read: impl FnOnce(Reader) -> Result<T, Failed>,
) -> Result<T, Failed> {
    let (ask, asked) = channel();
    let (answer, answers) = channel();
    let reader = Reader { ends: ends(media), ask, answers, part: None, position: 0 };
    thread::scope(|scope| {
        let serving = spawn(scope, || serve(media, tools, asked, answer))?;
        // The reader is dropped with `read`, which ends the thread.
        let result = read(reader);
        let failed = serving.join().unwrap_or_else(|_| Some(Failed::again("reading the item failed")));
        failed.map_or(result, Err)
    })
}

/// Where each part ends.
fn ends(media: &Media) -> Vec<u64> {
    let mut end = 0_u64;
    let ends = media.parts.iter().map(|part| {
        end = end.saturating_add(part.bytes());
        end
    });
    ends.collect()
}

/// Reads parts until the reader is dropped; returns the first failure.
fn serve(
    media: &Media,
    tools: &Tools<'_>,
    asked: Receiver<usize>,
    answer: Sender<Option<Bytes>>,
) -> Option<Failed> {
    let mut failed = None;
    for part in asked {
        let content = media.parts.get(part).map(|part| part.read(tools)).transpose();
        let content = content.unwrap_or_else(|failure| {
            failed.get_or_insert(failure);
            None
        });
        if answer.send(content).is_err() {
            break;
        }
    }
    failed
}

/// See the [module](self).
pub(crate) struct Reader {
    ends: Vec<u64>,
    ask: Sender<usize>,
    answers: Receiver<Option<Bytes>>,
    /// The part that was read last, and its number.
    part: Option<(usize, Bytes)>,
    position: u64,
}

impl Reader {
    fn part(&mut self, number: usize) -> io::Result<Bytes> {
        if let Some((read, content)) = &self.part
            && *read == number
        {
            return Ok(content.clone());
        }
        // Drop the previous part first, so that memory never holds two.
        self.part = None;
        let gone = || io::Error::other("the blob cannot be read");
        self.ask.send(number).map_err(|_| gone())?;
        let content = self.answers.recv().ok().flatten().ok_or_else(gone)?;
        self.part = Some((number, content.clone()));
        Ok(content)
    }
}

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let number = self.ends.partition_point(|&end| end <= self.position);
        if number == self.ends.len() || out.is_empty() {
            return Ok(0);
        }
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        let content = self.part(number)?;
        let at = usize::try_from(self.position - start).unwrap_or(usize::MAX);
        let rest = content.get(at..).unwrap_or_default();
        let read = rest.len().min(out.len());
        out[..read].copy_from_slice(&rest[..read]);
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let end = self.ends.last().copied().unwrap_or(0);
        let position = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => end.checked_add_signed(by),
        };
        self.position = position.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}
