//! Logs a shortage: at once, then at most once a minute while it lasts, and once when it is over.

use std::time::Duration;

use tokio::time::Instant;

/// Between two lines about the same shortage.
const REPEAT: Duration = Duration::from_secs(60);
/// The shortage is over after this time without another occurrence.
const OVER: Duration = Duration::from_secs(3);

/// A line to log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Number of occurrences since the last line.
    Short(u64),
    /// The shortage is over.
    Over,
}

#[derive(Debug, Default)]
pub(crate) struct Shortage {
    /// When it occurred last.
    last: Option<Instant>,
    logged: Option<Instant>,
    since_logged: u64,
}

impl Shortage {
    /// It occurred.
    pub(crate) fn occurred(&mut self, now: Instant) -> Option<Line> {
        self.last = Some(now);
        self.since_logged += 1;
        if self.logged.is_some_and(|logged| now < logged + REPEAT) {
            return None;
        }
        self.logged = Some(now);
        Some(Line::Short(std::mem::take(&mut self.since_logged)))
    }

    /// When to call [`Shortage::check`] next.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.last.map(|last| last + OVER)
    }

    /// Whether it is over by now.
    pub(crate) fn check(&mut self, now: Instant) -> Option<Line> {
        if self.due().is_none_or(|due| now < due) {
            return None;
        }
        *self = Self::default();
        Some(Line::Over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_logged_once_a_minute_and_when_it_is_over() {
        let (mut shortage, start) = (Shortage::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(shortage.occurred(at(0)), Some(Line::Short(1)));
        assert_eq!(shortage.occurred(at(2)), None);
        assert_eq!(shortage.occurred(at(59)), None);
        assert_eq!(shortage.check(at(60)), None);
        assert_eq!(shortage.occurred(at(61)), Some(Line::Short(3)));
        assert_eq!(shortage.due(), Some(at(64)));
        assert_eq!(shortage.check(at(64)), Some(Line::Over));
        assert_eq!((shortage.due(), shortage.check(at(100))), (None, None));
        assert_eq!(shortage.occurred(at(101)), Some(Line::Short(1)), "a new one");
    }
}
