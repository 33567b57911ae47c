//! The options of every command, in groups that commands share.
//!
//! A field is the one definition of an option: its name is the key in the configuration file, its flag and its environment
//! variable follow from that name (see [`crate::config`]), its comment is the help and the text of the reference page. Names
//! end in the unit where a value has one.

mod jobs;
mod library;
mod log;
mod main_server;
mod member;
mod node;
mod objects;
mod parties;
mod server;
mod spawn;
mod tls;
mod trust;
mod units;
mod upkeep;
mod uploads;
pub(crate) mod values;
mod worker;

pub(crate) use self::{
    library::LibraryOptions,
    log::{LogFormat, LogOptions},
    main_server::{MainServerOptions, StoreOptions},
    member::MemberOptions,
    node::{NodeOptions, folder_name},
    objects::ObjectsOptions,
    server::{SecretOptions, ServerOptions},
    spawn::{Range, SpawnOptions},
    tls::{TlsMode, TlsOptions},
    trust::TrustOptions,
    upkeep::UpkeepOptions,
    worker::WorkerOptions,
};

/// Options that do not go together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contradiction {
    /// Their keys.
    pub(crate) keys: &'static [&'static str],
    /// The rule that they break.
    pub(crate) rule: &'static str,
}

impl Contradiction {
    /// Refuses these options if the `rule` is broken.
    ///
    /// # Errors
    /// A contradiction of `keys`, unless the rule `holds`.
    fn unless(holds: bool, keys: &'static [&'static str], rule: &'static str) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self { keys, rule }) }
    }
}
