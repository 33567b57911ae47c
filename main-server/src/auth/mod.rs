//! Authorization: the cluster secret, the grant key, grants, passphrases, the hashes of passphrases and passwords,
//! and random tokens.

mod grants;
mod hasher;
mod passphrase;
mod secret;
pub(crate) mod token;
mod vault;

pub(crate) use grants::{Grants, LONGEST_GRANT, PLAY, lifetime, proves_admission};
pub(crate) use hasher::{Error as HasherError, Hasher, hash};
pub use passphrase::PASSPHRASE_CHARS;
pub(crate) use passphrase::{Attempt, Passphrases};
pub use secret::Secret;
pub(crate) use vault::{Error as VaultError, Seed, Vault, cluster_secret_at};
