//! `undead library import`: uploads files over tus 1.0.0 and waits until they are items.

use std::{path::Path, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use protocol::item::{Item, State};
use reqwest::{Method, RequestBuilder, header::LOCATION};
use tokio::{fs::File, io::AsyncReadExt, time::sleep};

use crate::{
    failure::Failure,
    local::{self, Caller},
};

/// Bytes of one request.
const PIECE_BYTES: usize = 8 << 20;
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
    let mut offset = 0;
    while offset < length {
        let mut piece = Vec::new();
        let read = (&mut file).take(PIECE_BYTES as u64).read_to_end(&mut piece).await.map_err(failed())?;
        if read == 0 {
            return Err(Failure::Run(format!("{} became shorter while it was read", path.display())));
        }
        let append = tus(caller, Method::PATCH, &upload)
            .header("upload-offset", offset)
            .header("content-type", "application/offset+octet-stream")
            .body(piece);
        local::send(append).await?;
        offset += read as u64;
    }
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
