//! Items with titles, artists and albums of invented words.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde::Deserialize;
use tokio::{task::JoinSet, time::sleep};

use crate::{
    control::http::{Client, request},
    error::{Error, Result},
    uploads::{upload_file, wav},
};

/// Words that titles are made of, artists, and albums.
const WORDS: u32 = 2_000;
const ARTISTS: u32 = 500;
const ALBUMS: u32 = 1_000;
/// Number of parallel uploads.
const AT_ONCE: u32 = 8;
/// Samples of a file.
const SAMPLES: u32 = 1_600;
/// Time allowed per item, and for the first ones.
const ITEM_TIME: Duration = Duration::from_millis(200);
const START_TIME: Duration = Duration::from_secs(30);
/// Pause before another attempt while the server has too many uploads to process.
const RETRY: Duration = Duration::from_millis(100);
const SYLLABLES: [&str; 16] =
    ["ka", "lo", "mi", "ren", "sta", "vor", "du", "nel", "pi", "tor", "ga", "shi", "bel", "on", "fre", "zu"];

#[derive(Deserialize)]
struct Listing {
    total: u32,
}

/// Uploads `items` items, and waits until all of them are listed.
///
/// # Errors
/// Those of [`Client::ask`]; [`Error::Protocol`] if an upload is refused; [`Error::Incomplete`] if they are
/// not listed in time.
pub(super) async fn upload(address: SocketAddr, items: u32) -> Result<()> {
    let deadline = Instant::now() + START_TIME + ITEM_TIME * items;
    let mut uploads: JoinSet<Result<()>> = (0..AT_ONCE)
        .map(|first| async move {
            let mut client = Client::connect(address).await?;
            for number in (first..items).step_by(AT_ONCE as usize) {
                upload_one(&mut client, number, deadline).await?;
            }
            Ok(())
        })
        .collect();
    while let Some(uploaded) = uploads.join_next().await {
        uploaded.map_err(|error| Error::Protocol(error.to_string()))??;
    }
    let mut client = Client::connect(address).await?;
    let list = request("GET", "/api/library?limit=1", None, "");
    loop {
        let answer = client.ask(&list).await?;
        let listing: Listing = serde_json::from_slice(answer.body)
            .map_err(|error| Error::Protocol(format!("GET /api/library: {error}")))?;
        if listing.total >= items {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Error::Incomplete(format!("{} of {items} items are listed", listing.total)));
        }
        sleep(RETRY).await;
    }
}

async fn upload_one(client: &mut Client, number: u32, deadline: Instant) -> Result<()> {
    let (title, artist, album) = (title(number), artist(number), album(number));
    let metadata = [("title", title.as_str()), ("artist", &artist), ("album", &album)];
    let file = wav(u8::try_from(number % 251).unwrap_or_default(), SAMPLES);
    loop {
        match upload_file(client, &file, &metadata).await? {
            (201, _) => return Ok(()),
            (429, _) if Instant::now() < deadline => sleep(RETRY).await,
            (status, body) => {
                return Err(Error::Protocol(format!("an upload was answered {status}: {body}")));
            }
        }
    }
}

/// The title of an item: two words and its number.
pub(super) fn title(number: u32) -> String {
    format!("{} {} {number}", word(mixed(number, 1) % WORDS), word(mixed(number, 2) % WORDS))
}

fn artist(number: u32) -> String {
    let artist = mixed(number, 3) % ARTISTS;
    format!("{} {}", word(WORDS + artist), word(WORDS + ARTISTS + artist))
}

fn album(number: u32) -> String {
    word(2 * WORDS + mixed(number, 4) % ALBUMS)
}

/// A distinct word for each number below 65,536.
fn word(number: u32) -> String {
    let mut left = number.wrapping_mul(40_503) & 0xffff;
    let mut word = String::new();
    while left > 0 || word.is_empty() {
        word += SYLLABLES[left as usize % SYLLABLES.len()];
        left /= SYLLABLES.len() as u32;
    }
    word
}

/// A pseudo-random number, deterministic.
fn mixed(number: u32, salt: u32) -> u32 {
    let mixed = (number ^ salt.rotate_left(24)).wrapping_mul(0x9e37_79b1);
    let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x85eb_ca77);
    mixed ^ (mixed >> 13)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn words_differ() {
        let words: HashSet<String> = (0..3 * WORDS).map(word).collect();
        assert_eq!(words.len(), 3 * WORDS as usize);
    }

    #[test]
    fn titles_are_the_same_each_time_and_differ() {
        let titles: HashSet<String> = (0..10_000).map(title).collect();
        assert_eq!(titles.len(), 10_000);
        assert_eq!(title(7), title(7));
    }
}
