//! What a main server answered lasts, however often it is killed.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use reqwest::{Client, StatusCode};
use tokio::time::sleep;

use crate::server::{Created, Running, TEST_TIMEOUT, create, end, free_address, state, until_ready};

/// Creates streams and ends every other one until the server dies; what was acknowledged, running and ended. A stream
/// whose end was not answered is in neither.
async fn load(client: &Client, url: &str, acknowledged: &AtomicUsize) -> (Vec<Created>, Vec<Created>) {
    let (mut running, mut ended) = (Vec::new(), Vec::new());
    while let Some(outcome) = create(client, url).await {
        let Ok(created) = outcome else { continue };
        acknowledged.fetch_add(1, Ordering::Relaxed);
        if acknowledged.load(Ordering::Relaxed).is_multiple_of(2) {
            running.push(created);
            continue;
        }
        match end(client, url, &created).await {
            Some(StatusCode::NO_CONTENT) => ended.push(created),
            Some(other) => panic!("ending {} was answered with {other}", created.path),
            None => break,
        }
    }
    (running, ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_fifty_times_while_it_writes_a_main_server_keeps_all_it_answered() {
    let (folder, address) = (tempfile::tempdir().unwrap(), free_address());
    let client = tls_harness::client();
    let mut main_server = Running::main_server(&address, folder.path());
    let url = main_server.url.clone();
    let _node = Running::node(&url);
    let mut total = 0;
    for round in 0..50 {
        until_ready(&client, &url).await;
        let acknowledged = AtomicUsize::new(0);
        // A different moment in each round: after so many answers, with others under way.
        let enough = 4 + round % 9;
        let kill = async {
            let deadline = Instant::now() + TEST_TIMEOUT;
            while acknowledged.load(Ordering::Relaxed) < enough {
                assert!(Instant::now() < deadline, "no load in round {round}");
                sleep(Duration::from_millis(1)).await;
            }
            drop(main_server);
        };
        let writers = || load(&client, &url, &acknowledged);
        let (a, b, c, d, ()) = tokio::join!(writers(), writers(), writers(), writers(), kill);
        main_server = Running::main_server(&address, folder.path());
        for (running, ended) in [a, b, c, d] {
            total += running.len() + 2 * ended.len();
            for stream in &running {
                assert_eq!(state(&client, &url, stream).await, "created", "round {round}");
                // No more than a thousand may wait for their first media.
                assert_eq!(end(&client, &url, stream).await, Some(StatusCode::NO_CONTENT));
            }
            for stream in &ended {
                assert_eq!(state(&client, &url, stream).await, "ended", "round {round}");
            }
        }
    }
    println!("{total} acknowledged writes were there after 50 kills");
}
