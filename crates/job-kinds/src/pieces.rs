//! Stores a file as a list of blobs, each of at most [`PIECE_BYTES`].

use bytes::{Bytes, BytesMut};
use protocol::item::Blob;

use crate::{Failed, Tools, blobs::put_json};

/// The most bytes of a blob.
pub(crate) const PIECE_BYTES: usize = 16 << 20;

/// Stores the bytes of a file as they are pushed. It holds at most one blob.
pub(crate) struct Pieces<'a> {
    tools: Tools<'a>,
    blobs: Vec<Blob>,
    pending: BytesMut,
    bytes: u64,
}

impl<'a> Pieces<'a> {
    pub(crate) fn new(tools: &Tools<'a>) -> Self {
        Self { tools: *tools, blobs: Vec::new(), pending: BytesMut::new(), bytes: 0 }
    }

    /// Appends bytes.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Result<(), Failed> {
        self.bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PIECE_BYTES - self.pending.len()));
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.pending.len() == PIECE_BYTES {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Stores the rest, and `head` as the start of the file. Returns a blob with the list of all blobs, and the size of the file.
    pub(crate) fn finish(mut self, head: Bytes) -> Result<(Blob, u64), Failed> {
        self.flush()?;
        let mut all = Vec::with_capacity(self.blobs.len() + 1);
        let bytes = self.bytes + head.len() as u64;
        if !head.is_empty() {
            all.push(self.tools.blobs.put(head)?);
        }
        all.append(&mut self.blobs);
        Ok((put_json(&all, &self.tools)?, bytes))
    }

    fn flush(&mut self) -> Result<(), Failed> {
        if !self.pending.is_empty() {
            let piece = self.pending.split().freeze();
            self.blobs.push(self.tools.blobs.put(piece)?);
        }
        Ok(())
    }
}
