//! Certificate and key from files that something else renews.
//!
//! A changed file is read once it has stayed the same between two checks: programs that renew certificates replace one file
//! after the other, and halves of two pairs do not match.

use std::{
    fs::{self, Metadata},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use rustls::crypto::CryptoProvider;

use crate::{Error, certificate::Certificate};

/// What shows that a file was changed: modification time and size, and the file itself where links are switched.
type Stamp = (Option<SystemTime>, u64, u64);

pub(crate) struct Files {
    cert: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    /// Stamps of what was read last.
    read: [Option<Stamp>; 2],
    /// Stamps at the last check.
    seen: [Option<Stamp>; 2],
}

impl Files {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// Names the file that is missing or cannot be used.
    pub(crate) fn open(
        cert: PathBuf,
        key: PathBuf,
        provider: Arc<CryptoProvider>,
    ) -> Result<(Self, Certificate), Error> {
        let stamps = [stamp(&cert), stamp(&key)];
        let certificate = Certificate::read(&cert, &key, &provider)?;
        Ok((Self { cert, key, provider, read: stamps, seen: stamps }, certificate))
    }

    /// The new certificate, if the files have changed.
    ///
    /// # Errors
    /// The changed files cannot be used; reported once for each change.
    pub(crate) fn check(&mut self) -> Result<Option<Certificate>, Error> {
        let now = [stamp(&self.cert), stamp(&self.key)];
        let is_settled = std::mem::replace(&mut self.seen, now) == now;
        if now == self.read || !is_settled {
            return Ok(None);
        }
        self.read = now;
        Certificate::read(&self.cert, &self.key, &self.provider).map(Some)
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok(), metadata.len(), file_number(&metadata)))
}

#[cfg(unix)]
fn file_number(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn file_number(_: &Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use crate::server::provider;

    use super::*;

    fn pair(name: &str) -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        /// As programs that renew certificates do: a new file in place of the old one.
        fn put(&self, name: &str, text: &str) {
            fs::write(self.path("new"), text).unwrap();
            fs::rename(self.path("new"), self.path(name)).unwrap();
        }

        fn open(&self) -> Result<(Files, Certificate), Error> {
            Files::open(self.path("cert"), self.path("key"), provider())
        }
    }

    #[test]
    fn changed_files_are_read_once_they_are_complete() {
        let (folder, old, new) = (Folder::new(), pair("old.example"), pair("new.example"));
        folder.put("cert", &old.0);
        folder.put("key", &old.1);
        let (mut files, first) = folder.open().unwrap();
        assert!(first.covers(&"old.example".parse().unwrap()));
        assert!(files.check().unwrap().is_none());
        folder.put("cert", &new.0);
        assert!(files.check().unwrap().is_none(), "the key may follow");
        folder.put("key", &new.1);
        assert!(files.check().unwrap().is_none(), "it has only just changed");
        let renewed = files.check().unwrap().unwrap();
        assert!(renewed.covers(&"new.example".parse().unwrap()));
        assert_ne!(renewed.fingerprint, first.fingerprint);
        assert!(files.check().unwrap().is_none());
    }

    #[test]
    fn a_bad_new_file_is_reported_once_and_a_good_one_after_it_is_read() {
        let (folder, old, new) = (Folder::new(), pair("old.example"), pair("new.example"));
        folder.put("cert", &old.0);
        folder.put("key", &old.1);
        let (mut files, _) = folder.open().unwrap();
        folder.put("cert", "no certificate");
        assert!(files.check().unwrap().is_none());
        let error = files.check().unwrap_err().to_string();
        assert!(error.contains("cert: no certificate"), "{error}");
        assert!(files.check().unwrap().is_none(), "once");
        folder.put("cert", &new.0);
        assert!(files.check().unwrap().is_none());
        assert!(matches!(files.check(), Err(Error::Mismatch { .. })));
        folder.put("key", &new.1);
        assert!(files.check().unwrap().is_none());
        assert!(files.check().unwrap().is_some());
        fs::remove_file(folder.path("cert")).unwrap();
        assert!(files.check().unwrap().is_none());
        assert!(matches!(files.check(), Err(Error::File { .. })));
    }

    #[test]
    fn wrong_files_are_refused_with_the_reason() {
        let (folder, (cert, key)) = (Folder::new(), pair("a.example"));
        let refused = |cert: &str, key: &str| {
            folder.put("cert", cert);
            folder.put("key", key);
            folder.open().err().unwrap().to_string()
        };
        assert!(folder.open().err().unwrap().to_string().contains("cert: No such file"));
        assert!(refused("", &key).ends_with("cert: no certificate in PEM form (BEGIN CERTIFICATE)"));
        assert!(refused(&cert, "").contains("key: no private key in PEM form"));
        assert!(refused(&cert, &pair("a.example").1).contains("does not belong to"));
        assert!(refused(&cert[..cert.len() / 2], &key).contains("cert: "));
        let garbled = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(refused(garbled, &key).contains("the certificate cannot be read"));
        let both = format!("{key}{cert}");
        folder.put("cert", &both);
        folder.put("key", &both);
        assert!(folder.open().is_ok(), "one file may hold both");
    }
}
