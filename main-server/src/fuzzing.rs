//! What the fuzz targets call: readers of what other main servers, the store and backups hold. They panic where a promise is broken.

use std::fmt::Debug;

use store::Record;

use crate::{
    backup, blobs,
    cluster::gossip,
    jobs, library, nodes, parties,
    state::{catalogue, registry},
    streams, uploads,
};

/// Any bytes as a message of another main server, and each payload as each kind.
pub fn gossip(input: &[u8]) {
    let payloads = gossip::fuzz_payloads(input.to_vec().into());
    assert!(
        payloads.iter().map(bytes::Bytes::len).sum::<usize>() <= input.len(),
        "more than the message has"
    );
    for payload in payloads {
        gossip::fuzz_written(payload.clone());
        streams::fuzz_picture(payload.clone());
        nodes::fuzz_heartbeat(payload);
    }
}

/// Any text as each kind of record: what is read is written the same again, and merging it with itself changes nothing.
pub fn records(input: &[u8]) {
    record::<catalogue::record::Record>(input);
    record::<registry::record::Registration>(input);
    record::<library::record::Record>(input);
    record::<jobs::FuzzedRecord>(input);
    record::<parties::fuzzing::Record>(input);
}

fn record<T: Record + Debug>(input: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(input) else { return };
    let written = serde_json::to_vec(&read).expect("a record is JSON");
    let again: T = serde_json::from_slice(&written).expect("what is written is read");
    assert_eq!(again, read);
    let mut merged = read.clone();
    merged.merge(&again);
    assert_eq!(merged, read);
}

/// Any text as headers of uploads and of requests for blobs, a line each: `Upload-Metadata`, `Upload-Checksum`, `Range`.
pub fn headers(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.lines();
    let mut line = || lines.next().unwrap_or_default();
    uploads::fuzz_headers(line(), line());
    blobs::fuzz_range(line());
}

/// Any bytes as a picture: the one without metadata is clean, and no larger.
pub fn picture(input: &[u8]) {
    catalogue::picture_metadata::fuzz(input);
}

/// Any bytes as commands of members of a party, one a line.
pub fn party(input: &[u8]) {
    parties::fuzzing::commands(input);
}

/// Any bytes as a backup: what is read is written and read the same again.
pub fn backup(input: &[u8]) {
    backup::fuzz(input);
}
