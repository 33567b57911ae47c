//! A backup brings everything back, from any engine into any engine, and nothing else brings anything.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::path::Path;

use main_server::{
    App, Config, Engine,
    backup::{Error, backup, restore},
};
use nats_harness::Servers;
use tempfile::tempdir;

/// A store with what a main server puts there at its first start: secrets, keys, versions.
async fn filled(engine: &Engine, folder: &Path) -> String {
    let config = Config { engine: engine.clone(), ..Config::new(folder) };
    App::open(config).await.unwrap().cluster_secret().reveal().to_owned()
}

fn text(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_moves_from_sqlite_to_nats_and_back() {
    let (old, new, again) = (tempdir().unwrap(), tempdir().unwrap(), tempdir().unwrap());
    let servers = Servers::start(1).unwrap();
    let nats: Engine = servers.urls().parse().unwrap();
    let secret = filled(&Engine::Sqlite, old.path()).await;
    let (first, second, third) = (old.path().join("1"), old.path().join("2"), old.path().join("3"));

    let entries = backup(&Engine::Sqlite, old.path(), &first).await.unwrap();
    assert!(entries >= 3, "{entries}");
    assert_eq!(restore(&nats, new.path(), &first).await.unwrap(), entries);
    assert_eq!(filled(&nats, new.path()).await, secret, "the cluster is the same one");
    assert_eq!(backup(&nats, new.path(), &second).await.unwrap(), entries);
    restore(&Engine::Sqlite, again.path(), &second).await.unwrap();
    backup(&Engine::Sqlite, again.path(), &third).await.unwrap();
    assert_eq!(text(&first), text(&third));

    let full = restore(&nats, new.path(), &first).await;
    assert!(matches!(full, Err(Error::NotEmpty)), "{full:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_a_backup_and_an_older_one_is_not_overwritten() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().unwrap();
    filled(&Engine::Sqlite, folder.path()).await;
    let file = folder.path().join("backup");
    backup(&Engine::Sqlite, folder.path(), &file).await.unwrap();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let before = text(&file);
    assert!(matches!(backup(&Engine::Sqlite, folder.path(), &file).await, Err(Error::File(_))));
    assert_eq!(text(&file), before);
}

#[tokio::test]
async fn a_file_that_was_cut_off_restores_nothing() {
    let (folder, target) = (tempdir().unwrap(), tempdir().unwrap());
    filled(&Engine::Sqlite, folder.path()).await;
    let file = folder.path().join("backup");
    backup(&Engine::Sqlite, folder.path(), &file).await.unwrap();
    let whole = text(&file);
    let without_last_line = &whole[..whole.trim_end().rfind('\n').unwrap() + 1];
    std::fs::write(&file, without_last_line).unwrap();
    let refused = restore(&Engine::Sqlite, target.path(), &file).await;
    assert!(matches!(refused, Err(Error::Format(..))), "{refused:?}");
    std::fs::write(&file, whole).unwrap();
    restore(&Engine::Sqlite, target.path(), &file).await.unwrap();
}

#[tokio::test]
async fn where_there_is_no_store_none_is_made_to_be_backed_up() {
    let folder = tempdir().unwrap();
    let missing = backup(&Engine::Sqlite, folder.path(), &folder.path().join("backup")).await;
    assert!(matches!(missing, Err(Error::NoStore(_))), "{missing:?}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}
