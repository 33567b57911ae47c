//! One case: parties are created, members join, hosts send commands.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use super::{
    Case, Measured, Plan,
    host::Host,
    member::{Party, Reading, join},
    songs,
};
use crate::{
    control::{
        engine::Plant,
        record::{Answers, Meter},
    },
    error::{Error, Result},
    histogram::Histogram,
};

/// Number of parallel joins.
const JOINING: usize = 8;
/// Timeout for all joins.
const JOIN_TIME: Duration = Duration::from_secs(90);
/// Quiet time before commands begin: by then the first entry has begun, and the last joins have reached all.
const SETTLE: Duration = Duration::from_secs(2);
/// Shortest interval of one host's commands: a member may send ten a second.
const LEAST_BETWEEN: Duration = Duration::from_millis(125);
/// Time between two samples of the positions.
const SAMPLE: Duration = Duration::from_millis(100);

/// Measures one case.
///
/// # Errors
/// The first failure.
pub(super) async fn measure(case: Case, plan: &Plan, plant: &Plant) -> Result<Measured> {
    let address = plant.address();
    let songs = songs::upload(address).await?;
    let failure = Rc::new(RefCell::new(None));
    let check = || failure.take().map_or(Ok(()), Err);
    let mut hosts = Vec::new();
    for number in 0..case.parties {
        let host = Host::start(address, number as usize * case.members as usize, &songs, failure.clone());
        hosts.push(host.await?);
    }
    let parties: Vec<Rc<Party>> = hosts.iter().map(|host| host.party.clone()).collect();
    let joined = tokio::time::timeout(JOIN_TIME, join_all(address, &parties, case)).await;
    let (_members, joins) =
        joined.map_err(|_| Error::Incomplete(format!("not all joined in {} s", JOIN_TIME.as_secs())))??;
    tokio::time::sleep(SETTLE).await;
    check()?;

    let meter = Meter::start(plant)?;
    let used = meter.read(plant)?;
    let measured = Rc::new(RefCell::new(Measured {
        case,
        joins,
        answers: Answers::default(),
        to_all: Histogram::default(),
        to_each: Histogram::default(),
        spread: Histogram::default(),
        late: 0,
        used,
    }));
    command_all(hosts, &parties, plan, &measured).await?;
    let used = meter.read(plant)?;
    check()?;
    let measured = measured.borrow().clone();
    Ok(Measured { used, ..measured })
}

/// Makes all members that are not hosts join, in turn over the parties.
async fn join_all(
    address: SocketAddr,
    parties: &[Rc<Party>],
    case: Case,
) -> Result<(Vec<Reading>, Histogram)> {
    let joins = Rc::new(RefCell::new(Histogram::default()));
    let next = Rc::new(Cell::new(0));
    let all = parties.len() * (case.members as usize).saturating_sub(1);
    let mut clients = JoinSet::new();
    for _ in 0..JOINING {
        let (joins, next, parties) = (joins.clone(), next.clone(), parties.to_vec());
        clients.spawn_local(async move {
            let mut readings = Vec::new();
            while next.get() < all {
                let number = next.replace(next.get() + 1);
                let party = &parties[number % parties.len()];
                readings.push(join(address, party, parties.len() + number, &joins).await?);
            }
            Ok::<_, Error>(readings)
        });
    }
    let mut readings = Vec::new();
    while let Some(ended) = clients.join_next().await {
        readings.extend(ended.map_err(crashed)??);
    }
    Ok((readings, joins.take()))
}

/// Makes all hosts send commands, evenly spread, and samples the positions meanwhile.
async fn command_all(
    hosts: Vec<Host>,
    parties: &[Rc<Party>],
    plan: &Plan,
    measured: &Rc<RefCell<Measured>>,
) -> Result<()> {
    let count = hosts.len() as u32;
    let every = Duration::from_secs_f64(f64::from(count) / plan.commands_per_s).max(LEAST_BETWEEN);
    let (start, window) = (Instant::now(), Duration::from_secs_f64(plan.seconds));
    let mut leading = JoinSet::new();
    for (number, mut host) in (0..).zip(hosts) {
        let measured = measured.clone();
        let first = start + every * number / count;
        leading.spawn_local(async move {
            host.lead(first, every, start + window, &measured).await.map(|()| host)
        });
    }
    let mut samples = tokio::time::interval(SAMPLE);
    // Their connections stay open until all are done.
    let mut done = Vec::new();
    loop {
        tokio::select! {
            ended = leading.join_next() => match ended {
                Some(ended) => done.push(ended.map_err(crashed)??),
                None => return Ok(()),
            },
            _ = samples.tick() => sample(parties, &mut measured.borrow_mut().spread),
        }
    }
}

fn sample(parties: &[Rc<Party>], spread: &mut Histogram) {
    let now = Instant::now();
    for party in parties {
        if let Some(spread_ms) = party.seen.spread_ms(now) {
            spread.add((spread_ms * 1000.0) as u64);
        }
    }
}

fn crashed(crash: tokio::task::JoinError) -> Error {
    Error::Protocol(format!("a member crashed: {crash}"))
}
