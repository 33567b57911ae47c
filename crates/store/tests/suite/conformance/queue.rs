//! What [`Queue`] promises to workers, in one process and in several.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    time::Duration,
};

use futures_util::future::{Either, join, join_all, select};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use serde::{Deserialize, Serialize};
use store::{
    Namespace, Queue, Store, leases,
    queue::{Claim, Claimed, Error, Options, Settings, Task},
};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{Subject, TEST_TIMEOUT};

/// Declares a kind of tasks with a namespace of its own, so that checks do not meet.
macro_rules! kind {
    ($name:ident, $namespace:literal) => {
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        struct $name(usize);

        impl Task for $name {
            const NAMESPACE: Namespace = Namespace::new($namespace);
        }
    };
}

kind!(Shared, "jobs-shared");
kind!(Leased, "jobs-leased");
kind!(Failing, "jobs-failing");
kind!(Handed, "jobs-handed");
kind!(Reserved, "jobs-reserved");
kind!(Bounded, "jobs-bounded");
kind!(Modelled, "jobs-modelled");

/// One process: its queue, and what keeps it current.
struct Process<T: Task> {
    queue: Queue<T>,
    _tasks: JoinSet<()>,
}

impl<T: Task> Process<T> {
    async fn start(store: &Store, settings: Settings) -> Self {
        let queue = Queue::new(store.kv.clone(), settings);
        queue.load().await.unwrap();
        let (following, kv, mut tasks) = (queue.clone(), store.kv.clone(), JoinSet::new());
        tasks.spawn(async move { following.follow().await });
        tasks.spawn(leases::run(kv));
        Self { queue, _tasks: tasks }
    }

    async fn enqueue(&self, task: T) -> String {
        self.queue.enqueue(task, Options::default()).await.unwrap().key
    }

    async fn claim(&self) -> Claim<T> {
        timeout(TEST_TIMEOUT, self.queue.claim()).await.expect("a task in time")
    }

    async fn claim_as(&self, worker: &str) -> Claim<T> {
        let claimed = async {
            let mut lost = 0;
            loop {
                match self.queue.reserve(lost).await.claim(worker).await.unwrap() {
                    Some(claim) => break claim,
                    None => lost += 1,
                }
            }
        };
        timeout(TEST_TIMEOUT, claimed).await.expect("a task in time")
    }

    async fn until(&self, what: &str, condition: impl Fn(&Queue<T>) -> bool) {
        let reached = async {
            while !condition(&self.queue) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(TEST_TIMEOUT, reached).await.expect(what);
    }
}

async fn processes<T: Task>(subject: &Subject, settings: Settings) -> Vec<Process<T>> {
    join_all((0..3).map(|number| Process::start(subject.handle(number), settings))).await
}

pub(super) async fn keeps_the_contract(subject: &Subject) {
    every_task_is_done_once_and_who_waits_is_woken(subject).await;
    what_fails_is_tried_again_and_becomes_a_dead_letter(subject).await;
    any_process_renews_and_settles_a_claim_by_its_id(subject).await;
    a_task_that_was_reserved_and_not_claimed_is_another_workers(subject).await;
    a_queue_is_bounded_and_keys_are_taken_once(subject).await;
    any_sequence_does_what_the_model_does(subject).await;
}

async fn every_task_is_done_once_and_who_waits_is_woken(subject: &Subject) {
    const TASKS: usize = 60;
    let processes = processes::<Shared>(subject, Settings::default()).await;
    let done = Mutex::new(Vec::new());
    let work = async |process: &Process<Shared>| {
        loop {
            let claim = process.claim().await;
            assert_eq!(claim.attempt(), 1);
            done.lock().unwrap().push(claim.task().0);
            claim.ack().await.unwrap();
        }
    };
    // The workers wait before there is anything to do.
    let workers = join_all((0..9).map(|worker| work(&processes[worker % 3])));
    let enqueued = async {
        for number in 0..TASKS {
            processes[number % 3].enqueue(Shared(number)).await;
        }
        for process in &processes {
            process
                .until("all tasks are done", |queue| {
                    queue.waiting() == 0 && done.lock().unwrap().len() == TASKS
                })
                .await;
        }
    };
    match select(Box::pin(workers), Box::pin(enqueued)).await {
        Either::Left(_) => unreachable!("workers go on"),
        Either::Right(_) => {}
    }
    let done = done.into_inner().unwrap();
    assert_eq!(done.iter().copied().collect::<BTreeSet<_>>(), (0..TASKS).collect());
    assert_eq!(done.len(), TASKS, "each is done once");
}

pub(super) async fn a_task_whose_lease_ends_is_another_workers(subject: &Subject) {
    const LEASE: Duration = Duration::from_secs(3);
    let settings = Settings { lease: LEASE, max_attempts: 2, ..Settings::default() };
    let processes = processes::<Leased>(subject, settings).await;
    let [left, renewed] = [processes[0].enqueue(Leased(1)).await, processes[0].enqueue(Leased(2)).await];
    let (first, second) = (processes[0].claim().await, processes[1].claim().await);
    let (late, mut kept) = if first.key() == left { (first, second) } else { (second, first) };
    assert_eq!((late.key(), kept.key()), (&*left, &*renewed));
    let is_claimed = Cell::new(false);
    let renewing = async {
        while !is_claimed.get() {
            kept.progress().await.unwrap();
            sleep(LEASE / 20).await;
        }
    };
    let claiming = async {
        let claim = processes[2].claim().await;
        is_claimed.set(true);
        claim
    };
    // A renewal is not broken off: it would not be known whether it was written.
    let ((), mut again) = join(renewing, claiming).await;
    assert_eq!((again.key(), again.attempt()), (&*left, 2), "the renewed one stays");
    assert_eq!(late.ack().await, Err(Error::Lost), "too late");
    again.progress().await.unwrap();
    assert_eq!(kept.ack().await, Ok(()));
    // Its worker dies in the last attempt.
    drop(again);
    let waiting = tokio::spawn({
        let queue = processes[0].queue.clone();
        async move { drop(queue.claim().await) }
    });
    processes[1].until("it is a dead letter", |queue| queue.dead_letters().len() == 1).await;
    let dead = processes[1].queue.dead_letters();
    assert_eq!((&*dead[0].key, dead[0].attempts), (&*left, 2));
    assert!(dead[0].reason.contains("lease"), "{}", dead[0].reason);
    let log = processes[1].queue.read(&left, |tracked| tracked.log.clone()).unwrap();
    let outcomes: Vec<_> = log.iter().map(|attempt| (attempt.n, &*attempt.outcome)).collect();
    assert_eq!(outcomes, [(1, "lease ended"), (2, "lease ended")]);
    assert!(processes[1].queue.cancel(&left).await.unwrap());
    waiting.abort();
}

async fn what_fails_is_tried_again_and_becomes_a_dead_letter(subject: &Subject) {
    let settings =
        Settings { max_attempts: 3, first_pause: Duration::from_millis(20), ..Settings::default() };
    let processes = processes::<Failing>(subject, settings).await;
    let key = processes[0].enqueue(Failing(7)).await;
    for process in [0, 1, 2, 0] {
        let claim = processes[process].claim().await;
        assert_eq!((claim.key(), claim.attempt()), (&*key, 1), "what is put back does not count");
        claim.put_back(Duration::from_millis(20)).await.unwrap();
        assert_eq!(claim.put_back(Duration::ZERO).await, Err(Error::Lost));
    }
    for attempt in 1..=3 {
        let claim = processes[attempt as usize % 3].claim().await;
        assert_eq!((claim.key(), claim.attempt()), (&*key, attempt));
        claim.nack(&format!("failure {attempt}")).await.unwrap();
    }
    processes[2].until("it is a dead letter", |queue| !queue.dead_letters().is_empty()).await;
    let dead = processes[2].queue.dead_letters();
    assert_eq!((&dead[0].task, dead[0].attempts, &*dead[0].reason), (&Failing(7), 3, "failure 3"));
    let late = Process::<Failing>::start(subject.handle(1), settings).await;
    assert_eq!(late.queue.dead_letters(), dead, "a process that starts knows it");

    late.queue.send_again(&key).await.unwrap();
    let mut claim = processes[1].claim().await;
    assert_eq!((claim.key(), claim.attempt()), (&*key, 1));
    claim.progress().await.unwrap();
    assert_eq!(processes[2].queue.send_again("unknown").await, Err(Error::NotDead("unknown".into())));
    assert!(processes[2].queue.cancel(&key).await.unwrap());
    assert_eq!(claim.progress().await, Err(Error::Lost), "its worker learns of it");
    assert_eq!(claim.ack().await, Err(Error::Lost));
    assert!(!processes[2].queue.cancel(&key).await.unwrap());
}

async fn any_process_renews_and_settles_a_claim_by_its_id(subject: &Subject) {
    let settings = Settings { max_attempts: 9, first_pause: Duration::ZERO, ..Settings::default() };
    let processes = processes::<Handed>(subject, settings).await;
    let [first, second, third] = [0, 1, 2].map(|process: usize| &processes[process].queue);
    let key = processes[0].enqueue(Handed(1)).await;
    let mut claim = processes[0].claim_as("a").await;
    assert_eq!(second.resume(&key, "another").await.err(), Some(Error::Lost));
    assert_eq!(second.resume("another", claim.id()).await.err(), Some(Error::Lost));
    assert_eq!(second.resume(&key, "").await.err(), Some(Error::Lost));
    let mut resumed = second.resume(&key, claim.id()).await.unwrap();
    assert_eq!((resumed.task(), resumed.attempt()), (&Handed(1), 1));
    // Each renews what the other one wrote.
    for percent in [20, 40, 200] {
        claim.progress().await.unwrap();
        resumed.progress_to(percent).await.unwrap();
    }
    let seen = |queue: &Queue<Handed>| {
        let worker = |claimed: &Claimed| (claimed.worker.clone(), claimed.percent);
        queue.read(&key, |tracked| tracked.claimed().map(worker)).flatten()
    };
    processes[2].until("all see the worker", |queue| seen(queue) == Some(("a".into(), 100))).await;
    let mut changed = third.changed();
    changed.mark_unchanged();
    resumed.put_back(Duration::ZERO).await.unwrap();
    timeout(TEST_TIMEOUT, changed.changed()).await.expect("it is told of changes").unwrap();
    assert_eq!(claim.progress().await, Err(Error::Lost), "the claim is over");

    processes[1].claim_as("b").await.nack("it failed").await.unwrap();
    let last = processes[2].claim_as("c").await;
    assert_eq!(last.attempt(), 2);
    assert_eq!(first.resume(&key, claim.id()).await.err(), Some(Error::Lost), "another claim has it");
    let outcomes = last.tracked().log_with("done").into_iter();
    let outcomes: Vec<_> = outcomes.map(|attempt| (attempt.n, attempt.worker, attempt.outcome)).collect();
    let expected = [(1, "a", "handed back"), (1, "b", "it failed"), (2, "c", "done")];
    assert_eq!(outcomes, expected.map(|(n, worker, outcome)| (n, worker.into(), outcome.into())));
    first.resume(&key, last.id()).await.unwrap().ack().await.unwrap();
    assert_eq!(last.ack().await, Err(Error::Lost));
}

async fn a_task_that_was_reserved_and_not_claimed_is_another_workers(subject: &Subject) {
    let process = Process::<Reserved>::start(subject.handle(0), Settings::default()).await;
    let waiting = process.queue.reserve(0);
    // It waits when the task comes, and is then not asked any more.
    assert!(timeout(Duration::ZERO, waiting).await.is_err());
    let key = process.enqueue(Reserved(1)).await;
    drop(process.queue.reserve(0).await);
    let reserved = timeout(TEST_TIMEOUT, process.queue.reserve(0)).await.expect("it was given back");
    assert!(timeout(Duration::ZERO, process.queue.reserve(0)).await.is_err(), "none is left");
    let claim = reserved.claim("a").await.unwrap().expect("no other process has it");
    assert_eq!(claim.key(), key);
    claim.ack().await.unwrap();
}

async fn a_queue_is_bounded_and_keys_are_taken_once(subject: &Subject) {
    let settings = Settings { max_waiting: 3, ..Settings::default() };
    let process = Process::<Bounded>::start(subject.handle(0), settings).await;
    // "same" is claimed first even if all are enqueued within a millisecond.
    let named = |key: &str| Options {
        key: Some(key.into()),
        priority: u8::from(key == "same"),
        ..Options::default()
    };
    let add = async |number, key| process.queue.enqueue(Bounded(number), named(key)).await;
    let first = add(1, "same").await.unwrap();
    assert!(first.is_new);
    assert!(!add(2, "same").await.unwrap().is_new);
    for (number, key) in [(2, "b"), (3, "c")] {
        add(number, key).await.unwrap();
    }
    assert_eq!(add(4, "d").await, Err(Error::Full(3)));
    assert!(!add(4, "same").await.unwrap().is_new, "it waits already");
    let claim = process.claim().await;
    assert_eq!((claim.key(), claim.task()), ("same", &Bounded(1)));
    add(4, "d").await.unwrap();
    claim.ack().await.unwrap();
    let other = Process::<Bounded>::start(subject.handle(1), settings).await;
    for queue in [&process.queue, &other.queue] {
        let again = queue.enqueue(Bounded(5), named("same")).await.expect("it is known, full or not");
        assert!(!again.is_new, "it is done");
    }
    for _ in 0..3 {
        other.claim().await.ack().await.unwrap();
    }
}

#[derive(Clone, Debug)]
enum Step {
    Enqueue { priority: u8 },
    Claim,
    Ack(prop::sample::Index),
    Nack(prop::sample::Index),
    Cancel(prop::sample::Index),
    SendAgain(prop::sample::Index),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (0..3_u8).prop_map(|priority| Step::Enqueue { priority }),
        4 => Just(Step::Claim),
        2 => index().prop_map(Step::Ack),
        2 => index().prop_map(Step::Nack),
        1 => index().prop_map(Step::Cancel),
        1 => index().prop_map(Step::SendAgain),
        1 => Just(Step::Restart),
    ]
}

/// What the queue should hold: of each key, its priority and attempts.
#[derive(Debug, Default)]
struct Model {
    ready: BTreeMap<String, (u8, u32)>,
    paused: BTreeSet<String>,
    dead: BTreeSet<String>,
    priorities: BTreeMap<String, u8>,
}

impl Model {
    /// The key of the highest priority that is oldest.
    fn next(&self) -> Option<String> {
        let rank =
            |(key, (priority, _)): &(&String, &(u8, u32))| (std::cmp::Reverse(*priority), (*key).clone());
        self.ready.iter().min_by_key(rank).map(|(key, _)| key.clone())
    }
}

fn pick<'a, T>(index: &prop::sample::Index, of: impl Iterator<Item = &'a T>) -> Option<&'a T> {
    let all: Vec<_> = of.collect();
    (!all.is_empty()).then(|| all[index.index(all.len())])
}

async fn any_sequence_does_what_the_model_does(subject: &Subject) {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    for _ in 0..subject.sequences {
        let steps = vec(step(), 1..25).new_tree(&mut runner).unwrap().current();
        follow_the_model(subject, &steps).await;
    }
}

async fn follow_the_model(subject: &Subject, steps: &[Step]) {
    let hour = Duration::from_secs(3600);
    let settings = Settings { lease: hour, max_attempts: 2, first_pause: hour, ..Settings::default() };
    let mut process = Process::<Modelled>::start(subject.handle(0), settings).await;
    let (prefix, mut model) = (subject.prefix(), Model::default());
    let mut claims: BTreeMap<String, Claim<Modelled>> = BTreeMap::new();
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Enqueue { priority } => {
                let key = format!("{prefix}{number:03}");
                let options = Options { key: Some(key.clone()), priority: *priority, ..Options::default() };
                assert!(process.queue.enqueue(Modelled(number), options).await.unwrap().is_new);
                model.priorities.insert(key.clone(), *priority);
                model.ready.insert(key, (*priority, 0));
            }
            Step::Claim => {
                let Some(key) = model.next() else { continue };
                let claim = process.claim().await;
                assert_eq!(claim.key(), key, "step {number} of {steps:?}");
                let (_, attempts) = model.ready.remove(&key).unwrap();
                assert_eq!(claim.attempt(), attempts + 1);
                claims.insert(key, claim);
            }
            Step::Ack(index) => {
                let Some(key) = pick(index, claims.keys()).cloned() else { continue };
                claims.remove(&key).unwrap().ack().await.unwrap();
            }
            Step::Nack(index) => {
                let Some(key) = pick(index, claims.keys()).cloned() else { continue };
                let claim = claims.remove(&key).unwrap();
                if claim.attempt() == 2 {
                    model.dead.insert(key)
                } else {
                    model.paused.insert(key)
                };
                claim.nack("failed").await.unwrap();
            }
            Step::Cancel(index) => {
                let all = model.ready.keys().chain(&model.paused).chain(&model.dead).chain(claims.keys());
                let Some(key) = pick(index, all).cloned() else { continue };
                assert!(process.queue.cancel(&key).await.unwrap());
                model.ready.remove(&key);
                model.paused.remove(&key);
                model.dead.remove(&key);
                if let Some(claim) = claims.remove(&key) {
                    assert_eq!(claim.ack().await, Err(Error::Lost));
                }
            }
            Step::SendAgain(index) => {
                let Some(key) = pick(index, model.dead.iter()).cloned() else { continue };
                process.queue.send_again(&key).await.unwrap();
                model.dead.remove(&key);
                model.ready.insert(key.clone(), (model.priorities[&key], 0));
            }
            Step::Restart => process = Process::start(subject.handle(0), settings).await,
        }
        // What was claimed before a restart is settled by the process that stopped: the new one sees it a little later.
        let agrees = |queue: &Queue<Modelled>| {
            let dead = queue.dead_letters().into_iter().map(|letter| letter.key);
            dead.collect::<BTreeSet<_>>() == model.dead
                && queue.waiting() == model.ready.len() + model.paused.len()
        };
        process.until(&format!("step {number} of {steps:?}: {model:?}"), agrees).await;
    }
    let left = model.ready.keys().chain(&model.paused).chain(&model.dead).chain(claims.keys());
    for key in left {
        process.queue.cancel(key).await.unwrap();
    }
}
