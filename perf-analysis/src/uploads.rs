//! Items for a main server's library: silent WAV files, uploaded like clients do.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    control::http::Client,
    error::{Error, Result},
};

const SAMPLES_PER_S: u32 = 8_000;

/// Uploads a file with one request; `metadata` contains the item's texts. Returns the status of the answer,
/// and its body if the upload was refused.
///
/// # Errors
/// Those of [`Client::ask`].
pub(crate) async fn upload_file(
    client: &mut Client,
    file: &[u8],
    metadata: &[(&str, &str)],
) -> Result<(u16, String)> {
    let pair = |(key, value): &(&str, &str)| format!("{key} {}", STANDARD.encode(value));
    let metadata = metadata.iter().map(pair).collect::<Vec<_>>().join(",");
    let mut request = format!(
        "POST /api/uploads HTTP/1.1\r\nhost: main\r\ntus-resumable: 1.0.0\r\nupload-length: {0}\r\n\
         upload-metadata: {metadata}\r\ncontent-type: application/offset+octet-stream\r\ncontent-length: {0}\r\n\r\n",
        file.len()
    )
    .into_bytes();
    request.extend_from_slice(file);
    let answer = client.ask(&request).await?;
    let body = if answer.status == 201 { String::new() } else { String::from_utf8_lossy(answer.body).into() };
    Ok((answer.status, body))
}

/// As [`upload_file`], for a file that must be accepted.
///
/// # Errors
/// Those of [`Client::ask`]; [`Error::Protocol`] if the upload is refused.
pub(crate) async fn upload_song(client: &mut Client, file: &[u8]) -> Result<()> {
    match upload_file(client, file, &[]).await? {
        (201, _) => Ok(()),
        (status, body) => Err(Error::Protocol(format!("an upload was answered {status}: {body}"))),
    }
}

/// A WAV file with one 16-bit channel and `samples` samples of one value, which differs for each `number`.
pub(crate) fn wav(number: u8, samples: u32) -> Vec<u8> {
    let bytes = samples * 2;
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

/// The number of samples in so many seconds.
pub(crate) const fn samples(seconds: u32) -> u32 {
    seconds * SAMPLES_PER_S
}
