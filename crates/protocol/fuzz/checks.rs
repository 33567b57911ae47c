//! What holds for every input of the fuzz target, and for the seeds and the cut fixtures in the crate's own tests.

use bytes::{Bytes, BytesMut};
use protocol::message::{put_head, read};

/// Any bytes are refused, or the result survives writing and reading again.
pub(crate) fn message(bytes: &[u8]) {
    let Ok((kind, data)) = read(&Bytes::copy_from_slice(bytes)) else { return };
    assert!(bytes.ends_with(&data), "the data is the message's tail");
    let mut written = BytesMut::new();
    put_head(&kind, &mut written);
    written.extend_from_slice(&data);
    assert_eq!(read(&written.freeze()), Ok((kind, data)));
}
