//! From addresses to a stream that is ready: connects, makes the stream or takes the one there is, checks its version.

use std::time::Duration;

use async_nats::{
    Client, ConnectOptions,
    jetstream::{
        Context, ErrorCode,
        context::{ContextBuilder, GetStreamError, GetStreamErrorKind},
        message::PublishMessage,
        stream::{Config, StorageType, Stream},
    },
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use tokio_util::sync::DropGuard;

use super::{Nats, NatsAccess, NatsServer, key, message::unavailable, read};
use crate::{Error, Health};

/// The version of what is written: subjects and headers.
const VERSION: u32 = 1;
/// The oldest nats-server that is supported.
const OLDEST_SERVER: &str = "2.10";
/// Where earlier versions kept creations and ends while the store had no leader.
const JOURNAL: &str = "undead-journal";
/// How long reaching a server may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a cluster that starts may take to choose its leaders.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(25);
/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a server is asked whether it is there. The client leaves one for another that owes it three answers: after
/// about the time in which a main server that hears nothing is cut off.
const PING: Duration = Duration::from_millis(750);
/// How long a server may take to greet. The client may well try the one first that it just left because it hangs.
const GREETING: Duration = Duration::from_secs(1);
/// Pause between two tries.
const RETRY: Duration = Duration::from_millis(250);
/// Copies of the stream in a cluster: any one server may die.
const REPLICAS: usize = 3;

/// What to do about a stream that is not there, or of an older version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Make it, and bring it up to date.
    Make,
    /// Say so.
    Refuse,
}

/// Connects to any of `servers` and keeps `health` up to date from then on.
pub(super) async fn connect(
    (servers, access): (&[NatsServer], &NatsAccess),
    missing: Missing,
    health: watch::Sender<Health>,
    closing: DropGuard,
) -> Result<Nats, Error> {
    let client = reach(servers, access, &health).await?;
    check_server(&client.server_info().version)?;
    let context = ContextBuilder::new().timeout(REQUEST_TIMEOUT).build(client.clone());
    let stream = ready(&client, &context, missing).await?;
    check_journal(&context).await?;
    let answered = std::sync::Mutex::new(Instant::now());
    Ok(Nats { client, context, stream, answered, health, _closing: closing })
}

/// Refuses servers without what is relied on: conditions on a subject that are exact in a cluster, above all.
pub(super) fn check_server(version: &str) -> Result<(), Error> {
    let mut numbers = version.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    let (major, minor) = (numbers.next(), numbers.next());
    let is_supported = matches!((major, minor), (Some(2), Some(10..)) | (Some(3..), Some(_)));
    let refused = || Error::OldServer { found: version.to_owned(), needed: OLDEST_SERVER };
    is_supported.then_some(()).ok_or_else(refused)
}

async fn reach(
    servers: &[NatsServer],
    access: &NatsAccess,
    health: &watch::Sender<Health>,
) -> Result<Client, Error> {
    let names: Vec<_> = servers.iter().map(ToString::to_string).collect();
    let failed = |why: &str| Error::Unavailable(format!("no NATS server at {}: {why}", names.join(", ")));
    let deadline = Instant::now() + CONNECT_TIMEOUT;
    loop {
        let (options, addresses) = access.options(servers).map_err(|error| failed(&error))?;
        let connecting = configured(options, health.clone()).connect(addresses);
        let why = match timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok(client)) => return Ok(client),
            Ok(Err(error)) => tls::reason(&error).unwrap_or_else(|| error.to_string()),
            Err(_) => "it does not answer".to_owned(),
        };
        if Instant::now() >= deadline {
            return Err(failed(&why));
        }
        sleep(RETRY).await;
    }
}

pub(super) fn configured(options: ConnectOptions, health: watch::Sender<Health>) -> ConnectOptions {
    options
        .name("undead main-server")
        .connection_timeout(GREETING)
        .request_timeout(Some(REQUEST_TIMEOUT))
        .ping_interval(PING)
        .reconnect_delay_callback(|tries| Duration::from_millis(100 * tries.clamp(1, 10) as u64))
        .event_callback(move |event| {
            let health = health.clone();
            async move { note(&health, &event) }
        })
}

fn note(health: &watch::Sender<Health>, event: &async_nats::Event) {
    let connected = match event {
        async_nats::Event::Connected => true,
        async_nats::Event::Disconnected | async_nats::Event::Closed => false,
        other => return tracing::debug!("NATS: {other}"),
    };
    let changed =
        health.send_if_modified(|health| std::mem::replace(&mut health.connected, connected) != connected);
    match (changed, event) {
        (true, async_nats::Event::Connected) => tracing::info!("connected to NATS again"),
        (true, async_nats::Event::Disconnected) => {
            tracing::error!("lost the connection to NATS; reconnecting");
        }
        // The store was closed, or nothing changed.
        _ => {}
    }
}

/// Makes the stream or takes the one there is.
async fn ready(client: &Client, context: &Context, missing: Missing) -> Result<Stream, Error> {
    let is_cluster = client.server_info().cluster.is_some();
    let deadline = Instant::now() + ELECTION_TIMEOUT;
    loop {
        let copies = if is_cluster { REPLICAS } else { 1 };
        let found = match missing {
            Missing::Make => stream(context, copies).await,
            Missing::Refuse => existing(context).await,
        };
        match found {
            Err(Error::Unavailable(_)) if Instant::now() < deadline => sleep(RETRY).await,
            outcome => return outcome,
        }
    }
}

async fn stream(context: &Context, copies: usize) -> Result<Stream, Error> {
    let created = context.get_or_create_stream(config(copies)).await;
    let stream = created.map_err(|error| unavailable(&error))?;
    if stream.cached_info().config.num_replicas < copies {
        tracing::warn!(
            "the store's stream was created on one server and has no copies; see docs/operating.md"
        );
    }
    raise_version(&stream, context, VERSION).await?;
    Ok(stream)
}

/// The stream that is there, of the version this program knows.
async fn existing(context: &Context) -> Result<Stream, Error> {
    let found = context.get_stream(key::STREAM).await;
    let stream = found.map_err(|error| {
        if is_missing(&error) {
            Error::Missing(format!("NATS: no stream {}", key::STREAM))
        } else {
            unavailable(&error)
        }
    })?;
    match version(&stream, VERSION).await? {
        Some((found, _)) if found < VERSION => Err(Error::TooOld { found, known: VERSION }),
        _ => Ok(stream),
    }
}

/// Waits until nothing is left in the journal of an earlier version, whose main servers bring it to the store within seconds.
async fn check_journal(context: &Context) -> Result<(), Error> {
    let deadline = Instant::now() + ELECTION_TIMEOUT;
    loop {
        let waiting = match context.get_stream(JOURNAL).await {
            Ok(journal) => journal.cached_info().state.messages,
            Err(error) if is_missing(&error) => 0,
            Err(error) if Instant::now() >= deadline => return Err(unavailable(&error)),
            // The journal has no leader yet.
            Err(_) => 1,
        };
        if waiting == 0 {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(Error::Unavailable(format!(
                "NATS: {waiting} changes wait in the journal of an earlier version (stream {JOURNAL}): start a main server of that \
                 version once more until it is empty"
            )));
        }
        sleep(RETRY).await;
    }
}

fn is_missing(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

fn config(num_replicas: usize) -> Config {
    Config {
        name: key::STREAM.into(),
        description: Some("what Undead's main servers share".into()),
        subjects: vec![key::SUBJECTS.into()],
        max_messages_per_subject: 1,
        // What NATS's own key-value tools expect of a namespace.
        allow_rollup: true,
        deny_delete: true,
        storage: StorageType::File,
        num_replicas,
        ..Config::default()
    }
}

/// The version of the stream and the sequence that says so, `None` while nothing was written.
async fn version(stream: &Stream, known: u32) -> Result<Option<(u32, u64)>, Error> {
    let Some(message) = read::last(stream, key::SCHEMA).await? else { return Ok(None) };
    let text = String::from_utf8_lossy(&message.payload);
    let found = text.parse().map_err(|_| Error::Unavailable(format!("NATS: schema version {text:?}")))?;
    if found > known { Err(Error::TooNew { found, known }) } else { Ok(Some((found, message.sequence))) }
}

/// Makes the stream's version at least `known`, so that older programs refuse to start on it from now on.
async fn raise_version(stream: &Stream, context: &Context, known: u32) -> Result<(), Error> {
    let last = match version(stream, known).await? {
        Some((found, _)) if found == known => return Ok(()),
        Some((_, sequence)) => sequence,
        None => 0,
    };
    let publish =
        PublishMessage::build().payload(known.to_string().into()).expected_last_subject_sequence(last);
    let ack = context.send_publish(key::SCHEMA, publish).await.map_err(|error| unavailable(&error))?;
    // Another main server may have been first; then the next try reads what it wrote.
    ack.await.map(drop).map_err(|error| unavailable(&error))
}

#[cfg(test)]
mod tests {
    use nats_harness::Servers;
    use supervisor::Supervisor;

    use super::*;
    use crate::{Engine, nats::Nats};

    #[test]
    fn servers_before_2_10_are_refused_with_both_versions_named() {
        for supported in ["2.10.0", "2.10.26", "2.11.0-RC.2", "2.15.1", "3.0.0"] {
            assert_eq!(check_server(supported), Ok(()), "{supported}");
        }
        for old in ["2.9.10", "2.9.25-beta", "1.4.0", "", "2", "two.ten"] {
            let error = check_server(old).unwrap_err().to_string();
            assert!(error.contains(&format!("{old:?}")) && error.contains("2.10"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_store_opens_once_the_journal_of_an_earlier_version_is_empty() {
        let servers = Servers::start(1).unwrap();
        let Ok(Engine::Nats(addresses, access)) = servers.urls().parse() else { panic!() };
        let supervisor = Supervisor::new();
        let nats = Nats::open(&addresses, &access, &supervisor).await.unwrap();
        let subjects = vec!["undead.journal.>".to_owned()];
        let journal = Config { name: JOURNAL.into(), subjects, ..Config::default() };
        let journal = nats.context.create_stream(journal).await.unwrap();
        nats.context.publish("undead.journal.a", "{}".into()).await.unwrap().await.unwrap();
        let empty = async {
            // The other one looks several times until then.
            sleep(3 * RETRY).await;
            journal.purge().await.unwrap();
        };
        let (opened, ()) = tokio::join!(Nats::open(&addresses, &access, &supervisor), empty);
        assert!(opened.is_ok());
        assert_eq!(journal.get_info().await.unwrap().state.messages, 0);
    }

    #[tokio::test]
    async fn a_newer_program_raises_the_version_and_an_older_one_refuses_it() {
        let servers = Servers::start(1).unwrap();
        let Ok(Engine::Nats(addresses, access)) = servers.urls().parse() else { panic!() };
        let supervisor = Supervisor::new();
        assert!(matches!(
            Nats::open_existing(&addresses, &access, &supervisor).await.err(),
            Some(Error::Missing(_))
        ));
        let nats = Nats::open(&addresses, &access, &supervisor).await.unwrap();
        assert!(Nats::open_existing(&addresses, &access, &supervisor).await.is_ok());
        let (stream, newer) = (&nats.stream, VERSION + 1);
        raise_version(stream, &nats.context, newer).await.unwrap();
        raise_version(stream, &nats.context, newer).await.unwrap();
        let refused = Some(Error::TooNew { found: newer, known: VERSION });
        assert_eq!(Nats::open(&addresses, &access, &supervisor).await.err(), refused);
        assert_eq!(Nats::open_existing(&addresses, &access, &supervisor).await.err(), refused);
    }
}
