//! What is kept, and what is said, while NATS servers die and come back.

use std::{collections::BTreeSet, path::Path, sync::Mutex, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, future::join_all};
use nats_harness::Servers;
use serde::{Deserialize, Serialize};
use store::{
    Error, Event, Expect, Health, Namespace, Queue, Store, Subject, Watch,
    queue::{self, Options, Settings, Task},
};
use tokio::time::{sleep, timeout};

use crate::conformance::{NODES, SETTINGS, STREAMS, increment, nats, number};

/// Longest that anything here may take; what is awaited is always a condition.
const TEST_TIMEOUT: Duration = Duration::from_secs(120);

/// What one main server wrote during an outage.
#[derive(Default)]
struct Written {
    keys: Vec<String>,
    increments: u64,
    /// Increments of which it was not told whether they happened.
    doubtful: u64,
}

/// Writes through `store` until `enough` writes of each kind were acknowledged after `killed` was cancelled.
async fn write(store: &Store, name: &str, killed: &tokio_util::sync::CancellationToken) -> Written {
    let (mut written, mut enough) = (Written::default(), 25);
    while enough > 0 {
        let key = format!("{name}-{}", written.keys.len());
        if store.kv.compare_and_set(STREAMS, &key, "1".into(), None, Expect::Absent).await.is_ok() {
            written.keys.push(key);
        }
        match increment(&*store.kv, "counter").await {
            Ok(()) => {
                written.increments += 1;
                enough -= u32::from(killed.is_cancelled());
            }
            Err(_) => written.doubtful += 1,
        }
    }
    written
}

/// Repeats a read until it is answered: a copy that was asked may still be behind.
async fn when_back<T, F: Future<Output = Result<T, Error>>>(read: impl Fn() -> F) -> T {
    let answered = async {
        loop {
            match read().await {
                Ok(answer) => return answer,
                Err(Error::Unavailable(_)) => sleep(Duration::from_millis(100)).await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    timeout(TEST_TIMEOUT, answered).await.expect("reads work again")
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_any_one_server_of_three_loses_no_acknowledged_write() {
    let mut servers = Servers::start(3).unwrap();
    let stores = nats(&servers, 2).await;
    let (mut certain, mut doubtful) = (0, 0);
    for round in 0..3 {
        let killed = tokio_util::sync::CancellationToken::new();
        let (a, b) = (format!("{round}-a"), format!("{round}-b"));
        let kill = async {
            sleep(Duration::from_millis(300)).await;
            servers.kill(round).unwrap();
            killed.cancel();
        };
        let writing =
            async { tokio::join!(write(&stores[0], &a, &killed), write(&stores[1], &b, &killed), kill) };
        let (a, b, ()) = timeout(TEST_TIMEOUT, writing).await.expect("writes go on");
        certain += a.increments + b.increments;
        doubtful += a.doubtful + b.doubtful;
        let there = when_back(|| stores[0].kv.entries(STREAMS, "")).await;
        for key in a.keys.iter().chain(&b.keys) {
            assert!(there.iter().any(|entry| entry.key == *key), "{key} was acknowledged and is gone");
        }
        let counter = when_back(|| stores[1].kv.get(SETTINGS, "counter")).await.unwrap();
        let counted = number(&counter.value);
        assert!(
            (certain..=certain + doubtful).contains(&counted),
            "{certain} to {doubtful} more, not {counted}"
        );
        servers.restart(round).unwrap();
    }
}

/// A task with a number.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Numbered(usize);

impl Task for Numbered {
    const NAMESPACE: Namespace = Namespace::new("numbered");
}

/// What workers know of their acknowledgements.
#[derive(Default)]
struct Settled {
    acknowledged: BTreeSet<usize>,
    /// The store did not say whether it took the acknowledgement.
    doubtful: BTreeSet<usize>,
}

async fn work(queue: &Queue<Numbered>, settled: &Mutex<Settled>) {
    loop {
        let claim = queue.claim().await;
        let Numbered(number) = *claim.task();
        let acknowledged = claim.ack().await;
        let mut settled = settled.lock().unwrap();
        match acknowledged {
            Ok(()) => assert!(settled.acknowledged.insert(number), "{number} was done again after its ack"),
            Err(queue::Error::Lost) => {}
            Err(_) => {
                settled.doubtful.insert(number);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_leader_loses_no_task_and_brings_none_back_that_was_acknowledged() {
    const TASKS: usize = 60;
    let mut servers = Servers::start(3).unwrap();
    let stores = nats(&servers, 2).await;
    let settings = Settings { lease: Duration::from_secs(3), ..Settings::default() };
    let queues: Vec<_> =
        stores.iter().map(|store| Queue::<Numbered>::new(store.kv.clone(), settings)).collect();
    let settled = Mutex::new(Settled::default());
    let all = async {
        for number in 0..TASKS {
            let options = || Options { key: Some(format!("task-{number}")), ..Options::default() };
            while queues[number % 2].enqueue(Numbered(number), options()).await.is_err() {}
            if number == TASKS / 3 {
                let leader = servers.leader("KV_undead").unwrap().expect("the store has a leader");
                servers.kill(leader).unwrap();
            }
        }
        let is_settled = || {
            let settled = settled.lock().unwrap();
            (0..TASKS).all(|task| settled.acknowledged.contains(&task) || settled.doubtful.contains(&task))
        };
        while !is_settled() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    let following = join_all(queues.iter().map(Queue::follow));
    let working = join_all((0..4).map(|worker| work(&queues[worker % 2], &settled)));
    let done = async {
        tokio::select! {
            () = all => {}
            _ = following => unreachable!("it goes on"),
            _ = working => unreachable!("they go on"),
        }
    };
    timeout(TEST_TIMEOUT, done).await.expect("all tasks are done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_its_server_says_so_and_works_again_when_it_is_back() {
    let mut servers = Servers::start(1).unwrap();
    let [store] = <[Store; 1]>::try_from(nats(&servers, 1).await).ok().unwrap();
    let mut health = store.kv.health();
    let mut watch = store.kv.watch(NODES, "", None).await.unwrap();
    let mut messages = store.bus.subscribe(Subject("outages.news")).await.unwrap();
    store.kv.put(NODES, "a", "1".into(), None).await.unwrap();

    servers.kill(0).unwrap();
    let refused = timeout(TEST_TIMEOUT, store.kv.put(NODES, "b", "1".into(), None)).await.unwrap();
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    let refused = timeout(TEST_TIMEOUT, store.kv.get(NODES, "a")).await.unwrap();
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert_eq!(*health.borrow_and_update(), Health { writable: false, connected: false });
    assert!(store.bus.publish(Subject("outages.news"), Bytes::new()).await.is_err());
    let until_broken = async { while watch.next().await.is_some_and(|event| event.is_ok()) {} };
    timeout(TEST_TIMEOUT, until_broken).await.expect("the watch ends");

    servers.restart(0).unwrap();
    timeout(TEST_TIMEOUT, health.wait_for(|health| *health == Health::GOOD)).await.unwrap().unwrap();
    let entry = store.kv.get(NODES, "a").await.unwrap().unwrap();
    assert_eq!(&*entry.value, b"1");
    let mut watch = store.kv.watch(NODES, "", Some(entry.revision)).await.unwrap();
    store.kv.put(NODES, "c", "1".into(), None).await.unwrap();
    let shows_c = async |watch: &mut Watch| loop {
        match watch.next().await.unwrap().unwrap() {
            Event::Put(entry) if entry.key == "c" => return,
            _ => {}
        }
    };
    timeout(TEST_TIMEOUT, shows_c(&mut watch)).await.expect("the change is shown");
    store.bus.publish(Subject("outages.news"), "back".into()).await.unwrap();
    assert_eq!(timeout(TEST_TIMEOUT, messages.next()).await.unwrap().unwrap(), "back");
}

#[tokio::test]
async fn opening_without_a_server_names_it_but_not_its_password() {
    let engine = "nats://me:hunter2@127.0.0.1:1".parse().unwrap();
    let error = Store::open(&engine, Path::new("unused")).await.err().unwrap().to_string();
    assert!(error.contains("127.0.0.1:1") && !error.contains("hunter2"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn main_servers_that_write_at_the_same_time_take_each_other_for_no_outage() {
    const EACH: usize = 900;
    let servers = Servers::start(3).unwrap();
    let stores = nats(&servers, 3).await;
    let mut health: Vec<_> = stores.iter().map(|store| store.kv.health()).collect();
    let writes = stores.iter().enumerate().flat_map(|(server, store)| {
        (0..EACH).map(move |number| async move {
            let key = format!("{server}-{number}");
            let first = store.kv.put(STREAMS, &key, "1".into(), None).await?;
            store.kv.compare_and_set(STREAMS, &key, "2".into(), None, Expect::Revision(first)).await
        })
    });
    let begun = tokio::time::Instant::now();
    let outcomes = timeout(TEST_TIMEOUT, futures_util::future::join_all(writes)).await.expect("they end");
    println!("{} conditional writes took {} ms", outcomes.len(), begun.elapsed().as_millis());
    let failed: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
    assert_eq!(failed, []);
    assert!(health.iter_mut().all(|health| *health.borrow_and_update() == Health::GOOD));
    assert!(stores.iter().all(|store| store.kv.has_answered_within(TEST_TIMEOUT)));
}
