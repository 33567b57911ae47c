//! The node's own forward times, read from its log while it is written.
//!
//! The node logs one event per segment at the target `undead::forward`, as a JSON object a line.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use serde::Deserialize;

use crate::error::{Context, Result};

/// The filter that makes a node log forward times and nothing below warnings besides.
pub const FILTER: &str = "warn,undead::forward=trace";
/// The target of the events.
pub const TARGET: &str = "undead::forward";

/// Forward times that were logged and not yet asked for.
#[derive(Debug)]
pub struct ForwardLog {
    file: BufReader<File>,
    /// A line that is not whole yet.
    partial: String,
    times: HashMap<(String, u64, u64), Times>,
}

/// How long a segment took through the node, from the arrival of its last byte there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Times {
    /// Until its chunks were queued for the connections of all viewers who keep up.
    pub forward_us: u64,
    /// Until the last of these connections took them to write; programs without such queues leave it out.
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

    /// Reads what was written since the last time. Lines that are not ours are passed over.
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

    /// The times of a segment, given out once.
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
