//! Writing, reading, recovering and losing files, in a folder of its own.

use std::{
    fs,
    path::{Path, PathBuf},
};

use bytes::{BufMut, Bytes};
use protocol::event::{ChunkHead, FrameName};
use tempfile::TempDir;

use super::*;
use crate::rendition::Chunk;

const GROUP_BYTES: u64 = 1 << 20;
/// What a run of 1000 bytes takes in a file.
const RUN_RECORD_BYTES: usize = 1057;

fn item() -> ItemId {
    ItemId::from_bytes([1; 16])
}

fn stream() -> StreamId {
    StreamId::new("a", 1)
}

fn take(number: u64) -> Arc<TakeHead> {
    Arc::new(TakeHead::new(number, "video/webm".into(), Bytes::from(format!("init {number}"))))
}

fn name(take: u64, group: u64) -> GroupName {
    GroupName { take, group }
}

/// What the run that begins with this frame holds.
fn data(take: u64, group: u64, index: u32) -> Vec<u8> {
    let mut data = vec![0; 1000];
    (&mut data[..]).put_slice(format!("{take}/{group}/{index} ").as_bytes());
    data
}

/// A run of two frames; groups are three seconds long.
fn run(take_number: u64, group: u64, index: u32) -> NewRun {
    let head = ChunkHead {
        name: FrameName { take: take_number, group, index },
        frames: 2,
        key: index == 0,
        pts_ms: 3000 * group + 1000 * u64::from(index),
        duration_ms: 1000,
        captured_at_ms: Some(1_000_000 + 3000 * group as i64),
    };
    let data = Bytes::from(data(take_number, group, index));
    let bytes = data.len();
    let chunk = Arc::new(Chunk { head, message: data.clone(), data, bytes });
    NewRun { chunk, take: take(take_number), follows: true, lagged: false }
}

/// All runs of groups, each of two runs.
fn groups(take: u64, groups: std::ops::Range<u64>) -> Vec<NewRun> {
    groups.flat_map(|group| [run(take, group, 0), run(take, group, 2)]).collect()
}

fn media(take: u64, groups: std::ops::Range<u64>) -> Vec<u8> {
    groups.flat_map(|group| [data(take, group, 0), data(take, group, 2)].concat()).collect()
}

struct Disk {
    folder: TempDir,
    metrics: Arc<Metrics>,
    most_bytes: u64,
}

impl Disk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), metrics: Arc::default(), most_bytes: 1 << 30 }
    }

    fn spool(&self) -> Arc<Spool> {
        Arc::new(Spool::open(self.folder.path(), self.most_bytes, self.metrics.clone()).unwrap())
    }

    fn files(&self) -> Vec<PathBuf> {
        files(&self.folder.path().join(item().to_string()))
    }

    fn lost(&self) -> u64 {
        self.metrics.recording_groups_lost.get()
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn writer(spool: &Arc<Spool>) -> Writer {
    spool.writer(item(), stream(), GROUP_BYTES)
}

fn first(spool: &Spool, wanted: Wanted) -> Option<SpooledFragment> {
    spool.first_fragment(item(), wanted, &GroupSet::default())
}

/// Hands in all that is wanted; gives first group, number of groups and media of each fragment.
fn hand_in(spool: &Spool, wanted: Wanted) -> Vec<(GroupName, u64, Vec<u8>)> {
    let mut fragments = Vec::new();
    while let Some(fragment) = first(spool, wanted) {
        let media = spool.read(&fragment).unwrap();
        let Cut { first, groups, .. } = fragment.cut;
        spool.confirm(item(), &[GroupRange { first, groups }]);
        fragments.push((first, groups, media.to_vec()));
    }
    fragments
}

#[test]
fn fragments_are_what_was_written_and_go_once_the_manifest_holds_them() {
    let disk = Disk::new();
    let spool = disk.spool();
    let mut writer = writer(&spool);
    assert!(writer.write(&groups(0, 0..5)), "ten seconds are over");
    let begin = first(&spool, Wanted::Finished).unwrap();
    assert_eq!((begin.cut.start_ms, begin.cut.duration_ms, begin.cut.ends_take), (0, 12_000, false));
    assert_eq!((begin.take, begin.cut.captured_at_ms), (take(0), Some(1_000_000)));
    assert!(writer.write(&groups(1, 0..1)), "the take is over");
    assert!(writer.end(true));
    let expected =
        [(name(0, 0), 4, media(0, 0..4)), (name(0, 4), 1, media(0, 4..5)), (name(1, 0), 1, media(1, 0..1))];
    assert_eq!(hand_in(&spool, Wanted::Finished), expected);
    assert_eq!((disk.files().len(), disk.metrics.spool_bytes.get(), disk.lost()), (0, 0, 0));
}

#[test]
fn groups_that_are_here_or_in_the_manifest_are_not_written_again() {
    let disk = Disk::new();
    let spool = disk.spool();
    let mut first = writer(&spool);
    first.write(&groups(0, 0..5));
    first.end(true);
    spool.confirm(item(), &[GroupRange { first: name(0, 5), groups: 2 }]);
    let mut again = writer(&spool);
    again.write(&groups(0, 0..9));
    again.end(true);
    let written: Vec<_> =
        hand_in(&spool, Wanted::All).into_iter().map(|(first, groups, _)| (first.group, groups)).collect();
    assert_eq!(written, [(0, 4), (4, 1), (7, 2)]);
}

#[test]
fn what_the_manifest_got_from_another_node_is_cut_out() {
    let disk = Disk::new();
    let spool = disk.spool();
    let mut writer = writer(&spool);
    writer.write(&groups(0, 0..5));
    spool.confirm(item(), &[GroupRange { first: name(0, 1), groups: 2 }]);
    let expected = [(name(0, 0), 1, media(0, 0..1)), (name(0, 3), 1, media(0, 3..4))];
    assert_eq!(hand_in(&spool, Wanted::Finished), expected);
}

#[test]
fn a_standby_hands_in_what_the_main_server_misses_and_deletes_what_a_report_confirms() {
    let disk = Disk::new();
    let spool = disk.spool();
    let mut writer = writer(&spool);
    writer.write(&groups(0, 0..9));
    let missing = protocol::item::MissingGroups { first: name(0, 1), until: name(0, 3) };
    let role = protocol::item::RecorderRole::Standby;
    let (item_id, stream_id, next) = (item(), stream(), Some(name(0, 7)));
    let entry = RecordStream { stream_id, item_id, role, next, from_now: false, missing: vec![missing] };
    spool.learn(&entry);
    spool.confirm(item(), &[GroupRange { first: name(0, 0), groups: 1 }]);
    assert_eq!(hand_in(&spool, Wanted::Missing), [(name(0, 1), 2, media(0, 1..3))]);
    assert_eq!(disk.files().len(), 3, "the main server may not have named all that it lacks");
    assert!(spool.has_unconfirmed(item()));
    let recorded = [GroupRange { first: name(0, 0), groups: 4 }, GroupRange { first: name(0, 5), groups: 2 }];
    spool.confirm(item(), &recorded);
    assert!(spool.has_unconfirmed(item()), "group 4");
    assert_eq!(hand_in(&spool, Wanted::Finished)[0], (name(0, 4), 1, media(0, 4..5)));
    assert!(!spool.has_unconfirmed(item()));
    assert_eq!(disk.files().len(), 1, "the file that is being written");
    writer.end(true);
    assert_eq!(hand_in(&spool, Wanted::All), [(name(0, 7), 2, media(0, 7..9))]);
}

#[test]
fn a_process_that_was_killed_loses_nothing_that_was_written() {
    let disk = Disk::new();
    let mut before = writer(&disk.spool());
    before.write(&groups(0, 0..5));
    before.write(&[run(0, 5, 0)]);
    drop(before);
    let spool = disk.spool();
    assert_eq!(spool.recordings(), [(item(), stream())]);
    let mut after = writer(&spool);
    assert_eq!(after.last(), Some(FrameName { take: 0, group: 5, index: 1 }));
    after.write(&[run(0, 5, 2)]);
    after.write(&groups(0, 6..7));
    after.end(true);
    let expected =
        [(name(0, 0), 4, media(0, 0..4)), (name(0, 4), 2, media(0, 4..6)), (name(0, 6), 1, media(0, 6..7))];
    let all = hand_in(&spool, Wanted::All);
    assert_eq!(all.iter().map(|one| one.2.clone()).collect::<Vec<_>>().concat(), media(0, 0..7));
    assert_eq!(all[0], expected[0]);
}

#[test]
fn a_torn_tail_is_cut_and_the_group_of_it_alone_is_lost() {
    let disk = Disk::new();
    let mut before = writer(&disk.spool());
    before.write(&groups(0, 0..3));
    drop(before);
    let [file] = &disk.files()[..] else { panic!("one file") };
    let whole = fs::read(file).unwrap();
    let head_bytes = whole.len() - 6 * RUN_RECORD_BYTES;
    for torn in (0..whole.len()).step_by(97).chain([whole.len() - 1, whole.len()]) {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, &whole[..torn]).unwrap();
        let spool = disk.spool();
        writer(&spool).end(false);
        // A group is whole once the next one has begun.
        let runs = torn.saturating_sub(head_bytes) / RUN_RECORD_BYTES;
        let groups = runs.saturating_sub(1) as u64 / 2;
        let expected = (groups > 0).then(|| (name(0, 0), groups, media(0, 0..groups)));
        assert_eq!(hand_in(&spool, Wanted::All), expected.into_iter().collect::<Vec<_>>(), "{torn} bytes");
    }
}

#[test]
fn a_damaged_file_is_found_out_when_it_is_read() {
    let disk = Disk::new();
    let spool = disk.spool();
    let mut writer = writer(&spool);
    writer.write(&groups(0, 0..5));
    let mut bytes = fs::read(&disk.files()[0]).unwrap();
    bytes[2000] ^= 1;
    fs::write(&disk.files()[0], bytes).unwrap();
    let fragment = first(&spool, Wanted::Finished).unwrap();
    let error = spool.read(&fragment).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    spool.give_up(&fragment, &error);
    assert!(first(&spool, Wanted::Finished).is_none());
    assert_eq!(disk.lost(), 4);
}

#[test]
fn the_media_of_finished_files_is_not_read_before_it_is_handed_in() {
    let disk = Disk::new();
    let mut before = writer(&disk.spool());
    before.write(&groups(0, 0..9));
    drop(before);
    // In the third group of the first file, which is one of several.
    let file = &disk.files()[0];
    let mut bytes = fs::read(file).unwrap();
    let at = bytes.windows(6).position(|text| text == b"0/2/0 ").unwrap();
    bytes[at + 500] ^= 1;
    fs::write(file, bytes).unwrap();
    let spool = disk.spool();
    let fragment = first(&spool, Wanted::Finished).unwrap();
    assert_eq!(fragment.cut.groups, 4, "the damage is not found at the start");
    let error = spool.read(&fragment).unwrap_err();
    spool.give_up(&fragment, &error);
    let kept = hand_in(&spool, Wanted::Finished);
    // The end of the group before may be damaged, too.
    assert!(kept[0] == (name(0, 0), 1, media(0, 0..1)), "what is before it is kept");
    assert_eq!((kept[1].0, disk.lost()), (name(0, 4), 3));
}

#[test]
fn a_file_that_cannot_be_read_holds_up_no_other() {
    let disk = Disk::new();
    let mut before = writer(&disk.spool());
    before.write(&groups(0, 0..9));
    drop(before);
    let file = &disk.files()[0];
    fs::remove_file(file).unwrap();
    fs::create_dir(file).unwrap();
    let spool = disk.spool();
    assert_eq!(first(&spool, Wanted::Finished).unwrap().cut.first, name(0, 4));
    assert!(file.with_extension("unreadable").exists() && !file.exists());
}

#[test]
fn beyond_the_bound_the_oldest_is_lost_and_counted() {
    let disk = Disk { most_bytes: 20_000, ..Disk::new() };
    let spool = disk.spool();
    let mut writer = writer(&spool);
    for group in 0..40 {
        writer.write(&groups(0, group..group + 1));
        assert!(disk.metrics.spool_bytes.get() <= 20_000);
    }
    writer.end(true);
    let kept = hand_in(&spool, Wanted::All);
    let groups: u64 = kept.iter().map(|(_, groups, _)| groups).sum();
    assert_eq!(kept.iter().map(|one| one.2.clone()).collect::<Vec<_>>().concat(), media(0, 40 - groups..40));
    assert_eq!((groups + disk.lost(), groups > 4), (40, true));
}

#[test]
fn a_disk_that_is_full_is_told_once_although_the_spool_has_little() {
    let disk = Disk::new();
    let spool = disk.spool();
    writer(&spool).write(&groups(0, 0..18));
    let is_told = || spool.full_bytes.load(Relaxed) > 0;
    assert!(spool.lose_oldest(format_args!("the disk is full")) && is_told());
    hand_in(&spool, Wanted::Finished);
    assert!(!is_told(), "it would be told again");
}

#[test]
fn a_group_that_does_not_fit_the_bound_is_lost_and_the_next_one_is_not() {
    let disk = Disk { most_bytes: 5000, ..Disk::new() };
    let spool = disk.spool();
    let mut writer = writer(&spool);
    let long: Vec<_> = (0..10).map(|at| run(0, 0, 2 * at)).collect();
    writer.write(&long);
    assert_eq!(disk.lost(), 1);
    writer.write(&groups(0, 1..2));
    writer.end(true);
    assert_eq!(hand_in(&spool, Wanted::All), [(name(0, 1), 1, media(0, 1..2))]);
}

#[test]
fn a_folder_that_cannot_be_written_loses_groups_until_it_can() {
    let disk = Disk::new();
    let spool = disk.spool();
    let mut writer = writer(&spool);
    let in_the_way = disk.folder.path().join(item().to_string());
    fs::write(&in_the_way, "a file").unwrap();
    writer.write(&groups(0, 0..2));
    assert!(disk.lost() > 0);
    fs::remove_file(in_the_way).unwrap();
    writer.write(&groups(0, 2..3));
    writer.end(true);
    assert_eq!(hand_in(&spool, Wanted::All), [(name(0, 2), 1, media(0, 2..3))]);
}

#[test]
fn one_process_at_a_time_has_the_folder() {
    let disk = Disk::new();
    let spool = disk.spool();
    let open = || Spool::open(disk.folder.path(), 1, Arc::default());
    assert!(matches!(open(), Err(Error::InUse)));
    drop(spool);
    assert!(open().is_ok());
}
