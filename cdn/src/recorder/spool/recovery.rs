//! Finds the files of a node that ran before. Of a finished file the first and the last record are read: its media is checked when it is
//! handed in. The others are read whole, and a torn tail is cut off. What cannot be read is moved aside, and told.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
    sync::Arc,
    time::Duration,
};

use protocol::{ItemId, StreamId};

use super::super::groups::Finish;
use super::{
    index::{FileKey, Index, SpoolFile, TakeHead},
    record::{self, MAGIC, Record},
};

/// Suffix of the files.
pub(super) const EXTENSION: &str = "spool";
/// Suffix of files that could not be read. They are deleted after a while.
const ASIDE: &str = "unreadable";
/// How long that is.
const KEEP_ASIDE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

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
        if path.extension().is_some_and(|extension| extension == ASIDE) {
            delete_old(&path);
        }
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
                if let Err(error) = fs::remove_file(path(folder, number)) {
                    tracing::warn!(item.id = %item_id, %error, "file {number} cannot be deleted: {error}");
                }
            }
            Err(error) => {
                tracing::warn!(item.id = %item_id, %error, "file {number} of the spool cannot be read, and is moved aside: {error}");
                drop(fs::rename(path(folder, number), path(folder, number).with_extension(ASIDE)));
            }
        }
    }
    // Empty folders go.
    drop(fs::remove_dir(folder));
    Ok(())
}

fn delete_old(path: &Path) {
    let age = path.metadata().and_then(|about| about.modified()).ok().and_then(|at| at.elapsed().ok());
    if age.is_some_and(|age| age >= KEEP_ASIDE) {
        drop(fs::remove_file(path));
    }
}

/// The path of a file in the folder of its recording.
pub(super) fn path(folder: &Path, number: u64) -> std::path::PathBuf {
    folder.join(format!("{number:016}.{EXTENSION}"))
}

/// The file at `path`, cut where it is torn; none if it has no beginning.
fn recover_file(path: &Path, item_id: ItemId) -> io::Result<Option<(StreamId, SpoolFile)>> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let Some(Beginning { stream_id, take, bytes }) = read_beginning(&mut BufReader::new(&file), item_id)?
    else {
        return Ok(None);
    };
    let file_bytes = file.metadata()?.len();
    match record::read_end(&mut file, file_bytes)? {
        Some((ending, begin)) if ending.groups.iter().all(|group| group.extent.end <= begin) => {
            Ok(Some((stream_id, SpoolFile::finished(take, ending, file_bytes))))
        }
        _ => {
            file.seek(SeekFrom::Start(bytes))?;
            let mut file_in_memory = SpoolFile::new(take, bytes);
            Ok(read_whole(&file, &mut file_in_memory)?.then_some((stream_id, file_in_memory)))
        }
    }
}

/// What can be read of a damaged file; none if that is nothing.
///
/// # Errors
/// Those of reading.
pub(super) fn rescue(path: &Path, item_id: ItemId) -> io::Result<Option<SpoolFile>> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let Some(Beginning { take, bytes, .. }) = read_beginning(&mut BufReader::new(&file), item_id)? else {
        return Ok(None);
    };
    (&file).seek(SeekFrom::Start(bytes))?;
    let mut rescued = SpoolFile::new(take, bytes);
    if !read_whole(&file, &mut rescued)? {
        return Ok(None);
    }
    if let Some(open) = rescued.open() {
        rescued.finish(Finish { whole: false, ends_take: false, end_ms: open.end_ms }, 0);
    }
    Ok(Some(rescued))
}

/// The first record of a file.
struct Beginning {
    stream_id: StreamId,
    take: Arc<TakeHead>,
    /// Where the next record begins.
    bytes: u64,
}

fn read_beginning(input: &mut impl Read, item_id: ItemId) -> io::Result<Option<Beginning>> {
    let mut magic = [0; MAGIC.len()];
    if !record::fill(input, &mut magic)? || magic != MAGIC {
        return Ok(None);
    }
    let Some((Record::Head(head, init), bytes)) = record::read(input)? else { return Ok(None) };
    let take = Arc::new(TakeHead::new(head.take, head.mime, init));
    let beginning = Beginning { stream_id: head.stream_id, take, bytes: MAGIC.len() as u64 + bytes };
    Ok((head.item_id == item_id).then_some(beginning))
}

/// Reads the records after the first one, and cuts the file where it is torn. Says whether it has any.
fn read_whole(file: &File, recovered: &mut SpoolFile) -> io::Result<bool> {
    read_runs(&mut BufReader::new(file), recovered)?;
    let has_any = recovered.open().is_some() || recovered.is_finished();
    if has_any {
        cut(file, recovered.bytes())?;
    }
    Ok(has_any)
}

fn read_runs(input: &mut impl Read, file: &mut SpoolFile) -> io::Result<()> {
    while let Some((record, bytes)) = record::read(input)? {
        match record {
            Record::Run(head, data) if head.name.take == file.take() => {
                file.append(&head, data.len() as u64, bytes);
            }
            Record::End(ending) => {
                file.finish(ending.finish, bytes);
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
