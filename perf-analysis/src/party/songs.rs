//! Items for parties: silent WAV files, uploaded like clients do.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use protocol::ItemId;
use serde::Deserialize;

use crate::{
    control::http::{Client, request},
    error::{Error, Result},
    uploads::{samples, upload_song, wav},
};

/// One song that plays, and two candidates.
const SONGS: u8 = 3;
/// Longer than joining and measuring take.
const SECONDS: u32 = 300;
/// Timeout for uploads to be ready.
const READY_TIME: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
struct Listing {
    items: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    item_id: ItemId,
    state: String,
}

/// Uploads the songs; returns their ids once all can be played.
///
/// # Errors
/// Those of [`Client::ask`], [`Error::Protocol`] if an upload is refused, [`Error::Incomplete`] if they are
/// not ready in time.
pub(super) async fn upload(address: SocketAddr) -> Result<Vec<ItemId>> {
    let mut client = Client::connect(address).await?;
    for number in 0..SONGS {
        upload_song(&mut client, &wav(number, samples(SECONDS))).await?;
    }
    let deadline = Instant::now() + READY_TIME;
    let list = request("GET", "/api/library", None, "");
    loop {
        let answer = client.ask(&list).await?;
        let listing: Listing = serde_json::from_slice(answer.body)
            .map_err(|error| Error::Protocol(format!("GET /api/library: {error}")))?;
        let ready = listing.items.iter().filter(|item| item.state == "ready");
        let ready: Vec<ItemId> = ready.map(|item| item.item_id).collect();
        if ready.len() == usize::from(SONGS) {
            return Ok(ready);
        }
        if Instant::now() > deadline {
            return Err(Error::Incomplete(format!("{} of {SONGS} uploads are ready", ready.len())));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
