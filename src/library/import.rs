//! `undead library import`: uploads files over tus 1.0.0 and waits until they are items. It goes on after a main server ended, and with
//! the next file after one that fails.

use std::{
    fs, io,
    io::SeekFrom,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use protocol::item::{Item, State};
use reqwest::{Method, RequestBuilder, Response, StatusCode, header::LOCATION};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
    time::sleep,
};

use crate::{
    failure::Failure,
    local::{self, CallError, Caller},
    output,
};

/// Bytes of one request.
const PIECE_BYTES: usize = 8 << 20;
/// How often a request is made again, and the pause before: long enough for a main server to start again.
const ATTEMPTS: u32 = 60;
const RETRY: Duration = Duration::from_secs(1);
/// Intervals for asking whether a file has been read: short ones first, because a song has soon been read.
const FIRST_POLL: Duration = Duration::from_millis(10);
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// What the names of files end with that are taken from a folder. Named files are taken whatever they are called.
const EXTENSIONS: [&str; 17] = [
    "aac", "flac", "m4a", "m4b", "m4v", "mka", "mkv", "mov", "mp3", "mp4", "oga", "ogg", "ogv", "opus",
    "wav", "weba", "webm",
];

/// Imports the files, one after another.
///
/// # Errors
/// A file could not be imported; the others were.
pub(super) async fn run(caller: &Caller, paths: &[PathBuf]) -> Result<(), Failure> {
    if !caller.is_running() {
        return Err(Failure::Run("files are imported by the main server, which does not run".to_owned()));
    }
    let files = files(paths)?;
    let mut failures = 0;
    for file in &files {
        match import(caller, file).await {
            Ok(item) => output::line(format_args!("{}\t{}", item.item_id, item.title))?,
            Err(failure) if files.len() == 1 => return Err(failure),
            Err(failure) => {
                eprintln!("undead: {failure}");
                failures += 1;
            }
        }
    }
    match failures {
        0 => Ok(()),
        _ => Err(Failure::Run(format!("{failures} of {} files were not imported", files.len()))),
    }
}

/// The files that are named, and those in the folders that are, in the order of their names.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let (folder, before) = (path.display(), files.len());
            collect(path, &mut files).map_err(Failure::run(format!("cannot read {folder}")))?;
            if files.len() == before {
                return Err(Failure::Run(format!("{folder} has no audio or video files")));
            }
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// The audio and video files in a folder and in those below it. Links to folders are not followed, because they may lead back.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            collect(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|end| EXTENSIONS.iter().any(|known| end.eq_ignore_ascii_case(known)))
            && path.is_file()
        {
            files.push(path);
        }
    }
    Ok(())
}

/// Makes an item of a file. An upload that fails is ended, so that it takes no room.
async fn import(caller: &Caller, path: &Path) -> Result<Item, Failure> {
    let failed = || Failure::run(format!("cannot read {}", path.display()));
    let refused = || Failure::run(path.display());
    let mut file = File::open(path).await.map_err(failed())?;
    let length = file.metadata().await.map_err(failed())?.len();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let create = || {
        tus(caller, Method::POST, "/api/uploads")
            .header("upload-length", length)
            .header("upload-metadata", format!("filename {}", STANDARD.encode(name.as_bytes())))
    };
    let created = patiently(create).await.map_err(refused())?;
    let upload = created.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let upload = upload.map(path_of).ok_or_else(|| Failure::Run("the upload has no address".to_owned()))?;
    if let Err(failure) = send(caller, (path, &mut file, length), &upload).await {
        // Otherwise it expires.
        drop(local::send(tus(caller, Method::DELETE, &upload)).await);
        return Err(failure);
    }
    let mut pause = FIRST_POLL;
    let item_id = loop {
        let uploaded = patiently(|| tus(caller, Method::HEAD, &upload)).await.map_err(refused())?;
        let item = uploaded.headers().get("undead-item").and_then(|value| value.to_str().ok());
        if let Some(item) = item {
            break item.to_owned();
        }
        poll(&mut pause).await;
    };
    wait(caller, path, &item_id).await
}

/// The answer to a request, which is made again while the main server is away.
async fn patiently(request: impl Fn() -> RequestBuilder) -> Result<Response, CallError> {
    for _ in 0..ATTEMPTS {
        match local::send(request()).await {
            Err(error) if error.is_temporary() => sleep(RETRY).await,
            answer => return answer,
        }
    }
    local::send(request()).await
}

/// Sends the bytes that the upload lacks. After a failure it goes on where the main server has it.
async fn send(
    caller: &Caller,
    (path, file, length): (&Path, &mut File, u64),
    upload: &str,
) -> Result<(), Failure> {
    let refused = || Failure::run(path.display());
    let (mut offset, mut attempts) = (0, 0);
    while offset < length {
        let piece = piece(path, file, offset).await?;
        let append = tus(caller, Method::PATCH, upload)
            .header("upload-offset", offset)
            .header("content-type", "application/offset+octet-stream")
            .body(piece);
        let error = match local::send(append).await {
            Ok(appended) => {
                (offset, attempts) = (offset_of(&appended).unwrap_or(offset), 0);
                continue;
            }
            Err(error) => error,
        };
        attempts += 1;
        let may_go_on = error.is_temporary() || error.is_refusal(StatusCode::CONFLICT);
        if !may_go_on || attempts > ATTEMPTS {
            return Err(refused()(error));
        }
        sleep(RETRY).await;
        let found = patiently(|| tus(caller, Method::HEAD, upload)).await.map_err(refused())?;
        offset = offset_of(&found).unwrap_or(offset);
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

/// Waits for a while, and longer the next time.
async fn poll(pause: &mut Duration) {
    sleep(*pause).await;
    *pause = (*pause * 2).min(POLL_INTERVAL);
}

/// Waits until the file was read.
async fn wait(caller: &Caller, path: &Path, item_id: &str) -> Result<Item, Failure> {
    let refused = || Failure::run(path.display());
    let mut pause = FIRST_POLL;
    loop {
        let item = patiently(|| caller.request(Method::GET, &format!("/api/library/{item_id}")));
        let item = item.await.map_err(refused())?.json().await;
        let item: Item = item.map_err(|error| refused()(error.into()))?;
        match item.state {
            State::Ready => return Ok(item),
            State::Failed => {
                let reason = item.error.unwrap_or_default();
                return Err(Failure::Run(format!("{}: {reason}", path.display())));
            }
            State::Processing | State::Growing => poll(&mut pause).await,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_and_video_files_are_taken_from_folders_in_order() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("b/deep")).unwrap();
        fs::create_dir(folder.path().join("empty.mp3")).unwrap();
        for name in ["c.MP3", "a.flac", "b/deep/x.webm", "b/cover.jpg", "notes", "d.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path(), folder.path().join("b/back")).unwrap();
        let named = folder.path().join("d.txt");
        let found = files(&[named, folder.path().to_owned()]).unwrap();
        let name = |path: &PathBuf| path.strip_prefix(folder.path()).unwrap().display().to_string();
        assert_eq!(found.iter().map(name).collect::<Vec<_>>(), ["d.txt", "a.flac", "b/deep/x.webm", "c.MP3"]);
        assert!(files(&[folder.path().join("empty.mp3")]).is_err());
    }
}
