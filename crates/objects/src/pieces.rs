//! Blobs in pieces, for readers that take them slowly: such a reader holds one piece, and not the blob.

use bytes::Bytes;
use futures_util::{Stream, stream};

use crate::{Error, Hash, Objects};

/// Most bytes of a piece.
pub const PIECE_BYTES: u64 = 256 << 10;

impl Objects {
    /// A blob, which has so many `bytes`, in pieces of [`PIECE_BYTES`]. Each is read when it is asked for. The last one comes only if all of
    /// them together are what the name stands for. The first error ends the pieces.
    ///
    /// The stream's errors are those of [`Self::get`].
    pub fn pieces(&self, hash: Hash, bytes: u64) -> impl Stream<Item = Result<Bytes, Error>> + Send + use<> {
        let objects = self.clone();
        stream::try_unfold((0, blake3::Hasher::new()), move |(begin, mut hasher)| {
            let objects = objects.clone();
            async move {
                if begin >= bytes {
                    return Ok(None);
                }
                let end = bytes.min(begin + PIECE_BYTES);
                let piece = objects.get(&hash, Some(begin..end)).await?;
                hasher.update(&piece);
                if end == bytes && Hash::from(hasher.finalize()) != hash {
                    return Err(Error::Damaged(hash.to_string()));
                }
                Ok(Some((piece, (end, hasher))))
            }
        })
    }
}
