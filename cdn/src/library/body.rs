//! The body of an answer with media: reads the blobs of its content one after another as the client takes them.
//!
//! Blobs that are files on this machine are sent from there, if the client's connection can do that: see [`files`](super::files). All others are
//! read. While the client takes nothing, the body holds at most one piece of a blob (see [`PIECE_BYTES`](super::blob::PIECE_BYTES)): a larger blob
//! is held by the cache alone, and read again piece by piece if the cache dropped it. Bytes are counted as the node's egress when the
//! connection takes them, so that placement sees them. A body that can always go on yields now and then to others on its thread.

use std::{
    collections::VecDeque,
    future::Future,
    ops::Range,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, SizeHint};
use media::Edit;
use objects::Hash;
use per_address::Share;

use super::{
    blob::{PIECE_BYTES, Pieces},
    blobs::Blobs,
    content::{Part, Slice},
    files::{SendFiles, SentFile},
    refusal::Refusal,
};
use crate::metrics::Metrics;

/// Bytes after which others on the same thread have their turn.
const TURN_BYTES: usize = 2 << 20;

/// What is on its way from the cache or the disk.
enum Arrival {
    Whole(Arc<Pieces>),
    Range(Bytes),
    File(SentFile),
}

type Arriving = Pin<Box<dyn Future<Output = Result<Arrival, Refusal>> + Send>>;

/// Where the bytes of the first slice are.
enum Source {
    /// Nothing was read yet.
    Unread,
    Arriving(Arriving),
    /// The blob, held; it is small, or was not used yet.
    Held(Arc<Pieces>),
    /// The blob as long as the cache has it.
    Cached(Weak<Pieces>),
    /// The next bytes of a blob that the cache dropped.
    Window(Bytes),
    /// The blob's file.
    File(SentFile),
}

impl From<Arrival> for Source {
    fn from(arrival: Arrival) -> Self {
        match arrival {
            Arrival::Whole(blob) => Self::Held(blob),
            Arrival::Range(window) => Self::Window(window),
            Arrival::File(file) => Self::File(file),
        }
    }
}

/// See the [module](self).
pub(super) struct MediaBody {
    slices: VecDeque<Slice>,
    source: Source,
    left: u64,
    /// What to change in the blob of the first slice, once it was read.
    edits: Vec<Edit>,
    /// Since others had their turn.
    turn: usize,
    blobs: Arc<Blobs>,
    /// None if the bytes of blobs are needed: they are changed, or encrypted.
    pub(super) files: Option<SendFiles>,
    metrics: Arc<Metrics>,
    _place: Share,
}

impl MediaBody {
    /// A body of `slices`, which is one of the answers that `place` bounds.
    pub(super) fn new(
        slices: VecDeque<Slice>,
        blobs: Arc<Blobs>,
        metrics: Arc<Metrics>,
        place: Share,
    ) -> Self {
        let left = slices.iter().map(|slice| slice.range.end - slice.range.start).sum();
        Self {
            slices,
            source: Source::Unread,
            left,
            edits: Vec::new(),
            turn: 0,
            blobs,
            files: None,
            metrics,
            _place: place,
        }
    }

    /// Reads what is needed first, so that a failure becomes an answer of its own.
    pub(super) async fn begin(&mut self) -> Result<(), Refusal> {
        if let Some(Slice { part: Part::Blob { hash, bytes, shift }, .. }) = self.slices.front() {
            let arrival = self.read(*hash, *bytes, shift.is_some()).await?;
            self.arrived(arrival)?;
        }
        Ok(())
    }

    /// The blob of the first slice, or the next part of it, was read.
    fn arrived(&mut self, arrival: Arrival) -> Result<(), Refusal> {
        if let Arrival::Whole(blob) = &arrival {
            self.edits = self.edits_of(blob)?;
        }
        self.source = arrival.into();
        Ok(())
    }

    /// What to change in the blob of the first slice.
    fn edits_of(&self, blob: &Pieces) -> Result<Vec<Edit>, Refusal> {
        let Some(Slice { part: Part::Blob { hash, shift: Some(shift), .. }, .. }) = self.slices.front()
        else {
            return Ok(Vec::new());
        };
        shift.edits(&blob.whole()).map_err(|error| {
            tracing::error!(blob = %hash, %error, "a fragment cannot be shifted in time");
            Refusal::unsupported("the takes of the item cannot be joined in one file")
        })
    }

    /// The next bytes of the first slice, as many as can be had at once.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Refusal>>> {
        loop {
            let Some(Slice { part, range }) = self.slices.front() else { return Poll::Ready(None) };
            let (hash, bytes, is_changed) = match part {
                Part::Made(made) => {
                    let at = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(made.len());
                    let end = range.end.min(range.start + PIECE_BYTES as u64);
                    return Poll::Ready(Some(Ok(made.slice(at(range.start)..at(end)))));
                }
                Part::Blob { hash, bytes, shift } => (*hash, *bytes, shift.is_some()),
            };
            let range = range.clone();
            match &mut self.source {
                Source::Held(blob) => {
                    let piece = blob.at(range);
                    if !blob.is_small() {
                        self.source = Source::Cached(Arc::downgrade(blob));
                    }
                    return Poll::Ready(Some(Ok(piece)));
                }
                Source::Cached(blob) => match blob.upgrade() {
                    Some(blob) => return Poll::Ready(Some(Ok(blob.at(range)))),
                    None => self.source = Source::Arriving(self.read_range(hash, range)),
                },
                Source::Window(window) => return Poll::Ready(Some(Ok(window.clone()))),
                Source::File(file) => {
                    let end = range.end.min(range.start + PIECE_BYTES as u64);
                    return Poll::Ready(Some(Ok(file.frame(range.start, end))));
                }
                Source::Unread => self.source = Source::Arriving(self.read(hash, bytes, is_changed)),
                Source::Arriving(arriving) => match ready!(arriving.as_mut().poll(cx)) {
                    Ok(arrival) => {
                        if let Err(refusal) = self.arrived(arrival) {
                            return Poll::Ready(Some(Err(refusal)));
                        }
                    }
                    Err(refusal) => return Poll::Ready(Some(Err(refusal))),
                },
            }
        }
    }

    /// Finds a blob: its file, unless its bytes `are_changed`, or else all of it.
    fn read(&self, hash: Hash, bytes: u64, are_changed: bool) -> Arriving {
        let (blobs, files) = (self.blobs.clone(), self.files.clone().filter(|_| !are_changed));
        Box::pin(async move {
            if let Some(files) = files
                && let Some(file) = files.get(hash, bytes).await?
            {
                return Ok(Arrival::File(file));
            }
            blobs.get(hash, bytes).await.map(Arrival::Whole)
        })
    }

    /// At most a piece: the rest is in the cache again by then, or read in turn.
    fn read_range(&self, hash: Hash, range: Range<u64>) -> Arriving {
        let (blobs, end) = (self.blobs.clone(), range.end.min(range.start + PIECE_BYTES as u64));
        Box::pin(async move { blobs.range(hash, range.start..end).await.map(Arrival::Range) })
    }

    /// So many bytes of the first slice were taken.
    fn advance(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes as u64);
        self.turn += bytes;
        self.metrics.egress_bytes.add(bytes as u64);
        self.metrics.library_bytes.add(bytes as u64);
        if let Source::Window(_) = self.source {
            self.source = Source::Cached(Weak::new());
        }
        let Some(slice) = self.slices.front_mut() else { return };
        slice.range.start += bytes as u64;
        if slice.range.is_empty() {
            self.slices.pop_front();
            self.source = Source::Unread;
            self.edits.clear();
        }
    }
}

/// `piece`, which begins at `begins` in its blob, with the edits that reach into it; copied if there are any.
fn edited(piece: Bytes, begins: u64, edits: &[Edit]) -> Bytes {
    let ends = begins + piece.len() as u64;
    let span = |edit: &Edit| (edit.at as u64, (edit.at + edit.bytes().len()) as u64);
    let mut reaching = edits.iter().filter(|edit| span(edit).0 < ends && span(edit).1 > begins).peekable();
    if reaching.peek().is_none() {
        return piece;
    }
    let mut copy = BytesMut::from(&piece[..]);
    for edit in reaching {
        let (start, end) = span(edit);
        for (at, byte) in (start..end).zip(edit.bytes()) {
            // One that reaches over the end of a piece is done in both.
            if let Some(place) = at.checked_sub(begins).and_then(|at| copy.get_mut(usize::try_from(at).ok()?))
            {
                *place = *byte;
            }
        }
    }
    copy.freeze()
}

impl Body for MediaBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if this.turn >= TURN_BYTES {
            this.turn = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = match ready!(this.poll_piece(cx)) {
            None => return Poll::Ready(None),
            Some(Ok(piece)) if !piece.is_empty() => piece,
            // A blob with less bytes than its manifest says does not pass the cache; nothing else gives an empty piece.
            Some(Ok(_)) => return Poll::Ready(Some(Err(std::io::ErrorKind::UnexpectedEof.into()))),
            Some(Err(refusal)) => {
                this.slices.clear();
                return Poll::Ready(Some(Err(std::io::Error::other(format!("{:?}", refusal.code())))));
            }
        };
        let begins = this.slices.front().map_or(0, |slice| slice.range.start);
        let piece = edited(piece, begins, &this.edits);
        this.advance(piece.len());
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.slices.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use per_address::Shares;

    use super::{
        super::{blobs::fake::FakeStore, content::Content},
        *,
    };
    use crate::lock::lock;

    fn large() -> Bytes {
        (0..PIECE_BYTES * 4 + 5).map(|at| (at % 253) as u8).collect()
    }

    fn body(store: &Arc<FakeStore>, cache_bytes: u64, content: Content, range: Range<u64>) -> MediaBody {
        let metrics = Arc::<Metrics>::default();
        let blobs = Blobs::new(store.clone(), None, cache_bytes, metrics.clone());
        let place = Shares::new(1, None).take(None).unwrap();
        MediaBody::new(content.slices(range), blobs, metrics, place)
    }

    fn part(bytes: &Bytes) -> Part {
        Part::Blob { hash: Hash::of(bytes), bytes: bytes.len() as u64, shift: None }
    }

    async fn next(body: &mut MediaBody) -> Option<std::io::Result<Bytes>> {
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
        Some(frame.map(|frame| frame.into_data().unwrap()))
    }

    async fn all(body: &mut MediaBody) -> Vec<u8> {
        let mut read = Vec::new();
        while let Some(piece) = next(body).await {
            let (hint, piece) = (body.size_hint().exact().unwrap(), piece.unwrap());
            assert!(!piece.is_empty() && piece.len() <= PIECE_BYTES && (hint == 0) == body.is_end_stream());
            read.extend_from_slice(&piece);
        }
        read
    }

    #[tokio::test]
    async fn a_range_over_several_parts_is_read_as_it_is() {
        let (large, small) = (large(), Bytes::from_static(b"small"));
        let store = FakeStore::of([large.clone(), small.clone()]);
        let parts = [Part::Made(Bytes::from_static(b"made")), part(&small), part(&large), part(&small)];
        let whole = [&b"made"[..], &small, &large, &small].concat();
        for range in [0..whole.len(), 2..7, 4..9, 9..whole.len() - 5, 600_000..600_001] {
            let content = Content::of(parts.clone());
            let mut body = body(&store, 100_000_000, content, range.start as u64..range.end as u64);
            body.begin().await.unwrap();
            assert_eq!(all(&mut body).await, whole[range]);
            assert_eq!(body.metrics.egress_bytes.get(), body.metrics.library_bytes.get());
        }
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_holds_one_piece_and_goes_on_where_it_was() {
        let large = large();
        let store = FakeStore::of([large.clone()]);
        let mut body = body(&store, 0, Content::of([part(&large)]), 0..large.len() as u64);
        body.begin().await.unwrap();
        let first = next(&mut body).await.unwrap().unwrap();
        assert_eq!(first.len(), PIECE_BYTES);
        let Source::Cached(blob) = &body.source else { panic!("it is not held") };
        assert_eq!(blob.strong_count(), 0);
        let rest = all(&mut body).await;
        assert_eq!([&first[..], &rest].concat(), large);
        let reads = std::mem::take(&mut *lock(&store.reads));
        let bytes: u64 = reads[1..]
            .iter()
            .map(|(_, range)| range.clone().map_or(0, |range| range.end - range.start))
            .sum();
        assert_eq!(bytes, (large.len() - PIECE_BYTES) as u64, "nothing is read twice");
    }

    #[tokio::test]
    async fn a_failure_in_the_middle_ends_the_body_with_an_error() {
        let (large, missing) = (large(), Bytes::from_static(b"missing"));
        let store = FakeStore::of([large.clone()]);
        let mut body =
            body(&store, 100_000_000, Content::of([part(&large), part(&missing)]), 0..large.len() as u64 + 7);
        body.begin().await.unwrap();
        let mut read = 0;
        let error = loop {
            match next(&mut body).await.unwrap() {
                Ok(piece) => read += piece.len(),
                Err(error) => break error,
            }
        };
        assert_eq!((read, error.to_string()), (large.len(), "UnknownBlob".to_owned()));
        assert!(next(&mut body).await.is_none());
    }

    #[tokio::test]
    async fn a_body_that_can_always_go_on_yields() {
        let large = large();
        let store = FakeStore::of([large.clone()]);
        let content = Content::of((0..4).map(|_| part(&large)));
        let mut body = body(&store, 100_000_000, content, 0..4 * large.len() as u64);
        body.begin().await.unwrap();
        let (mut pieces, mut pauses) = (0, 0);
        while !body.is_end_stream() {
            match futures_util::poll!(poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))) {
                Poll::Ready(_) => pieces += 1,
                Poll::Pending => pauses += 1,
            }
        }
        assert_eq!(pieces, 20);
        assert!(pauses >= 3, "one after each 2 MiB: {pauses}");
    }
}
