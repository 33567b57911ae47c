//! What a client asks for, in the address it connects to and in its messages. Pure.

use protocol::{
    ErrorCode, Formats, WireError,
    event::{ClockRequest, FrameName, Renew, name},
};
use serde::Deserialize;
use serde_json::Value;

use crate::transport::admission::{Client, Request, Start};

/// The query string as it stands. Unknown fields are ignored.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Query {
    grant: Option<String>,
    after: Option<String>,
    relay: Option<String>,
    back_ms: Option<u64>,
    format: Option<Formats>,
}

/// Reads the address.
///
/// # Errors
/// `invalid_request`, which names the field.
pub(super) fn read(stream: &str, query: Query) -> Result<Request, WireError> {
    let stream = stream.parse().map_err(|_| invalid("the path has no valid stream id"))?;
    let Query { grant, after, relay, back_ms, format: formats } = query;
    let start = match after {
        Some(after) => {
            Start::After(chunk_name(&after).ok_or_else(|| invalid("after must be take.group.index"))?)
        }
        // Going further back than one viewer needs is for nodes that serve others.
        None => Start::Back { ms: back_ms.filter(|_| relay.is_some()).unwrap_or_default() },
    };
    let client = relay.map_or(Client::Viewer, Client::Relay);
    Ok(Request { stream, grant, client, start, formats })
}

/// What a client may ask for while it watches.
#[derive(Debug, PartialEq)]
pub(super) enum Event {
    Clock(ClockRequest),
    RequestKeyframe,
    Renew(Renew),
}

/// The event in a text message; none if it is not one of those.
pub(super) fn event(text: &str) -> Option<Event> {
    let (event, payload): (String, Value) = serde_json::from_str(text).ok()?;
    match event.as_str() {
        name::CLOCK => serde_json::from_value(payload).ok().map(Event::Clock),
        name::REQUEST_KEYFRAME => Some(Event::RequestKeyframe),
        name::RENEW => serde_json::from_value(payload).ok().map(Event::Renew),
        _ => None,
    }
}

pub(super) fn invalid(message: &str) -> WireError {
    WireError::new(ErrorCode::InvalidRequest, format!("{message}; see docs/protocol.md, section WebSocket"))
}

fn chunk_name(text: &str) -> Option<FrameName> {
    let mut numbers = text.split('.');
    let name = FrameName {
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
        assert_eq!(chunk_name("1.22.3"), Some(FrameName { take: 1, group: 22, index: 3 }));
        for wrong in ["", "1", "1.2", "1.2.", "1.2.3.4", "1.2.-3", "1.2.4294967296", "a.b.c"] {
            assert_eq!(chunk_name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn events_are_read_and_others_passed_over() {
        assert_eq!(event(r#"["clock",{"t0_ms":1.5}]"#), Some(Event::Clock(ClockRequest { t0_ms: 1.5 })));
        assert_eq!(event(r#"["request_keyframe",{}]"#), Some(Event::RequestKeyframe));
        for other in ["", "[]", r#"["clock",{}]"#, r#"["of_a_later_version",{}]"#, r#"["request_keyframe"]"#]
        {
            assert_eq!(event(other), None, "{other}");
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
