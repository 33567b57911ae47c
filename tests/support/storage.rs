//! Where a test keeps media and records: a folder or an S3 server that others wrote, SQLite or NATS.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use nats_harness::Servers;
use s3_harness::{BUCKET, KEY_ID, Moto, S3s, SECRET};

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A folder, and SQLite.
    Folder,
    /// The crate `s3s-fs`, and SQLite.
    S3s,
    /// The Python package `moto`, and three NATS servers.
    MotoAndNats,
}

enum Media {
    Folder(PathBuf),
    S3s(S3s),
    Moto(Moto),
}

/// It, while the test runs.
pub(crate) struct Storage {
    media: Media,
    records: Option<Servers>,
}

impl Storage {
    /// Starts what belongs to `place`. A folder is made in `folder`.
    pub(crate) async fn start(place: Place, folder: &Path) -> Self {
        let media = match place {
            Place::Folder => Media::Folder(folder.join("objects")),
            Place::S3s => Media::S3s(S3s::start().await),
            Place::MotoAndNats => Media::Moto(Moto::start().await),
        };
        let records = (place == Place::MotoAndNats).then(|| Servers::start(3).unwrap());
        Self { media, records }
    }

    /// Tells an `undead` process where it is.
    pub(crate) fn configure(&self, command: &mut Command) {
        let s3 = |endpoint: String| format!("s3://{BUCKET}?endpoint={endpoint}&region=us-east-1");
        let objects = match &self.media {
            Media::Folder(folder) => folder.display().to_string(),
            Media::S3s(server) => s3(server.endpoint()),
            Media::Moto(server) => s3(server.endpoint()),
        };
        command.env("UNDEAD_OBJECTS", objects);
        command.env("AWS_ACCESS_KEY_ID", KEY_ID).env("AWS_SECRET_ACCESS_KEY", SECRET);
    }

    /// The arguments of a main server, and of commands on its store.
    pub(crate) fn store_arguments(&self) -> Vec<String> {
        let urls = self.records.iter().map(Servers::urls);
        urls.flat_map(|urls| ["--store".to_owned(), urls]).collect()
    }

    /// The media takes and gives nothing: in the place of a folder's blobs there is a file, `s3s-fs` does not listen, `moto` does not
    /// answer.
    pub(crate) async fn go_away(&mut self) {
        match &mut self.media {
            Media::Folder(folder) => {
                fs::rename(folder.join("blobs"), folder.join("away")).unwrap();
                fs::write(folder.join("blobs"), "").unwrap();
            }
            Media::S3s(server) => server.stop().await,
            Media::Moto(server) => server.stop(),
        }
    }

    /// The media is there again.
    pub(crate) async fn come_back(&mut self) {
        match &mut self.media {
            Media::Folder(folder) => {
                fs::remove_file(folder.join("blobs")).unwrap();
                fs::rename(folder.join("away"), folder.join("blobs")).unwrap();
            }
            Media::S3s(server) => server.resume().await,
            Media::Moto(server) => server.resume(),
        }
    }

    /// Whether there are parts of uploads.
    pub(crate) async fn has_parts(&self) -> bool {
        let folder = match &self.media {
            Media::Folder(folder) => folder.join("uploads"),
            Media::S3s(server) => server.file("uploads"),
            Media::Moto(server) => return server.has("uploads/").await,
        };
        fs::read_dir(folder).is_ok_and(|mut uploads| uploads.next().is_some())
    }

    /// The file of a blob; `None` where the media is in memory.
    pub(crate) fn blob(&self, name: &str) -> Option<PathBuf> {
        let key = format!("blobs/{}/{name}", &name[..2]);
        match &self.media {
            Media::Folder(folder) => Some(folder.join(key)),
            Media::S3s(server) => Some(server.file(&key)),
            Media::Moto(_) => None,
        }
    }
}
