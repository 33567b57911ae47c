//! Authorization: the cluster secret, the grant key, grants, and passphrases.

mod grants;
mod passphrase;
mod secret;
mod vault;

pub(crate) use grants::Grants;
pub(crate) use passphrase::{
    Attempt, Error as PassphraseError, MAX_CHARS as MAX_PASSPHRASE_CHARS, Passphrases,
};
pub use secret::Secret;
pub(crate) use vault::{Error as VaultError, Seed, Vault, cluster_secret_at};
