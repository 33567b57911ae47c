//! Logs go to standard error; standard output carries only the URL to open.
//!
//! A thread of `tracing-appender` writes them from a bounded queue: while standard error is not read (a paused terminal, a full
//! pipe), only that thread waits. Lines that the queue cannot take are dropped, counted and reported.

use std::{
    io::{self, IsTerminal, Write},
    mem,
    panic::{self, PanicHookInfo},
    time::Duration,
};

use tokio::time::interval;
use tracing::{Level, Metadata};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{EnvFilter, filter::filter_fn, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::options::{LogFormat, LogOptions};

/// Interval for checking for dropped lines.
const REPORT: Duration = Duration::from_secs(5);

/// Reads what to log: levels, or targets with levels.
pub(crate) fn filter(text: &str) -> Result<String, String> {
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => {
            Err(format!("{error}; expected error, warn, info, debug or trace, alone or as target=level"))
        }
    }
}

/// The process's log. What is logged after [`Log::end`] is not written.
pub(crate) struct Log {
    writer: NonBlocking,
    dropped: ErrorCounter,
    writing: WorkerGuard,
}

/// Installs the process's one subscriber, which logs panics too. Call once, first thing.
pub(crate) fn start(options: &LogOptions) -> Log {
    let log = Log::to(io::stderr(), options.log_queue_lines);
    let filter = EnvFilter::builder().parse_lossy(&options.log);
    let lines = fmt().with_env_filter(filter).with_writer(log.writer.clone());
    match options.log_format {
        LogFormat::Text => {
            let lines = lines.with_ansi(io::stderr().is_terminal());
            lines.finish().with(filter_fn(keeps_secrets)).init();
        }
        LogFormat::Json => lines.json().flatten_event(true).finish().with(filter_fn(keeps_secrets)).init(),
    }
    // The default hook writes to standard error itself, and would wait for a reader.
    panic::set_hook(Box::new(log_panic));
    log
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "panicked at {place}: {}", panic.payload_as_str().unwrap_or("without a message"));
}

impl Log {
    fn to(output: impl Write + Send + 'static, queued_lines: u32) -> Self {
        let queued_lines = usize::try_from(queued_lines).unwrap_or(usize::MAX);
        let queue = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(queued_lines);
        let (writer, writing) = queue.thread_name("log").finish(output);
        Self { dropped: writer.error_counter(), writer, writing }
    }

    /// Logs how many lines were dropped, as soon as lines are written again.
    pub(crate) async fn report_dropped(&self) -> ! {
        let (mut ticks, mut reported) = (interval(REPORT), 0);
        loop {
            ticks.tick().await;
            reported = report(&self.dropped, reported);
        }
    }

    /// Writes the queued lines and then `last`; waits for a reader for one second at most.
    pub(crate) fn end(mut self, last: Option<&str>) {
        let dropped = self.dropped.dropped_lines();
        if let Some(last) = last {
            // Cannot fail: a line that does not fit into the queue is counted.
            drop(writeln!(self.writer, "{last}"));
        }
        if self.dropped.dropped_lines() > dropped {
            // The queue is full. Its guard would complain about that on standard output.
            mem::forget(self.writing);
        }
    }
}

/// Reports the lines that were dropped since there were `reported`; gives how many are reported now.
fn report(dropped: &ErrorCounter, reported: usize) -> usize {
    let total = dropped.dropped_lines();
    if total == reported {
        return reported;
    }
    let lines = total - reported;
    tracing::warn!(lines, "{lines} log lines were dropped because standard error was not read in time");
    // Unless that line was dropped, too: then it is tried again.
    if dropped.dropped_lines() == total { total } else { reported }
}

/// Whether an event may be logged, independent of the filter: below `info` the NATS client logs the messages it sends and
/// receives, with keys and the cluster secret.
fn keeps_secrets(event: &Metadata<'_>) -> bool {
    *event.level() <= Level::INFO || !event.target().starts_with("async_nats")
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    };

    use super::*;

    const LINES: u32 = 100;

    /// Takes nothing until the gate's other end is dropped, then everything.
    struct Stuck {
        gate: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.gate.recv();
            self.written.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stalled_output_blocks_no_caller_and_dropped_lines_are_reported_once_it_moves() {
        let (open, gate) = channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let log = Log::to(Stuck { gate, written: Arc::clone(&written) }, LINES);
        let subscriber = fmt().with_writer(log.writer.clone()).with_ansi(false).finish();
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..LINES + 100 {
                tracing::info!("line {number}");
            }
            let dropped = log.dropped.dropped_lines();
            assert!((98..=100).contains(&dropped), "{dropped}");
            assert_eq!(report(&log.dropped, 0), 0, "the report was dropped, too");
            drop(open);
            while report(&log.dropped, 0) == 0 {
                std::thread::yield_now();
            }
        });
        log.end(Some("the last line"));
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert!(text.contains("line 0\n") && text.contains("log lines were dropped"), "{}", text.len());
        assert!(text.ends_with("the last line\n"));
    }
}
