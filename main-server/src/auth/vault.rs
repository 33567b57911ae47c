//! The secrets in the data folder: one file each, readable by its owner only. The cluster secret is there for nodes to
//! read; the key that signs grants only where a version that did not keep it in the store has left it.
//!
//! A file is written beside its place, synced, and then linked into it, so that a crash leaves either no secret or
//! a whole one, and of two processes that start together both use the one that was first.

use std::{
    fmt, fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

use super::secret::Secret;
use crate::private_file;

/// File of the cluster secret.
const CLUSTER_SECRET: &str = "cluster-secret";
/// File of the seed of the key that signs grants.
const GRANT_KEY: &str = "grant-key";
/// Random bytes per secret.
const BYTES: usize = 32;

/// What the key that signs grants is made of. Its `Debug` form does not reveal it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Seed(pub(crate) [u8; BYTES]);

impl Seed {
    /// A new one.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub(crate) fn random() -> Result<Self, Error> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(Error::Random)?;
        Ok(Self(bytes))
    }

    /// It as 64 hex digits.
    pub(crate) fn to_hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// The seed that 64 hex digits say; none if they do not.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed")
    }
}

/// Why a secret could not be read or made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file could not be read or written.
    #[error("secret file {0}: {1}")]
    File(PathBuf, io::Error),
    /// The file holds something else.
    #[error(
        "secret file {0} does not hold 64 hex digits: restore it, or delete it so that a new one is created"
    )]
    Malformed(PathBuf),
    /// The system gave no random bytes.
    #[error("the system's random generator failed: {0}")]
    Random(getrandom::Error),
}

/// Gives access to the secrets of one data folder, which exists.
pub(crate) struct Vault<'a> {
    folder: &'a Path,
}

/// The cluster secret in the file at `path`; made if there is none.
///
/// # Errors
/// See [`Error`].
pub(crate) fn cluster_secret_at(path: &Path) -> Result<Secret, Error> {
    Secret::new(&read_or_make(path)?).ok_or_else(|| Error::Malformed(path.to_owned()))
}

impl<'a> Vault<'a> {
    /// The vault in `folder`.
    pub(crate) fn new(folder: &'a Path) -> Self {
        Self { folder }
    }

    /// The cluster secret, made if there is none: what is proposed to the store.
    ///
    /// # Errors
    /// See [`Error`].
    pub(crate) fn cluster_secret(&self) -> Result<Secret, Error> {
        cluster_secret_at(&self.folder.join(CLUSTER_SECRET))
    }

    /// Sees to it that nodes that read the file find `secret`, whatever it held.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn mirror(&self, secret: &Secret) -> Result<(), Error> {
        let path = self.folder.join(CLUSTER_SECRET);
        let failed = |error| Error::File(path.clone(), error);
        let found = fs::read_to_string(&path).unwrap_or_default();
        if found.trim() == secret.reveal() {
            return Ok(());
        }
        tracing::warn!("{} had another secret than the store and was replaced", path.display());
        fs::remove_file(&path).map_err(failed)?;
        place(&path, secret.reveal()).map_err(failed)
    }

    /// The seed of the grant key: that of an earlier version, or a new one. Nothing is written.
    ///
    /// # Errors
    /// See [`Error`].
    pub(crate) fn grant_seed(&self) -> Result<Seed, Error> {
        let path = self.folder.join(GRANT_KEY);
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Seed::random(),
            Err(error) => Err(Error::File(path, error)),
            Ok(text) => Seed::from_hex(text.trim()).ok_or(Error::Malformed(path)),
        }
    }
}

fn read_or_make(path: &Path) -> Result<String, Error> {
    let failed = |error| Error::File(path.to_owned(), error);
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            place(path, &Seed::random()?.to_hex()).map_err(failed)?;
            fs::read_to_string(path).map_err(failed)
        }
        read => read.map_err(failed),
    }
}

/// Puts a file with `text` at `path`, unless one is there already. The file beside it is removed, whatever fails.
fn place(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let linked = write(&beside, text).and_then(|()| fs::hard_link(&beside, path));
    let removed = fs::remove_file(&beside);
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => removed,
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = private_file::options().truncate(true).open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cluster_secret_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::new(folder.path());
        let secret = vault.cluster_secret().unwrap();
        assert_eq!(secret.reveal().len(), 64);
        assert_eq!(vault.cluster_secret().unwrap().reveal(), secret.reveal());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn the_file_follows_what_was_decided() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::new(folder.path());
        vault.cluster_secret().unwrap();
        let decided = Secret::new("decided elsewhere").unwrap();
        vault.mirror(&decided).unwrap();
        assert_eq!(vault.cluster_secret().unwrap().reveal(), "decided elsewhere");
    }

    #[test]
    fn the_key_of_an_earlier_version_is_found_and_else_every_one_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::new(folder.path());
        assert_ne!(vault.grant_seed().unwrap(), vault.grant_seed().unwrap());
        fs::write(folder.path().join(GRANT_KEY), "07".repeat(32)).unwrap();
        assert_eq!(vault.grant_seed().unwrap(), Seed([7; 32]));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_them() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        Vault::new(folder.path()).cluster_secret().unwrap();
        let mode = fs::metadata(folder.path().join(CLUSTER_SECRET)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_key_is_an_error_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(GRANT_KEY);
        for text in ["", "00", &"é".repeat(32), &"zz".repeat(32), &"+1".repeat(32)] {
            fs::write(&path, text).unwrap();
            assert!(matches!(Vault::new(folder.path()).grant_seed(), Err(Error::Malformed(_))), "{text}");
            assert_eq!(fs::read_to_string(&path).unwrap(), *text);
        }
    }

    #[test]
    fn of_two_writers_the_first_wins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(CLUSTER_SECRET);
        place(&path, "first").unwrap();
        place(&path, "second").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().trim(), "first");
    }
}
