//! Which engine keeps the store, as a setting.

use std::{fmt, str::FromStr};

/// Which engine keeps the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// A SQLite file in the data folder.
    #[default]
    Sqlite,
    /// SQLite without a file: the entries are lost when the process ends.
    SqliteInMemory,
    /// JetStream on these NATS servers. Any one that can be reached will do; several processes share the store.
    Nats(Vec<NatsServer>),
}

impl FromStr for Engine {
    type Err = String;

    /// `sqlite`, or addresses of NATS servers separated by commas. The error never shows its input, which may hold a
    /// password.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "sqlite" => Ok(Self::Sqlite),
            text if text.starts_with("nats://") => text
                .split(',')
                .map(|server| NatsServer::new(server.trim()))
                .collect::<Result<_, _>>()
                .map(Self::Nats),
            _ => Err("the store is sqlite, or nats://host:port with more after commas".into()),
        }
    }
}

/// The address of a NATS server. It prints as host and port, without its name and password.
#[derive(Clone, PartialEq, Eq)]
pub struct NatsServer(String);

impl NatsServer {
    /// `nats://host:port`, with `user:password@` before the host if need be.
    ///
    /// # Errors
    /// Says what an address looks like.
    pub fn new(url: &str) -> Result<Self, String> {
        let host = url.strip_prefix("nats://").map(after_credentials).unwrap_or_default();
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        if host.is_empty() || !host.chars().all(is_host) {
            return Err(
                "an address of a NATS server looks like nats://host:port or nats://user:password@host:port"
                    .into(),
            );
        }
        Ok(Self(url.to_owned()))
    }

    /// The whole address, credentials too.
    pub(crate) fn url(&self) -> &str {
        &self.0
    }
}

fn after_credentials(authority: &str) -> &str {
    authority.rsplit('@').next().unwrap_or_default()
}

impl fmt::Display for NatsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(after_credentials(self.0.trim_start_matches("nats://")))
    }
}

impl fmt::Debug for NatsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NatsServer({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_sqlite_or_nats_servers() {
        assert_eq!("sqlite".parse(), Ok(Engine::Sqlite));
        let Ok(Engine::Nats(servers)) = "nats://a:1, nats://u:p@b".parse() else { panic!() };
        assert_eq!(servers.iter().map(NatsServer::url).collect::<Vec<_>>(), ["nats://a:1", "nats://u:p@b"]);
        for wrong in ["", "mysql", "nats://", "nats://a,b", "tls://a", "nats://u:p@", "nats://a/b"] {
            assert!(wrong.parse::<Engine>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for text in [
            "nats://me:hunter2@a:4222",
            "nats://me:hun@ter2@a:4222",
            "nats://me:hunter2@",
            "nat://me:hunter2@a",
        ] {
            let shown = match text.parse::<Engine>() {
                Ok(engine) => format!("{engine:?}"),
                Err(error) => error,
            };
            assert!(!shown.contains("ter2"), "{shown}");
        }
    }
}
