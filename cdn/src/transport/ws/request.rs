//! What a client asks for, in the address it connects to. Pure.

use protocol::{ErrorCode, WireError, event::ChunkName};
use serde::Deserialize;

use crate::transport::admission::{Client, Request, Start};

/// The query string as it stands. Unknown fields are ignored.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Query {
    grant: Option<String>,
    after: Option<String>,
    relay: Option<String>,
    back_ms: Option<u64>,
}

/// Reads the address.
///
/// # Errors
/// `invalid_request`, which names the field.
pub(super) fn read(stream: &str, query: Query) -> Result<Request, WireError> {
    let stream = stream.parse().map_err(|_| invalid("the address names no stream id"))?;
    let Query { grant, after, relay, back_ms } = query;
    let start = match after {
        Some(after) => {
            Start::After(chunk_name(&after).ok_or_else(|| invalid("after is no take.group.index"))?)
        }
        // Going further back than one viewer needs is for nodes that serve others.
        None => Start::Back { ms: back_ms.filter(|_| relay.is_some()).unwrap_or_default() },
    };
    let client = relay.map_or(Client::Viewer, Client::Relay);
    Ok(Request { stream, grant, client, start })
}

pub(super) fn invalid(message: &str) -> WireError {
    WireError::new(ErrorCode::InvalidRequest, format!("{message}; see docs/protocol.md, section WebSocket"))
}

fn chunk_name(text: &str) -> Option<ChunkName> {
    let mut numbers = text.split('.');
    let name = ChunkName {
        take: numbers.next()?.parse().ok()?,
        group: numbers.next()?.parse().ok()?,
        index: numbers.next()?.parse().ok()?,
    };
    numbers.next().is_none().then_some(name)
}

#[cfg(test)]
mod tests {
    use protocol::StreamId;

    use super::*;

    #[test]
    fn chunk_names_are_three_numbers() {
        assert_eq!(chunk_name("1.22.3"), Some(ChunkName { take: 1, group: 22, index: 3 }));
        for wrong in ["", "1", "1.2", "1.2.", "1.2.3.4", "1.2.-3", "1.2.4294967296", "a.b.c"] {
            assert_eq!(chunk_name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_invalid_request() {
        let id = StreamId::new("a", 1).to_string();
        let after = Query { after: Some("7".into()), ..Query::default() };
        for (stream, query) in [("nothing", Query::default()), (&*id, after)] {
            assert_eq!(read(stream, query).err().unwrap().code, ErrorCode::InvalidRequest);
        }
        assert!(read(&id, Query::default()).is_ok());
    }
}
