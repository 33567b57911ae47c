//! Which engine keeps the store, as a setting.

use std::str::FromStr;

use crate::nats::{NatsAccess, NatsServer};

/// Which engine keeps the store.
#[derive(Clone, Debug, Default)]
pub enum Engine {
    /// A SQLite file in the data folder.
    #[default]
    Sqlite,
    /// SQLite without a file: the entries are lost when the process ends.
    SqliteInMemory,
    /// JetStream on these NATS servers. Any one that can be reached will do; several processes share the store.
    Nats(Vec<NatsServer>, NatsAccess),
}

impl FromStr for Engine {
    type Err = String;

    /// `sqlite`, or addresses of NATS servers separated by commas. The error never shows its input, which may hold a
    /// password.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "sqlite" => Ok(Self::Sqlite),
            text if NatsServer::has_scheme(text) => {
                let servers = text.split(',').map(|server| NatsServer::new(server.trim()));
                Ok(Self::Nats(servers.collect::<Result<_, _>>()?, NatsAccess::default()))
            }
            _ => {
                Err("the store is sqlite, or nats://host:port or tls://host:port with more after commas"
                    .into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_sqlite_or_nats_servers() {
        assert!(matches!("sqlite".parse(), Ok(Engine::Sqlite)));
        let Ok(Engine::Nats(servers, _)) = "nats://a:1, nats://u:p@b,tls://c".parse() else { panic!() };
        assert_eq!(servers.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a:1", "b", "c"]);
        for wrong in [
            "",
            "mysql",
            "nats://",
            "tls://",
            "nats://a,b",
            "http://a",
            "nats://u:p@",
            "nats://a/b",
            "tls://a?b",
        ] {
            assert!(wrong.parse::<Engine>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for text in [
            "nats://me:hunter2@a:4222",
            "tls://me:hunter2@a:4222",
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
