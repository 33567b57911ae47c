//! `undead library import`: uploads files over tus 1.0.0 and waits until they are items. An upload goes on after a main server ended.

use std::{io::SeekFrom, path::Path, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use protocol::item::{Item, State};
use reqwest::{Method, RequestBuilder, Response, header::LOCATION};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
    time::sleep,
};

use crate::{
    failure::Failure,
    local::{self, Caller},
};

/// Bytes of one request.
const PIECE_BYTES: usize = 8 << 20;
/// How often a piece is tried again, and the pause before: long enough for a main server to start again.
const ATTEMPTS: u32 = 60;
const RETRY: Duration = Duration::from_secs(1);
/// How often it is asked whether a file has been read.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Imports the files, one after another. A file that fails ends the command.
pub(super) async fn run(caller: &Caller, files: &[String]) -> Result<(), Failure> {
    if !caller.is_running() {
        return Err(Failure::Run("files are imported by the main server, which does not run".to_owned()));
    }
    for file in files {
        let item = import(caller, Path::new(file)).await?;
        println!("{}\t{}", item.item_id, item.title);
    }
    Ok(())
}

async fn import(caller: &Caller, path: &Path) -> Result<Item, Failure> {
    let failed = || Failure::run(format!("cannot read {}", path.display()));
    let mut file = File::open(path).await.map_err(failed())?;
    let length = file.metadata().await.map_err(failed())?.len();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let create = tus(caller, Method::POST, "/api/uploads")
        .header("upload-length", length)
        .header("upload-metadata", format!("filename {}", STANDARD.encode(name.as_bytes())));
    let created = local::send(create).await?;
    let upload = created.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let upload = upload.map(path_of).ok_or_else(|| Failure::Run("the upload has no address".to_owned()))?;
    send(caller, (path, &mut file, length), &upload).await?;
    let item_id = loop {
        let uploaded = local::send(tus(caller, Method::HEAD, &upload)).await?;
        let item = uploaded.headers().get("undead-item").and_then(|value| value.to_str().ok());
        if let Some(item) = item {
            break item.to_owned();
        }
        sleep(POLL_INTERVAL).await;
    };
    wait(caller, path, &item_id).await
}

/// Sends the bytes that the upload lacks. After a failure it goes on where the main server has it.
async fn send(
    caller: &Caller,
    (path, file, length): (&Path, &mut File, u64),
    upload: &str,
) -> Result<(), Failure> {
    let (mut offset, mut attempts) = (0, 0);
    while offset < length {
        let piece = piece(path, file, offset).await?;
        let append = tus(caller, Method::PATCH, upload)
            .header("upload-offset", offset)
            .header("content-type", "application/offset+octet-stream")
            .body(piece);
        let failure = match local::send(append).await {
            Ok(appended) => {
                (offset, attempts) = (offset_of(&appended).unwrap_or(offset), 0);
                continue;
            }
            Err(failure) => failure,
        };
        attempts += 1;
        if attempts > ATTEMPTS {
            return Err(failure);
        }
        sleep(RETRY).await;
        if let Ok(found) = local::send(tus(caller, Method::HEAD, upload)).await {
            offset = offset_of(&found).unwrap_or(offset);
        }
    }
    Ok(())
}

/// At most [`PIECE_BYTES`] of the file.
async fn piece(path: &Path, file: &mut File, offset: u64) -> Result<Vec<u8>, Failure> {
    let failed = || Failure::run(format!("cannot read {}", path.display()));
    file.seek(SeekFrom::Start(offset)).await.map_err(failed())?;
    let mut piece = Vec::new();
    match file.take(PIECE_BYTES as u64).read_to_end(&mut piece).await.map_err(failed())? {
        0 => Err(Failure::Run(format!("{} became shorter while it was read", path.display()))),
        _ => Ok(piece),
    }
}

fn offset_of(answer: &Response) -> Option<u64> {
    answer.headers().get("upload-offset")?.to_str().ok()?.parse().ok()
}

/// Waits until the file was read.
async fn wait(caller: &Caller, path: &Path, item_id: &str) -> Result<Item, Failure> {
    loop {
        let item = caller.call(Method::GET, &format!("/api/library/{item_id}"), None).await?;
        let item: Item = serde_json::from_value(item).map_err(Failure::run("the answer cannot be read"))?;
        match item.state {
            State::Ready => return Ok(item),
            State::Failed => {
                let reason = item.error.unwrap_or_default();
                return Err(Failure::Run(format!("{}: {reason}", path.display())));
            }
            State::Processing | State::Growing => sleep(POLL_INTERVAL).await,
        }
    }
}

fn tus(caller: &Caller, method: Method, path: &str) -> RequestBuilder {
    caller.request(method, path).header("tus-resumable", "1.0.0")
}

/// The path of an address, which may be one of the site.
fn path_of(address: &str) -> String {
    reqwest::Url::parse(address).map_or_else(|_| address.to_owned(), |url| url.path().to_owned())
}
