//! A progress bar with an estimate, on standard error: redrawn in place on a terminal, one line per trial
//! elsewhere.

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

use crate::scenario::{Target, Trial};

/// Characters of the bar.
const WIDTH: usize = 30;
/// Estimated seconds for starting, joining and draining a trial, until trials have been measured.
const OVERHEAD_S: f64 = 1.5;

/// The progress of a run.
pub struct Progress {
    trials: usize,
    ended: usize,
    began: Instant,
    guess: Duration,
    terminal: bool,
}

impl Progress {
    /// A run of `trials` trials, each streaming for `streaming_s` seconds.
    pub fn new(trials: usize, streaming_s: f64) -> Self {
        Self {
            trials,
            ended: 0,
            began: Instant::now(),
            guess: Duration::from_secs_f64(streaming_s + OVERHEAD_S),
            terminal: std::io::stderr().is_terminal(),
        }
    }

    /// Shows that `trial` is running.
    pub fn begin(&self, trial: &Trial) {
        let target = if trial.target == Target::Floor { "floor" } else { "node" };
        let label = format!("{} {target}", trial.cell.name());
        let done = WIDTH * self.ended / self.trials.max(1);
        let bar = format!("{}{}", "#".repeat(done), ".".repeat(WIDTH - done));
        let line = format!("[{bar}] {}/{}  {} left  {label}", self.ended, self.trials, clock(self.left()));
        self.show(&line);
    }

    /// Counts the trial.
    pub fn end(&mut self) {
        self.ended += 1;
    }

    /// Ends the line.
    pub fn finish(&self) {
        self.show(&format!("{} trials in {}", self.ended, clock(self.began.elapsed())));
        if self.terminal {
            self.write("\n");
        }
    }

    fn left(&self) -> Duration {
        let each = match u32::try_from(self.ended) {
            Ok(ended) if ended > 0 => self.began.elapsed() / ended,
            _ => self.guess,
        };
        each * u32::try_from(self.trials - self.ended).unwrap_or(u32::MAX)
    }

    fn show(&self, line: &str) {
        if self.terminal {
            self.write(&format!("\r\x1b[K{line}"));
        } else {
            self.write(&format!("{line}\n"));
        }
    }

    fn write(&self, text: &str) {
        let mut err = std::io::stderr();
        // A failure means that standard error has no reader.
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }
}

fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs_f64().round() as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_starts_from_the_scenario() {
        let progress = Progress::new(4, 8.5);
        assert_eq!(clock(progress.left()), "0:40");
    }
}
