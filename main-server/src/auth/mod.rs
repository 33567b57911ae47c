//! Who may: the cluster secret, the grant key, grants, and passphrases.

mod grants;
mod passphrase;
mod secret;
mod vault;

pub(crate) use grants::Grants;
pub(crate) use passphrase::Passphrases;
pub use secret::Secret;
pub(crate) use vault::Vault;
