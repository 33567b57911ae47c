//! Reads the files of a node that ran before. A torn tail is cut off; what is no file of the spool is left alone, and told.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader},
    path::Path,
    sync::Arc,
};

use protocol::{ItemId, StreamId};

use super::super::groups::Finish;
use super::{
    index::{FileKey, Index, SpoolFile, TakeHead},
    record::{self, MAGIC, Record},
};

/// Suffix of the files.
pub(super) const EXTENSION: &str = "spool";

/// What is in `folder`.
///
/// # Errors
/// Those of listing it. A file that cannot be read is passed over.
pub(super) fn recover(folder: &Path) -> io::Result<Index> {
    let mut index = Index::default();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Some(item_id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        recover_item(&mut index, item_id, &entry.path())?;
    }
    Ok(index)
}

fn recover_item(index: &mut Index, item_id: ItemId, folder: &Path) -> io::Result<()> {
    let mut numbers: Vec<u64> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let number: Option<u64> = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        numbers.extend(number.filter(|_| path.extension().is_some_and(|extension| extension == EXTENSION)));
    }
    numbers.sort_unstable();
    let newest = numbers.last().copied();
    for number in numbers {
        let key = FileKey { item_id, number };
        index.note_number(number);
        match recover_file(&path(folder, number), item_id) {
            Ok(Some((stream_id, mut file))) => {
                // Only the newest one may be continued.
                if let Some(open) = file.open().filter(|_| Some(number) != newest) {
                    file.finish(Finish { whole: false, ends_take: false, end_ms: open.end_ms }, 0);
                }
                index.insert(key, stream_id, file);
            }
            Ok(None) => {
                tracing::warn!(item.id = %item_id, "file {number} of the spool has no beginning; deleted");
                fs::remove_file(path(folder, number))?;
            }
            Err(error) => {
                tracing::warn!(item.id = %item_id, %error, "file {number} of the spool cannot be read: {error}");
            }
        }
    }
    // Empty folders go.
    drop(fs::remove_dir(folder));
    Ok(())
}

/// The path of a file in the folder of its recording.
pub(super) fn path(folder: &Path, number: u64) -> std::path::PathBuf {
    folder.join(format!("{number:016}.{EXTENSION}"))
}

/// The file at `path`, cut where it is torn; none if it has no beginning.
fn recover_file(path: &Path, item_id: ItemId) -> io::Result<Option<(StreamId, SpoolFile)>> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut input = BufReader::new(&file);
    let mut magic = [0; MAGIC.len()];
    if !record::fill(&mut input, &mut magic)? || magic != MAGIC {
        return Ok(None);
    }
    let Some((Record::Head(head, init), bytes)) = record::read(&mut input)? else { return Ok(None) };
    if head.item_id != item_id {
        return Ok(None);
    }
    let take = Arc::new(TakeHead::new(head.take, head.mime, init));
    let mut recovered = SpoolFile::new(take, MAGIC.len() as u64 + bytes);
    read_runs(&mut input, &mut recovered)?;
    if recovered.open().is_none() && !recovered.is_finished() {
        return Ok(None);
    }
    cut(&file, recovered.bytes())?;
    Ok(Some((head.stream_id, recovered)))
}

fn read_runs(input: &mut impl io::Read, file: &mut SpoolFile) -> io::Result<()> {
    while let Some((record, bytes)) = record::read(input)? {
        match record {
            Record::Run(head, data) if head.name.take == file.take() => {
                file.append(&head, data.len() as u64, bytes);
            }
            Record::End(finish) => {
                file.finish(finish, bytes);
                break;
            }
            Record::Run(..) | Record::Head(..) => break,
        }
    }
    Ok(())
}

fn cut(file: &File, bytes: u64) -> io::Result<()> {
    if file.metadata()?.len() == bytes {
        return Ok(());
    }
    file.set_len(bytes)?;
    file.sync_data()
}
