//! `Upload-Checksum`: the digest that the bytes of one request have to have.

use base64::{Engine, engine::general_purpose::STANDARD};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The names of the digests, as `OPTIONS` lists them.
pub(super) const ALGORITHMS: &str = "sha1,sha256,md5";

/// The digest of bytes as they arrive, and what it has to be.
pub(super) struct Checksum {
    digest: Algorithm,
    expected: Vec<u8>,
}

enum Algorithm {
    Sha1(Sha1),
    Sha256(Sha256),
    Md5(Md5),
}

impl Checksum {
    /// The checksum that a header asks for: the name of a digest, and its value in Base64.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(header: &str) -> Result<Self, String> {
        let (name, value) = header.trim().split_once(' ').ok_or("Upload-Checksum has no value")?;
        let digest = match name {
            "sha1" => Algorithm::Sha1(Sha1::new()),
            "sha256" => Algorithm::Sha256(Sha256::new()),
            "md5" => Algorithm::Md5(Md5::new()),
            _ => return Err(format!("Upload-Checksum: expected one of {ALGORITHMS}")),
        };
        let expected = STANDARD.decode(value.trim()).map_err(|error| format!("Upload-Checksum: {error}"))?;
        Ok(Self { digest, expected })
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match &mut self.digest {
            Algorithm::Sha1(digest) => digest.update(bytes),
            Algorithm::Sha256(digest) => digest.update(bytes),
            Algorithm::Md5(digest) => digest.update(bytes),
        }
    }

    /// Whether all bytes together have the digest.
    pub(super) fn matches(self) -> bool {
        let Self { digest, expected } = self;
        match digest {
            Algorithm::Sha1(digest) => digest.finalize()[..] == expected,
            Algorithm::Sha256(digest) => digest.finalize()[..] == expected,
            Algorithm::Md5(digest) => digest.finalize()[..] == expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_usual_tools() {
        for header in [
            "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=",
            "sha256 LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
            "md5 XUFAKrxLKna5cZ2REBfFkg==",
        ] {
            let mut checksum = Checksum::parse(header).unwrap();
            checksum.update(b"hel");
            checksum.update(b"lo");
            assert!(checksum.matches(), "{header}");
            assert!(!Checksum::parse(header).unwrap().matches(), "{header}");
        }
        for header in ["sha1", "crc32 AAAA", "sha1 ???"] {
            assert!(Checksum::parse(header).is_err(), "{header}");
        }
    }
}
