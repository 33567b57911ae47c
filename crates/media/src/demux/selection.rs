//! Which tracks of an input are read.

use super::refusal::{self, check_tracks};
use crate::{Error, Track};

/// Where an input comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Origin {
    /// A recorder: every track is forwarded, or the take is refused.
    #[default]
    Recorder,
    /// A file: its first video and its first audio track that players take are read; subtitles and the like are not.
    File,
}

/// Takes the tracks of an input one by one.
#[derive(Debug)]
pub(super) struct Selection<T> {
    origin: Origin,
    chosen: Vec<T>,
    /// Why a video and why an audio track was left out.
    refused: [Option<Error>; 2],
    seen: usize,
}

/// The most tracks of a file: films have subtitles in many languages.
const MAX_FILE_TRACKS: usize = 128;

impl<T: AsRef<Track>> Selection<T> {
    pub(super) fn new(origin: Origin) -> Self {
        Self { origin, chosen: Vec::new(), refused: [None, None], seen: 0 }
    }

    /// Takes the next track or why it cannot be read; `is_video` is `None` for what is neither video nor audio.
    pub(super) fn add(&mut self, is_video: Option<bool>, track: Result<T, Error>) -> Result<(), Error> {
        self.seen += 1;
        match self.origin {
            Origin::Recorder => {
                self.chosen.push(track?);
                check_tracks(self.chosen.len())
            }
            Origin::File if self.seen > MAX_FILE_TRACKS => Err(refusal::too_many_tracks(MAX_FILE_TRACKS)),
            Origin::File => self.add_of_file(is_video, track),
        }
    }

    fn add_of_file(&mut self, is_video: Option<bool>, track: Result<T, Error>) -> Result<(), Error> {
        let Some(is_video) = is_video else { return Ok(()) };
        match track {
            Ok(track) if !self.has(is_video) => self.chosen.push(track),
            Ok(_) => {}
            Err(refusal @ Error::Unsupported(_)) => {
                self.refused[usize::from(is_video)].get_or_insert(refusal);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn has(&self, is_video: bool) -> bool {
        self.chosen.iter().any(|chosen| chosen.as_ref().is_video() == is_video)
    }

    /// Those chosen. `Unsupported` where players take no track of a kind that there is, or the input has neither kind.
    pub(super) fn finish(mut self) -> Result<Vec<T>, Error> {
        for is_video in [true, false] {
            if !self.has(is_video)
                && let Some(refusal) = self.refused[usize::from(is_video)].take()
            {
                return Err(refusal);
            }
        }
        Ok(self.chosen)
    }
}
