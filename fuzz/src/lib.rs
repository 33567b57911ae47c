//! What holds for any bytes in every parser that meets the network.
//!
//! A target is a function that panics where a promise is broken. `tests/corpus.rs` runs all of them on the inputs in `corpus/` and
//! `regressions/` and on mutants of them; `make fuzz` runs each under libFuzzer.

#![allow(clippy::missing_panics_doc, reason = "a broken promise is a panic here")]

mod api;
mod http;
mod media;
mod media_file;
mod node;
mod protocol;

/// A parser under test.
pub struct Target {
    /// Its name, and that of its folders of inputs.
    pub name: &'static str,
    /// Reads any bytes; panics where a promise is broken.
    pub check: fn(&[u8]),
}

const fn target(name: &'static str, check: fn(&[u8])) -> Target {
    Target { name, check }
}

/// All of them.
pub const TARGETS: &[Target] = &[
    // What broadcasters send.
    target("webm_demux", media::webm_demux),
    target("fmp4_demux", media::fmp4_demux),
    target("take", media::take),
    target("codecs", media::codecs),
    target("mime", media::mime),
    // What viewers, broadcasters and other nodes send to a node.
    target("ws_client", node::ws_client),
    target("ws_request", node::ws_request),
    target("relay_link", node::relay_link),
    target("bare_frames", media::bare_frames),
    target("message", protocol::message),
    target("node_http", node::http),
    target("library_request", cdn::fuzzing::library_request),
    // What anybody sends to a main server.
    target("api", api::http),
    target("forwarded", serving::fuzz_forwarded),
    target("headers", main_server::fuzzing::headers),
    target("picture", main_server::fuzzing::picture),
    target("json", protocol::json),
    target("grant", protocol::grant),
    target("title", protocol::title),
    target("party", main_server::fuzzing::party),
    target("media_file", media_file::read),
    // What main servers read from each other, from the store and from backups.
    target("gossip", main_server::fuzzing::gossip),
    target("records", main_server::fuzzing::records),
    target("backup", main_server::fuzzing::backup),
];
