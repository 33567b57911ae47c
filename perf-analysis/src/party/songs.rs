//! Items for parties to play: silence as WAV files, uploaded as clients do.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use protocol::ItemId;
use serde::Deserialize;

use crate::{
    control::http::{Client, request},
    error::{Error, Result},
};

/// What plays, and two to vote for.
const SONGS: u8 = 3;
/// Longer than joining and measuring take.
const SECONDS: u32 = 300;
const SAMPLES_PER_S: u32 = 8_000;
/// How long uploads may take to be ready.
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

/// Uploads songs to the main server; returns their ids once all can be played.
///
/// # Errors
/// Those of [`Client::ask`], [`Error::Protocol`] if an upload is refused, [`Error::Incomplete`] if they are not ready in time.
pub(super) async fn upload(address: SocketAddr) -> Result<Vec<ItemId>> {
    let mut client = Client::connect(address).await?;
    for number in 0..SONGS {
        let song = wav(number);
        let mut upload = format!(
            "POST /api/uploads HTTP/1.1\r\nhost: main\r\ntus-resumable: 1.0.0\r\nupload-length: {0}\r\n\
             content-type: application/offset+octet-stream\r\ncontent-length: {0}\r\n\r\n",
            song.len()
        )
        .into_bytes();
        upload.extend(song);
        let answer = client.ask(&upload).await?;
        if answer.status != 201 {
            let body = String::from_utf8_lossy(answer.body);
            return Err(Error::Protocol(format!("an upload was answered {}: {body}", answer.status)));
        }
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

/// A WAV file with one 16-bit channel of constant samples, another value for each `number`.
fn wav(number: u8) -> Vec<u8> {
    let bytes = SECONDS * SAMPLES_PER_S * 2;
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + bytes).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16u32.to_le_bytes());
    wav.extend([1u16, 1].map(u16::to_le_bytes).concat());
    wav.extend([SAMPLES_PER_S, SAMPLES_PER_S * 2].map(u32::to_le_bytes).concat());
    wav.extend([2u16, 16].map(u16::to_le_bytes).concat());
    wav.extend(b"data");
    wav.extend(bytes.to_le_bytes());
    wav.extend([number, 0].repeat(bytes as usize / 2));
    wav
}
