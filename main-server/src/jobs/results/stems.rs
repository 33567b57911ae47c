//! `stems`: two items, linked to each other and to the song.

use protocol::{
    ItemId, JobId,
    item::{Blob, Kind, ManifestTake, State, Stem, Stems},
    job::Output,
    title,
};

use super::{
    super::{Error, Jobs, id::item_id, job::Record},
    Made, unusable,
};
use crate::{
    clock::Now,
    library::{Error as LibraryError, Format, Links, NewItem, NewTake, Record as Item, TakeFragment, Text},
};

/// Fragments added per write.
const BATCH: usize = 64;
/// Most takes of a stem, and most fragments of each.
const MOST_TAKES: usize = 16;
const MOST_FRAGMENTS: usize = 4_096;

impl Jobs {
    pub(super) async fn make_stems(&self, job_id: JobId, record: &Record) -> Result<Made, Error> {
        let of = |stem| item_id(job_id, record, stem);
        let stems = Stems { vocals: of(Stem::Vocals), accompaniment: of(Stem::Accompaniment) };
        // Read from the store, because another main server may have just made it private.
        let source = self.library.newest(record.item_id).await?;
        for (stem, item_id) in [(Stem::Vocals, stems.vocals), (Stem::Accompaniment, stems.accompaniment)] {
            let Some(Output::Media { takes, .. }) = record.stem_output(stem) else { return Err(unusable()) };
            let links = Links { source: Some(record.item_id), stem: Some(stem), stems: Some(stems) };
            self.make_stem(item_id, &source, links, takes).await?;
        }
        self.library.change(record.item_id, |item| item.links.stems = Some(stems)).await?;
        Ok(Made { items: vec![stems.vocals, stems.accompaniment], file: None })
    }

    /// Makes one of the items, or its missing parts. A complete one already counts towards the quotas.
    async fn make_stem(
        &self,
        item_id: ItemId,
        source: &Item,
        links: Links,
        takes: &Blob,
    ) -> Result<(), Error> {
        let is_complete = |item: Item| item.state == State::Ready && !item.is_deleted();
        if self.library.known(item_id).is_some_and(is_complete) {
            return Ok(());
        }
        let takes: Vec<ManifestTake> = self.json(takes).await?;
        let fragments = |take: &ManifestTake| take.fragments.len();
        if takes.is_empty()
            || takes.len() > MOST_TAKES
            || takes.iter().any(|take| fragments(take) > MOST_FRAGMENTS)
        {
            return Err(unusable());
        }
        self.check_all_there(blobs(&takes).cloned().collect()).await?;
        self.check_quota(source, &takes)?;
        self.library.create(new_item(item_id, source, links), Now::read()).await?;
        if self.library.get(item_id).await?.state != State::Processing {
            return Ok(());
        }
        let describe = |item: &mut Item| {
            item.links = links;
            item.admit_by(Some(source.visibility), Some(&source.passphrase_hash));
            item.poster.clone_from(&source.poster);
        };
        self.library.change(item_id, describe).await?;
        for (number, take) in (0..).zip(&takes) {
            let (new, fragments) = parts(number, take)?;
            for batch in fragments.chunks(BATCH) {
                self.library.append(item_id, &new, batch).await?;
            }
        }
        Ok(self.library.set_state(item_id, State::Ready, None).await?)
    }

    /// Whether the library, and the share of the song's owner, have space.
    fn check_quota(&self, source: &Item, takes: &[ManifestTake]) -> Result<(), LibraryError> {
        let bytes = blobs(takes).fold(0_u64, |sum, blob| sum.saturating_add(blob.bytes));
        self.room_for(source.owner.as_ref(), bytes)
    }

    /// Removes the items of the record's generation, in which the job was not completed.
    pub(in crate::jobs) async fn remove_unfinished(
        &self,
        job_id: JobId,
        record: &Record,
    ) -> Result<(), Error> {
        for stem in [Stem::Vocals, Stem::Accompaniment] {
            let item_id = item_id(job_id, record, stem);
            if self.library.known(item_id).is_some() {
                self.library.remove(item_id, |item| item.kind == Kind::Job).await?;
            }
        }
        Ok(())
    }
}

fn blobs(takes: &[ManifestTake]) -> impl Iterator<Item = &Blob> {
    takes.iter().flat_map(|take| {
        let alternatives = take.alternatives.iter();
        let others =
            alternatives.flat_map(|other| other.init.iter().chain(other.fragments.iter().map(|f| &f.blob)));
        take.init.iter().chain(take.fragments.iter().map(|fragment| &fragment.blob)).chain(others)
    })
}

/// The item of a stem, without media.
fn new_item(item_id: ItemId, source: &Item, links: Links) -> NewItem {
    let what = match links.stem {
        Some(Stem::Vocals) => " (vocals)",
        _ => " (accompaniment)",
    };
    let most = title::MAX_CHARS.saturating_sub(what.len());
    let title: String = source.text.title.chars().take(most).collect();
    NewItem {
        item_id,
        kind: Kind::Job,
        state: State::Processing,
        text: Text { title: title.trim_end().to_owned() + what, ..source.text.clone() },
        visibility: source.visibility,
        passphrase_hash: source.passphrase_hash.clone(),
        owner: source.owner.clone(),
        stream_id: None,
    }
}

/// A take of a stem in the library's form.
fn parts(number: u64, take: &ManifestTake) -> Result<(NewTake, Vec<TakeFragment>), Error> {
    let alternatives = take.alternatives.iter();
    let new = NewTake {
        take: number,
        format: Format { mime: take.mime.clone(), init: take.init.clone() },
        alternatives: alternatives
            .clone()
            .map(|other| Format { mime: other.mime.clone(), init: other.init.clone() })
            .collect(),
    };
    if alternatives.clone().any(|other| other.fragments.len() != take.fragments.len()) {
        return Err(unusable());
    }
    let last = take.fragments.len().saturating_sub(1);
    let fragments = take.fragments.iter().enumerate().map(|(index, fragment)| TakeFragment {
        first_group: index as u64,
        groups: 1,
        blob: fragment.blob.clone(),
        format: 0,
        alternatives: alternatives
            .clone()
            .filter_map(|other| other.fragments.get(index).map(|fragment| fragment.blob.clone()))
            .collect(),
        // In the take's own time.
        start_ms: fragment.start_ms.saturating_add_signed(take.offset_ms.saturating_neg()),
        duration_ms: fragment.duration_ms,
        ends_take: index == last,
    });
    Ok((new, fragments.collect()))
}
