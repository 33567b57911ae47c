//! Leaves servers that are too old. The servers of a cluster may have several versions while it is upgraded, and the client
//! connects to any of them.

use std::time::Duration;

use async_nats::Client;
use tokio::{sync::watch, time::sleep};

use super::connect::check_server;
use crate::Health;

/// Time on a server that is too old before another one is tried, which may be the same.
const PAUSE: Duration = Duration::from_secs(1);

/// Checks the version of each server that `client` connects to, as `health` shows it, until the store is closed.
pub(super) async fn leave_old_ones(client: Client, mut health: watch::Receiver<Health>) {
    loop {
        let is_connected = health.borrow_and_update().connected;
        if is_connected && let Err(error) = check_server(&client.server_info().version) {
            tracing::error!("{error}; connecting to another server");
            sleep(PAUSE).await;
            drop(client.force_reconnect().await);
        }
        if health.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use async_nats::{ConnectOptions, ServerAddr};
    use tokio::{
        io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
        net::{TcpListener, TcpStream},
        time::timeout,
    };

    use super::*;
    use crate::nats::connect::configured;

    /// Longest that the test may take; what is awaited is always a condition.
    const TEST_TIMEOUT: Duration = Duration::from_secs(60);

    /// A NATS server that only greets and answers pings.
    async fn server(version: &'static str) -> ServerAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(greet(connection, version));
            }
        });
        format!("nats://{address}").parse().unwrap()
    }

    async fn greet(mut connection: TcpStream, version: &str) {
        let (reader, mut writer) = connection.split();
        let info =
            format!("INFO {{\"server_id\":\"x\",\"version\":\"{version}\",\"max_payload\":1048576}}\r\n");
        writer.write_all(info.as_bytes()).await.unwrap();
        let mut lines = BufReader::new(reader).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if line == "PING" && writer.write_all(b"PONG\r\n").await.is_err() {
                return;
            }
        }
    }

    #[tokio::test]
    async fn a_server_that_is_too_old_is_left_for_another_one() {
        let addresses = [server("2.9.25").await, server("2.11.0").await];
        let health = watch::Sender::new(Health::GOOD);
        let connected_to_old = async {
            loop {
                let client =
                    configured(ConnectOptions::new(), health.clone()).connect(&addresses[..]).await.unwrap();
                if client.server_info().version == "2.9.25" {
                    return client;
                }
            }
        };
        let client =
            timeout(TEST_TIMEOUT, connected_to_old).await.expect("it tries the servers in any order");
        let left = async {
            let mut changes = health.subscribe();
            while client.server_info().version != "2.11.0" {
                changes.changed().await.unwrap();
            }
        };
        tokio::select! {
            () = leave_old_ones(client.clone(), health.subscribe()) => unreachable!("the store is not closed"),
            left = timeout(TEST_TIMEOUT, left) => left.expect("it connects to the new one"),
        }
    }
}
