//! The media of an item: its manifest, and the bytes of takes that join in one file.

mod reader;

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use media::{Shift, Track, TrackKind};
use protocol::{
    export::end_ms,
    item::{Blob, Fragment, Manifest, ManifestTake},
    job::Source,
    rendition::{Rendition, renditions},
};

use crate::{
    Failed, Tools,
    blobs::{get, get_json},
    demuxer::Demuxer,
};

pub(crate) use reader::with_reader;

/// Reads the manifest of an item.
pub(crate) fn manifest(source: &Source, tools: &Tools<'_>) -> Result<Manifest, Failed> {
    get_json(&source.manifest, "the manifest of the item", tools)
}

/// When the last fragment of an item ends, in ms of the item's time; 0 without fragments.
pub(crate) fn end_of_manifest_ms(manifest: &Manifest) -> u64 {
    manifest.takes.iter().flat_map(|take| &take.fragments).map(end_ms).max().unwrap_or(0)
}

/// A take and the rendition of it that is read.
pub(crate) type Chosen<'a> = (&'a ManifestTake, Rendition<'a>);

/// The takes that have media, in runs whose fragments form one file.
pub(crate) fn runs(manifest: &Manifest) -> Vec<Vec<Chosen<'_>>> {
    let mut runs: Vec<Vec<Chosen<'_>>> = Vec::new();
    for take in manifest.takes.iter().filter(|take| !take.fragments.is_empty()) {
        let Some(rendition) = renditions(take).next() else { continue };
        match runs.last_mut().filter(|run| run.last().is_some_and(|(_, last)| rendition.follows(last))) {
            Some(run) => run.push((take, rendition)),
            None => runs.push(vec![(take, rendition)]),
        }
    }
    runs
}

/// The init segment of takes that join, and all or some of their fragments, in one timeline.
pub(crate) struct Media {
    parts: Vec<Part>,
    /// The origin of the media's times, in ms of the item's time: where the first fragment begins.
    pub(crate) begins_ms: u64,
    /// Where the last fragment ends, in ms of the item's time.
    pub(crate) ends_ms: u64,
    /// The type of the first take.
    pub(crate) container: String,
}

/// A part of the bytes.
#[derive(Clone)]
enum Part {
    Init(Bytes),
    Fragment {
        blob: Blob,
        /// Moves the times of the fragment, unless they fit as they are.
        shift: Option<Arc<Shift>>,
    },
}

impl Part {
    fn bytes(&self) -> u64 {
        match self {
            Self::Init(init) => init.len() as u64,
            Self::Fragment { blob, .. } => blob.bytes,
        }
    }

    fn read(&self, tools: &Tools<'_>) -> Result<Bytes, Failed> {
        match self {
            Self::Init(init) => Ok(init.clone()),
            Self::Fragment { blob, shift: None } => get(blob, tools),
            Self::Fragment { blob, shift: Some(shift) } => shifted(shift, get(blob, tools)?),
        }
    }
}

/// Moves the times of a fragment.
fn shifted(shift: &Shift, fragment: Bytes) -> Result<Bytes, Failed> {
    let edits = shift.edits(&fragment).map_err(damaged)?;
    let mut fragment = Vec::from(fragment);
    for edit in edits {
        let place = fragment.get_mut(edit.at..edit.at + edit.bytes().len());
        place.ok_or_else(|| damaged("a fragment is cut short"))?.copy_from_slice(edit.bytes());
    }
    Ok(fragment.into())
}

/// The media cannot be read on any worker.
fn damaged(error: impl std::fmt::Display) -> Failed {
    Failed::for_good(format!("the media of the item cannot be read: {error}"))
}

impl Media {
    /// The fragments of these takes that overlap `clip`, in ms of the item's time. Fails for good if no fragment does.
    pub(crate) fn new(takes: &[Chosen<'_>], clip: &Range<u64>, tools: &Tools<'_>) -> Result<Self, Failed> {
        let overlaps = |fragment: &Fragment| fragment.start_ms < clip.end && end_ms(fragment) > clip.start;
        Self::of_fragments(takes, overlaps, tools)?.ok_or_else(|| Failed::for_good("the clip has no media"))
    }

    /// The fragments of these takes that `is_read` selects; `None` if it selects none.
    pub(crate) fn of_fragments(
        takes: &[Chosen<'_>],
        is_read: impl Fn(&Fragment) -> bool,
        tools: &Tools<'_>,
    ) -> Result<Option<Self>, Failed> {
        let fragments = takes.iter().flat_map(|(take, rendition)| {
            rendition.fragments.iter().map(move |fragment| (take.offset_ms, fragment))
        });
        let fragments: Vec<_> = fragments.filter(|(_, fragment)| is_read(fragment)).collect();
        let (Some((_, rendition)), Some((_, first)), Some((_, last))) =
            (takes.first(), fragments.first(), fragments.last())
        else {
            return Ok(None);
        };
        let begins_ms = first.start_ms;
        let init = rendition.init.map(|init| get(init, tools)).transpose()?;
        let mut parts: Vec<Part> = init.clone().into_iter().map(Part::Init).collect();
        let mut last_shift: Option<Arc<Shift>> = None;
        for (offset_ms, fragment) in &fragments {
            let by_ms = offset_ms.saturating_sub_unsigned(begins_ms);
            // Media without an init segment, bare MP3, has no times to move.
            let shift = match &init {
                Some(init) if by_ms != 0 => {
                    let same = last_shift.take().filter(|shift| shift.by_ms() == by_ms);
                    Some(same.map_or_else(|| Shift::new(init, by_ms).map(Arc::new), Ok).map_err(damaged)?)
                }
                _ => None,
            };
            last_shift.clone_from(&shift);
            parts.push(Part::Fragment { blob: fragment.blob.clone(), shift });
        }
        let container = rendition.container();
        Ok(Some(Self { parts, begins_ms, ends_ms: end_ms(last), container }))
    }

    /// From the start of the first fragment to the end of the last one, in ms.
    pub(crate) fn length_ms(&self) -> u64 {
        self.ends_ms.saturating_sub(self.begins_ms)
    }

    /// Width and height of its pictures by its init segment; 0 without pictures.
    pub(crate) fn size(&self) -> (u32, u32) {
        let tracks = self.tracks().unwrap_or_default();
        let size = tracks.iter().find_map(|track| match track.kind {
            TrackKind::Video { width, height, .. } => Some((width, height)),
            TrackKind::Audio { .. } => None,
        });
        size.unwrap_or_default()
    }

    /// Whether it has pictures.
    pub(crate) fn has_pictures(&self) -> bool {
        match self.tracks() {
            Some(tracks) => tracks.iter().any(|track| matches!(track.kind, TrackKind::Video { .. })),
            None => self.container.starts_with("video/"),
        }
    }

    /// Whether it has sound. Media without an init segment is MP3.
    pub(crate) fn has_sound(&self) -> bool {
        let is_sound = |track: &Track| matches!(track.kind, TrackKind::Audio { .. });
        self.tracks().is_none_or(|tracks| tracks.iter().any(is_sound))
    }

    /// The tracks of its init segment; `None` if it has none, or it is damaged.
    fn tracks(&self) -> Option<Vec<Track>> {
        match self.parts.first() {
            Some(Part::Init(init)) => Demuxer::open(init.clone()).ok().map(|(_, tracks)| tracks),
            _ => None,
        }
    }

    /// Its bytes, part by part.
    pub(crate) fn parts<'a>(
        &'a self,
        tools: &'a Tools<'a>,
    ) -> impl Iterator<Item = Result<Bytes, Failed>> + 'a {
        self.parts.iter().map(|part| part.read(tools))
    }

    /// How many bytes it has.
    pub(crate) fn bytes(&self) -> u64 {
        self.parts.iter().map(Part::bytes).fold(0, u64::saturating_add)
    }
}
