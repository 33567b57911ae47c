//! What [`Replicated`] promises to processes that share a store.

use std::{collections::BTreeSet, fmt, str::FromStr, sync::Arc, time::Duration};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use store::{Error, Namespace, Record, Replicated, Store};
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{Subject, TEST_TIMEOUT};

/// A note on a board, with everything that any process wrote on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    lines: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Title(String);

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Title {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("a title is not empty".into()) } else { Ok(Self(text.into())) }
    }
}

impl Record for Note {
    type Key = Title;
    const NAMESPACE: Namespace = Namespace::new("notes");

    fn merge(&mut self, other: &Self) {
        self.lines.extend(other.lines.iter().cloned());
    }
}

type Notes = Arc<Replicated<Note>>;

fn note(line: &str) -> Note {
    Note { lines: BTreeSet::from([line.into()]) }
}

fn add(line: String) -> impl FnOnce(&mut Note) {
    move |note| {
        note.lines.insert(line);
    }
}

/// One process: its view, and the tasks that keep it current.
struct Process {
    notes: Notes,
    tasks: JoinSet<()>,
    shutdown: CancellationToken,
}

impl Process {
    async fn start(store: &Store) -> Self {
        let notes: Notes = Arc::new(Replicated::shared(store.kv.clone()));
        notes.load().await.unwrap();
        let mut process = Self { notes, tasks: JoinSet::new(), shutdown: CancellationToken::new() };
        process.follow();
        let (notes, shutdown) = (process.notes.clone(), process.shutdown.clone());
        process.tasks.spawn(async move { notes.save(&shutdown).await });
        process
    }

    fn follow(&mut self) {
        let notes = self.notes.clone();
        self.tasks.spawn(async move { notes.follow().await });
    }

    /// Waits until the note is as `wanted` says.
    async fn until(&self, title: &Title, wanted: impl Fn(Option<&Note>) -> bool) {
        let mut changed = self.notes.host().changed();
        let reached = async {
            while !wanted(self.notes.get(title).as_ref()) {
                changed.changed().await.unwrap();
            }
        };
        let in_time = timeout(TEST_TIMEOUT, reached).await;
        assert!(in_time.is_ok(), "{title}: {:?}", self.notes.get(title));
    }
}

pub(super) async fn keeps_the_contract(subject: &Subject) {
    let processes = join_all((0..3).map(|number| Process::start(subject.handle(number)))).await;
    let title = |name: &str| Title(format!("{}{name}", subject.prefix()));
    of_several_creators_one_wins_and_all_see_it(&processes, &title("created")).await;
    what_several_change_at_once_becomes_the_same_everywhere(&processes, &title("merged")).await;
    durable_changes_are_not_lost(&processes, &title("changed")).await;
    a_change_sees_every_version_from_before_it(subject, &title("behind")).await;
    only_the_newest_state_is_saved(subject, &processes, &title("newest")).await;
    a_deletion_is_seen_by_all(&processes, &title("deleted")).await;
    what_was_deleted_during_a_break_is_gone_after_it(subject, &title("break")).await;
    what_is_left_is_saved_at_shutdown(subject, &title("shutdown")).await;
}

async fn of_several_creators_one_wins_and_all_see_it(processes: &[Process], title: &Title) {
    let creators = processes.iter().enumerate().map(|(number, process)| async move {
        process.notes.create(title, note(&number.to_string())).await.map(|()| number)
    });
    let outcomes = join_all(creators).await;
    let winners: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    assert!(
        outcomes.iter().filter(|outcome| outcome.is_err()).all(|outcome| *outcome == Err(Error::Conflict))
    );
    for process in processes {
        process.until(title, |found| found == Some(&note(&winners[0].to_string()))).await;
    }
}

async fn what_several_change_at_once_becomes_the_same_everywhere(processes: &[Process], title: &Title) {
    processes[0].notes.with(|replica| replica.insert(title.clone(), note("first")));
    for process in processes {
        process.until(title, |found| found.is_some()).await;
    }
    for line in 0..5 {
        for (number, process) in processes.iter().enumerate() {
            let line = format!("{number}-{line}");
            assert!(process.notes.with(|replica| replica.update(title, add(line))));
        }
    }
    for process in processes {
        process.until(title, |found| found.is_some_and(|note| note.lines.len() == 16)).await;
    }
}

async fn durable_changes_are_not_lost(processes: &[Process], title: &Title) {
    processes[0].notes.create(title, note("first")).await.unwrap();
    for process in processes {
        process.until(title, |found| found.is_some()).await;
    }
    let changes = processes.iter().enumerate().map(|(number, process)| async move {
        for line in 0..4 {
            let add = |note: &Note| {
                let mut note = note.clone();
                note.lines.insert(format!("{number}-{line}")).then_some(note)
            };
            process.notes.change(title, add).await.unwrap().unwrap();
            assert_eq!(process.notes.change(title, |_| None).await.unwrap(), process.notes.get(title));
        }
    });
    join_all(changes).await;
    for process in processes {
        process.until(title, |found| found.is_some_and(|note| note.lines.len() == 13)).await;
    }
    let unknown = processes[0].notes.change(&Title("unknown".into()), |note| Some(note.clone())).await;
    assert_eq!(unknown, Ok(None));
}

async fn a_change_sees_every_version_from_before_it(subject: &Subject, title: &Title) {
    let [first, second] = [0, 1].map(|number| Replicated::<Note>::shared(subject.handle(number).kv.clone()));
    let end = |known: &Note| known.lines.contains("last").then(|| note("ended"));
    assert_eq!(second.change(title, end).await, Ok(None), "there is none");
    first.create(title, note("begun")).await.unwrap();
    assert_eq!(second.change_known(title, end).await, Ok(None), "this process has not heard of it");
    assert_eq!(second.change(title, end).await, Ok(Some(note("begun"))));
    first.change(title, |_| Some(note("last"))).await.unwrap();
    assert_eq!(second.change_known(title, end).await, Ok(Some(note("begun"))));
    assert!(second.change(title, end).await.unwrap().unwrap().lines.contains("ended"));
    first.remove(title).await.unwrap();
    assert_eq!(second.change(title, end).await, Ok(None), "another process removed it");
}

async fn only_the_newest_state_is_saved(subject: &Subject, processes: &[Process], title: &Title) {
    const CHANGES: usize = 1000;
    let notes = &processes[0].notes;
    notes.create(title, note("first")).await.unwrap();
    let first = notes.with(|replica| replica.revision(title)).unwrap();
    for line in 0..CHANGES {
        notes.with(|replica| replica.update(title, add(line.to_string())));
    }
    processes[1].until(title, |found| found.is_some_and(|note| note.lines.len() > CHANGES)).await;
    let entry = subject.kv().get(Note::NAMESPACE, &title.0).await.unwrap().unwrap();
    assert!(entry.revision.0 - first.0 < CHANGES as u64 / 4, "{first} to {}", entry.revision);
}

async fn a_deletion_is_seen_by_all(processes: &[Process], title: &Title) {
    processes[0].notes.create(title, note("first")).await.unwrap();
    for process in processes {
        process.until(title, |found| found.is_some()).await;
    }
    processes[1].notes.remove(title).await.unwrap();
    assert_eq!(processes[1].notes.get(title), None);
    for process in processes {
        process.until(title, |found| found.is_none()).await;
    }
    processes[2].notes.create(title, note("again")).await.unwrap();
    for process in processes {
        process.until(title, |found| found.is_some()).await;
    }
    processes[2].notes.with(|replica| replica.discard(title));
    for process in processes {
        process.until(title, |found| found.is_none()).await;
    }
}

async fn what_was_deleted_during_a_break_is_gone_after_it(subject: &Subject, title: &Title) {
    let (kept, other) = (Title(format!("{title}-kept")), Process::start(subject.handle(1)).await);
    let mut process = Process::start(subject.handle(0)).await;
    for title in [title, &kept] {
        process.notes.create(title, note("first")).await.unwrap();
        other.until(title, |found| found.is_some()).await;
    }
    process.tasks.shutdown().await;
    other.notes.remove(title).await.unwrap();
    other.notes.change(&kept, |_| Some(note("second"))).await.unwrap();
    assert!(process.notes.get(title).is_some(), "it does not see that");
    process.follow();
    process.until(title, |found| found.is_none()).await;
    process.until(&kept, |found| found.is_some_and(|note| note.lines.len() == 2)).await;
}

async fn what_is_left_is_saved_at_shutdown(subject: &Subject, title: &Title) {
    let process = Process::start(subject.handle(0)).await;
    let late = tokio::time::Instant::now().into_std() + Duration::from_secs(3600);
    process.notes.create(title, note("first")).await.unwrap();
    process.notes.with(|replica| replica.update_late(title, add("late".into()), late));
    process.shutdown.cancel();
    let other = Process::start(subject.handle(1)).await;
    other.until(title, |found| found.is_some_and(|note| note.lines.len() == 2)).await;
}
