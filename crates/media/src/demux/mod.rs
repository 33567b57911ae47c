//! Bytes cut anywhere in, tracks and packets out, whatever the container.

pub mod fmp4;
pub mod frames;
mod input;
mod mime;
mod refusal;
mod selection;
pub mod webm;

use bytes::Bytes;

use crate::{Error, Packet, Track};
use input::Input;
use mime::Container;
pub(crate) use mime::container;

/// What a demuxer pulls out of the bytes pushed into it.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The take's tracks; once, before every packet.
    Tracks(Vec<Track>),
    /// The next packet, in the order of the input.
    Packet(Packet),
}

/// Push bytes cut anywhere, reveal them, pull events until `None`.
#[derive(Debug)]
pub(crate) enum Demuxer {
    WebM(Box<webm::Demuxer>),
    Fmp4(Box<fmp4::Demuxer>),
}

impl Demuxer {
    pub(crate) fn new(container: Container) -> Self {
        match container {
            Container::WebM => Self::WebM(Box::default()),
            Container::Fmp4 => Self::Fmp4(Box::default()),
        }
    }

    /// Begins anew, without anything that was pushed.
    pub(crate) fn reset(&mut self) {
        *self = match self {
            Self::WebM(_) => Self::WebM(Box::default()),
            Self::Fmp4(_) => Self::Fmp4(Box::default()),
        };
    }

    fn input(&mut self) -> &mut Input {
        match self {
            Self::WebM(demuxer) => demuxer.input(),
            Self::Fmp4(demuxer) => demuxer.input(),
        }
    }

    /// Adds the next bytes, of which nothing is read before [`Self::reveal`].
    pub(crate) fn push(&mut self, bytes: Bytes) {
        self.input().push(bytes);
    }

    /// Lets so many more bytes of what was pushed be read, at most all; says how many.
    pub(crate) fn reveal(&mut self, bytes: usize) -> usize {
        self.input().reveal(bytes)
    }

    /// Takes a whole piece of input that leaves the pending element incomplete; says whether it did.
    pub(crate) fn extend_incomplete(&mut self, piece: &[u8]) -> bool {
        self.input().extend_incomplete(piece)
    }

    /// Stops keeping the memory of what was pushed, all of which has to be revealed.
    pub(crate) fn detach(&mut self) {
        self.input().detach();
    }

    pub(crate) fn next_event(&mut self) -> Result<Option<Event>, Error> {
        match self {
            Self::WebM(demuxer) => demuxer.next_event(),
            Self::Fmp4(demuxer) => demuxer.next_event(),
        }
    }

    /// How much was read so far; see the demuxers' own.
    pub(crate) fn steps(&self) -> u64 {
        match self {
            Self::WebM(demuxer) => demuxer.steps(),
            Self::Fmp4(demuxer) => demuxer.steps(),
        }
    }

    /// Bytes which, pushed into a new demuxer, bring it to this one's state, giving the tracks again and no frame. `None`
    /// where more than `limit` bytes are pending.
    pub(crate) fn resume_prefix(&self, limit: usize) -> Option<Vec<u8>> {
        match self {
            Self::WebM(demuxer) => demuxer.resume_prefix(limit),
            Self::Fmp4(demuxer) => demuxer.resume_prefix(limit),
        }
    }
}
