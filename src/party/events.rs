//! The events of a party, over connections that are made again when they end.

use std::{collections::VecDeque, mem, time::Duration};

use protocol::party::{EndReason, PartyChanged, PartyEnded, Timeline};
use reqwest::{Method, Response};
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};

use super::client::{CallError, Party, cause, send};

/// Pause before another connection.
const RETRY: Duration = Duration::from_secs(1);
/// Most bytes of an event. A state has at most 1 MiB.
const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;

/// What a terminal needs of the events.
#[derive(Debug, PartialEq)]
pub(super) enum Event {
    /// A connection begins; the clock may have to be read again.
    Snapshot(Timeline),
    /// The timeline is another one.
    Changed(Timeline),
    /// The party is over for this member.
    Ended(EndReason),
}

/// Reads events; the member is present meanwhile.
pub(super) struct Events<'a> {
    party: &'a Party,
    connection: Option<Response>,
    connect_at: Instant,
    parser: Parser,
    ready: VecDeque<Event>,
}

impl<'a> Events<'a> {
    pub(super) fn new(party: &'a Party) -> Self {
        let (connection, parser, ready) = (None, Parser::default(), VecDeque::new());
        Self { party, connection, connect_at: Instant::now(), parser, ready }
    }

    /// The next event. May be cancelled.
    ///
    /// # Errors
    /// The member or the party is not there any more.
    pub(super) async fn next(&mut self) -> Result<Event, CallError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            match self.read().await {
                Ok(()) => {}
                Err(error) if error.is_over() => return Err(error),
                Err(error) => {
                    tracing::warn!("the events stopped, trying again: {error}");
                    self.connection = None;
                    self.connect_at = Instant::now() + RETRY;
                }
            }
        }
    }

    async fn read(&mut self) -> Result<(), CallError> {
        let Some(connection) = &mut self.connection else {
            sleep_until(self.connect_at).await;
            self.connection = Some(send(self.party.request(Method::GET, "/events")).await?);
            self.parser = Parser::default();
            return Ok(());
        };
        let chunk = connection.chunk().await.map_err(|error| CallError::Failed(cause(error)))?;
        let chunk = chunk.ok_or_else(|| CallError::Failed("the server ended the connection".to_owned()))?;
        let events = self.parser.take(&chunk).map_err(|why| CallError::Failed(why.to_owned()))?;
        self.ready.extend(events.iter().filter_map(|(name, data)| event(name, data)));
        Ok(())
    }
}

fn event(name: &str, data: &str) -> Option<Event> {
    #[derive(Deserialize)]
    struct Snapshot {
        timeline: Timeline,
    }
    match name {
        "snapshot" => serde_json::from_str(data).ok().map(|Snapshot { timeline }| Event::Snapshot(timeline)),
        "changed" => {
            let mut changed: PartyChanged = serde_json::from_str(data).ok()?;
            serde_json::from_value(changed.changes.remove("timeline")?).ok().map(Event::Changed)
        }
        "ended" => serde_json::from_str(data).ok().map(|PartyEnded { reason }| Event::Ended(reason)),
        _ => None,
    }
}

/// Reads `text/event-stream`.
#[derive(Default)]
struct Parser {
    line: Vec<u8>,
    name: String,
    data: String,
}

impl Parser {
    /// The events that `bytes` complete, by name and data.
    fn take(&mut self, bytes: &[u8]) -> Result<Vec<(String, String)>, &'static str> {
        let mut events = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.len() + self.data.len() > MAX_EVENT_BYTES {
                return Err("an event is too long");
            }
            if piece.ends_with(b"\n") {
                let line = mem::take(&mut self.line);
                events.extend(self.end_line(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n'])));
            }
        }
        Ok(events)
    }

    fn end_line(&mut self, line: &str) -> Option<(String, String)> {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.name = value.to_owned(),
            "data" => self.data.push_str(value),
            "" if line.is_empty() => {
                let event = (mem::take(&mut self.name), mem::take(&mut self.data));
                return Some(event).filter(|(name, _)| !name.is_empty());
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_from_pieces_of_any_size() {
        let timeline = Timeline { at_ms: 5, ..Timeline::default() };
        let json = serde_json::to_string(&timeline).unwrap();
        let text = format!(
            ":\n\nevent: snapshot\r\ndata: {{\"timeline\":{json}}}\r\n\r\nevent: chat\ndata: {{}}\n\n:\n\n\
             event: changed\ndata: {{\"revision\":2,\"changes\":{{\"timeline\":{json},\"queue\":[]}}}}\n\n\
             event: changed\ndata: {{\"revision\":3,\"changes\":{{}}}}\n\nevent: ended\ndata: {{\"reason\":\"kicked\"}}\n\n"
        );
        for size in [1, 7, text.len()] {
            let mut parser = Parser::default();
            let events = text.as_bytes().chunks(size).flat_map(|chunk| parser.take(chunk).unwrap());
            let events: Vec<_> = events.filter_map(|(name, data)| event(&name, &data)).collect();
            let [snapshot, changed] = [Event::Snapshot(timeline.clone()), Event::Changed(timeline.clone())];
            assert_eq!(events, [snapshot, changed, Event::Ended(EndReason::Kicked)]);
        }
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = Parser::default();
        assert!((0..9).any(|_| parser.take(&vec![b'x'; 1024 * 1024]).is_err()));
    }
}
