//! The players: each reads fragments over a keep-alive connection and discards them.

use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{Measured, Plan, contestant::Contestant, songs::Songs};
use crate::error::{Context, Error, Result};

/// Bytes that a player reads at once.
const READ_BYTES: usize = 256 << 10;

/// Longest distinguishable time.
const MOST_US: u64 = 600_000_000;

/// The end of a crowd's playback.
#[derive(Clone, Copy)]
pub(super) enum Until {
    /// Until each player had all fragments once, each for the first time.
    Once,
    After(Duration),
}

/// A crowd of players.
#[derive(Clone, Copy)]
pub(super) struct Crowd<'a> {
    pub(super) plan: &'a Plan,
    pub(super) songs: &'a Songs,
    pub(super) one_song: bool,
    pub(super) paced: bool,
}

/// The results of a player.
#[derive(Default)]
struct Played {
    bytes: u64,
    times_us: Vec<u64>,
    late: u64,
}

/// A paced measurement takes this many times as long as an unpaced one: it uses so little CPU that the
/// clock's ticks would be a large part of it.
const PACED_TIMES: f64 = 4.0;

impl Crowd<'_> {
    /// The duration of the measurement.
    pub(super) fn time(&self) -> Duration {
        Duration::from_secs_f64(self.plan.seconds * if self.paced { PACED_TIMES } else { 1.0 })
    }

    /// Plays `until` then.
    pub(super) fn play(&self, contestant: &Contestant, until: Until) -> Result<Measured> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.context(|| "starting a runtime".into())?.block_on(self.measure(contestant, until))
    }

    async fn measure(&self, contestant: &Contestant, until: Until) -> Result<Measured> {
        let players = if self.one_song { self.plan.players_of_one } else { self.plan.songs };
        let (mut connections, mut buffer) = (Vec::new(), vec![0; READ_BYTES]);
        for player in 0..players {
            let song = if self.one_song { 0 } else { player };
            let mut stream = TcpStream::connect(contestant.address).await.context(|| "connecting".into())?;
            let requests = contestant.requests(self.songs, song)?;
            // A song has many more fragments than are played here, so that opening and closing connections is
            // not measured.
            if let Until::After(_) = until {
                fetch(&mut stream, &requests[0], &mut buffer).await?;
            }
            connections.push((stream, requests));
        }
        let (cpu_us, began) = (contestant.cpu_us()?, Instant::now());
        let every = Duration::from_secs_f64(self.plan.every_s);
        let mut playing = JoinSet::new();
        for (at, (stream, requests)) in connections.into_iter().enumerate() {
            let first =
                began + if self.paced { every.mul_f64(at as f64 / players as f64) } else { Duration::ZERO };
            let every = if self.paced { every } else { Duration::ZERO };
            let (begins, end) = match until {
                Until::Once => (0, None),
                Until::After(time) => (1, Some(began + time)),
            };
            playing.spawn(Player { stream, requests, begins, every }.play(first, end));
        }
        let (mut all, mut times) = (
            Played::default(),
            Histogram::<u64>::new_with_bounds(1, MOST_US, 3)
                .map_err(|error| Error::Protocol(error.to_string()))?,
        );
        let mut streams = Vec::new();
        while let Some(played) = playing.join_next().await {
            let (played, stream) = played.map_err(|error| Error::Protocol(error.to_string()))??;
            streams.push(stream);
            all.bytes += played.bytes;
            all.late += played.late;
            played.times_us.iter().for_each(|time| times.saturating_record(*time));
        }
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Ok(Measured {
            server: contestant.name.to_owned(),
            one_song: self.one_song,
            paced: self.paced,
            first: matches!(until, Until::Once),
            bytes: all.bytes,
            cpu_us: contestant.cpu_us()?.saturating_sub(cpu_us),
            window_us: micros(began.elapsed()),
            p50_us: times.value_at_quantile(0.5),
            p99_us: times.value_at_quantile(0.99),
            late: all.late,
        })
    }
}

struct Player {
    stream: TcpStream,
    requests: Vec<Vec<u8>>,
    /// Index of the first request.
    begins: usize,
    /// Interval of fragments; zero for none.
    every: Duration,
}

impl Player {
    /// Plays until `end`, or until each request was sent once. Returns the connection, which is still open.
    async fn play(mut self, first: Instant, end: Option<Instant>) -> Result<(Played, TcpStream)> {
        let (mut played, mut buffer) = (Played::default(), vec![0; READ_BYTES]);
        let mut due = first;
        for at in self.begins.. {
            let is_over = |now: Instant| end.map_or(at >= self.requests.len(), |end| now >= end);
            // Waiting for a request that is not sent any more would count the idle server's time.
            if is_over(due) {
                break;
            }
            sleep_until(due).await;
            let asked = Instant::now();
            if is_over(asked) {
                break;
            }
            played.bytes +=
                fetch(&mut self.stream, &self.requests[at % self.requests.len()], &mut buffer).await?;
            let took = asked.elapsed();
            played.times_us.push(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
            due += self.every;
            if !self.every.is_zero() && Instant::now() > due {
                played.late += 1;
            }
        }
        Ok((played, self.stream))
    }
}

/// Sends a request and reads its answer; returns the length of its body.
async fn fetch(stream: &mut TcpStream, request: &[u8], buffer: &mut [u8]) -> Result<u64> {
    let failed = || "fetching a fragment".to_owned();
    stream.write_all(request).await.context(failed)?;
    let mut head = 0;
    let (body_bytes, mut left) = loop {
        let read = stream.read(&mut buffer[head..]).await.context(failed)?;
        head += read;
        if let Some(end) = buffer[..head].windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
            let length =
                text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            match length {
                Some(length) if text.starts_with("http/1.1 200") => {
                    break (length, length - (head - end - 4) as u64);
                }
                _ => return Err(Error::Protocol(format!("{text:.200}"))),
            }
        }
        if read == 0 {
            return Err(Error::Protocol("the server closed the connection".into()));
        }
    };
    while left > 0 {
        let read = stream.read(buffer).await.context(failed)? as u64;
        if read == 0 {
            return Err(Error::Protocol("the server closed the connection".into()));
        }
        left -= read;
    }
    Ok(body_bytes)
}
