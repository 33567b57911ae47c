//! The node's own forward times, read from its log during the trial.
//!
//! The node logs one event per segment at the target `undead::forward`, as one JSON object per line.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use serde::Deserialize;

use crate::error::{Context, Result};

/// The filter that makes a node log forward times, and otherwise only warnings and errors.
pub const FILTER: &str = "warn,undead::forward=trace";
/// The target of the events.
pub const TARGET: &str = "undead::forward";

/// Logged forward times that were not taken yet.
#[derive(Debug)]
pub struct ForwardLog {
    file: BufReader<File>,
    /// An incomplete line.
    partial: String,
    times: HashMap<(String, u64, u64), Times>,
}

/// How long a segment took through the node, from the arrival of its last byte there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Times {
    /// Until its chunks were queued for the connections of all viewers that keep up.
    pub forward_us: u64,
    /// Until the last of these connections took them for writing; left out by programs without such queues.
    pub taken_us: Option<u64>,
}

/// One event.
#[derive(Deserialize)]
struct Event {
    target: String,
    stream: Option<String>,
    take: Option<u64>,
    seq: Option<u64>,
    #[serde(flatten)]
    times: Option<Times>,
}

impl ForwardLog {
    /// Follows the log at `path` from its beginning.
    ///
    /// # Errors
    /// [`crate::Error::Io`].
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).context(|| format!("reading {}", path.display()))?;
        Ok(Self { file: BufReader::new(file), partial: String::new(), times: HashMap::new() })
    }

    /// Reads new lines. Other lines are ignored.
    ///
    /// # Errors
    /// [`crate::Error::Io`].
    pub fn read_on(&mut self) -> Result<()> {
        while self.file.read_line(&mut self.partial).context(|| "reading the node's log".into())? > 0 {
            if !self.partial.ends_with('\n') {
                break;
            }
            if let Some((segment, times)) = parse(&self.partial) {
                self.times.insert(segment, times);
            }
            self.partial.clear();
        }
        Ok(())
    }

    /// Removes and returns the times of a segment.
    pub fn take(&mut self, stream: &str, take: u64, seq: u64) -> Option<Times> {
        self.times.remove(&(stream.to_owned(), take, seq))
    }
}

fn parse(line: &str) -> Option<((String, u64, u64), Times)> {
    let event: Event = serde_json::from_str(line).ok().filter(|event: &Event| event.target == TARGET)?;
    Some(((event.stream?, event.take?, event.seq?), event.times?))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn lines_are_read_as_they_become_whole_and_others_passed_over() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut log = ForwardLog::open(file.path()).unwrap();
        let line = r#"{"level":"TRACE","stream":"s","take":0,"seq":7,"forward_us":42,"taken_us":50,"target":"undead::forward"}"#;
        write!(file, "not json\n{{\"target\":\"other\"}}\n{}", &line[..30]).unwrap();
        log.read_on().unwrap();
        assert_eq!(log.take("s", 0, 7), None);
        writeln!(file, "{}", &line[30..]).unwrap();
        log.read_on().unwrap();
        assert_eq!(log.take("s", 0, 7), Some(Times { forward_us: 42, taken_us: Some(50) }));
        assert_eq!(log.take("s", 0, 7), None);
    }
}
