//! Runs the program `ffmpeg` on media of an item.
//!
//! The program reads media from a pipe, with a named demuxer, so it cannot open anything else. It writes files to the scratch folder, under
//! names that the caller chooses. It gets no shell, no environment and no terminal. A run ends when the task is cancelled, when its files
//! get too large, or after [`STALL_TIMEOUT`] without progress.
//!
//! ```text
//! blobs ──► stdin │ ffmpeg │ stdout ──► progress
//!                          │ stderr ──► the reason, if it fails
//!                          │ files in the scratch folder
//! ```

use std::{
    ffi::OsString,
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{Failed, Tools, item::Media, threads::spawn};

/// How long a run may neither read input nor advance its output.
const STALL_TIMEOUT: Duration = Duration::from_secs(600);
/// How often a run is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The most bytes that are kept of its error messages.
const MAX_MESSAGES_BYTES: usize = 2048;
/// The largest single allocation, in bytes.
const MAX_ALLOC: &str = "268435456";
/// The most pixels of a picture: 8K.
const MAX_PIXELS: &str = "35389440";

/// The most address space that it may take, in bytes. Encoding pictures of 8K took 3.1 GiB as H.264, and over 4.4 GiB as VP9.
#[cfg(target_os = "linux")]
const MAX_ADDRESS_SPACE: u64 = 8 << 30;

/// Options in front of the input: the demuxer of the container, and the pipe as the only protocol.
pub(crate) fn input(container: &str) -> Result<Vec<OsString>, Failed> {
    let demuxer = match container {
        "video/webm" | "audio/webm" => "matroska",
        "video/mp4" | "audio/mp4" => "mp4",
        "audio/mpeg" => "mp3",
        other => return Err(Failed::for_good(format!("ffmpeg does not read the container {other:?} here"))),
    };
    let options = [
        "-max_pixels",
        MAX_PIXELS,
        "-threads",
        "1",
        "-protocol_whitelist",
        "pipe",
        "-f",
        demuxer,
        "-i",
        "pipe:0",
    ];
    Ok(options.map(OsString::from).to_vec())
}

/// Options that every run begins with.
fn general() -> Vec<OsString> {
    let options = "-hide_banner -nostdin -loglevel error -nostats -progress pipe:1 -y -bitexact -filter_threads 1 -max_alloc";
    options.split(' ').chain([MAX_ALLOC]).map(OsString::from).collect()
}

/// One run of the program.
pub(crate) struct Run<'a> {
    /// The arguments after those of [`general`].
    pub(crate) arguments: Vec<OsString>,
    /// What it reads from standard input; `None` if it reads files of the scratch folder.
    pub(crate) media: Option<&'a Media>,
    /// The most bytes in the scratch folder.
    pub(crate) max_bytes: u64,
    /// How long its output will be, in ms.
    pub(crate) output_ms: u64,
    /// Where the task's progress begins and ends with this run.
    pub(crate) progress: std::ops::Range<f32>,
}

/// A child that does not outlive the run.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Fails if it has ended, which is fine.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Run<'_> {
    /// Runs it in the scratch folder.
    pub(crate) fn run(&self, tools: &Tools<'_>) -> Result<(), Failed> {
        let program = tools.ffmpeg.ok_or_else(|| Failed::again("the worker has no ffmpeg"))?;
        let mut child = Running(self.spawn(program, tools.scratch)?);
        limit_memory(&child.0)?;
        let (stdin, stdout, stderr) = (child.0.stdin.take(), child.0.stdout.take(), child.0.stderr.take());
        let (fed, (told, times)) = (AtomicU64::new(0), mpsc::channel());
        thread::scope(|scope| {
            let feeding = spawn(scope, || self.feed(stdin, &fed, tools))?;
            spawn(scope, move || stdout.map(|stdout| tell_times(stdout, &told)))?;
            let messages = spawn(scope, move || stderr.map(last_messages).unwrap_or_default())?;
            let status = self.watch(&mut child, &times, &fed, tools);
            // Its pipes are closed now, so the threads end.
            drop(child);
            let fed = feeding.join().unwrap_or_else(|_| Err(Failed::again("reading the item failed")));
            let messages = messages.join().unwrap_or_default();
            let status = status?;
            fed?;
            if status.success() { Ok(()) } else { Err(failure(status, &messages)) }
        })
    }

    fn spawn(&self, program: &Path, scratch: &Path) -> Result<Child, Failed> {
        let stdin = if self.media.is_some() { Stdio::piped() } else { Stdio::null() };
        let spawned = Command::new(program)
            .args(general())
            .args(&self.arguments)
            .current_dir(scratch)
            .env_clear()
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        spawned.map_err(|error| Failed::again(format!("ffmpeg cannot be started: {error}")))
    }

    /// Writes the media to its standard input, which it may close before the end.
    fn feed(&self, stdin: Option<ChildStdin>, fed: &AtomicU64, tools: &Tools<'_>) -> Result<(), Failed> {
        let (Some(mut stdin), Some(media)) = (stdin, self.media) else { return Ok(()) };
        for part in media.parts(tools) {
            let part = part?;
            if stdin.write_all(&part).is_err() {
                break;
            }
            fed.fetch_add(part.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Reports progress until the program ends, or a limit is reached.
    fn watch(
        &self,
        child: &mut Running,
        times: &mpsc::Receiver<u64>,
        fed: &AtomicU64,
        tools: &Tools<'_>,
    ) -> Result<ExitStatus, Failed> {
        let (mut state, mut moved_at) = ((0, 0), Instant::now());
        loop {
            let waited = times.recv_timeout(POLL_INTERVAL);
            let out_ms = *waited.as_ref().unwrap_or(&state.1);
            let now = (fed.load(Ordering::Relaxed), out_ms);
            if now != state {
                (state, moved_at) = (now, Instant::now());
            }
            let part = (out_ms as f32 / self.output_ms.max(1) as f32).clamp(0.0, 1.0);
            tools.report.progress(self.progress.start + part * (self.progress.end - self.progress.start))?;
            if moved_at.elapsed() > STALL_TIMEOUT {
                return Err(Failed::again(format!(
                    "ffmpeg made no progress for {} s",
                    STALL_TIMEOUT.as_secs()
                )));
            }
            if folder_bytes(tools.scratch) > self.max_bytes {
                let limit = self.max_bytes;
                return Err(Failed::for_good(format!("the file would be over the limit of {limit} bytes")));
            }
            match child.0.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if waited == Err(RecvTimeoutError::Disconnected) => thread::sleep(POLL_INTERVAL),
                Ok(None) => {}
                Err(error) => return Err(Failed::again(error.to_string())),
            }
        }
    }
}

/// Bounds the memory of the program, which has allocated next to nothing yet: without input it cannot go far.
#[cfg(target_os = "linux")]
fn limit_memory(child: &Child) -> Result<(), Failed> {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let limit = Rlimit { current: Some(MAX_ADDRESS_SPACE), maximum: Some(MAX_ADDRESS_SPACE) };
    let limited = prlimit(Some(Pid::from_child(child)), Resource::As, limit);
    limited
        .map(|_| ())
        .map_err(|error| Failed::again(format!("the memory of ffmpeg cannot be limited: {error}")))
}

/// Other systems bound single allocations alone.
#[cfg(not(target_os = "linux"))]
fn limit_memory(_: &Child) -> Result<(), Failed> {
    Ok(())
}

/// Sends how many ms of output there are, each time that it reports them.
fn tell_times(stdout: impl Read, told: &Sender<u64>) {
    for line in BufReader::new(stdout).lines() {
        let Ok(line) = line else { break };
        let micros = line.strip_prefix("out_time_us=").and_then(|micros| micros.parse::<u64>().ok());
        if micros.is_some_and(|micros| told.send(micros / 1000).is_err()) {
            break;
        }
    }
}

/// Reads standard error to its end, and returns its last bytes.
fn last_messages(mut stderr: impl Read) -> String {
    let (mut messages, mut piece) = (Vec::new(), [0; 1024]);
    while let Ok(read @ 1..) = stderr.read(&mut piece) {
        messages.extend_from_slice(&piece[..read]);
        let too_many = messages.len().saturating_sub(MAX_MESSAGES_BYTES);
        messages.drain(..too_many);
    }
    String::from_utf8_lossy(&messages).into_owned()
}

/// A file that the program wrote cannot be read.
pub(crate) fn unreadable(error: io::Error) -> Failed {
    Failed::again(format!("the output of ffmpeg cannot be read: {error}"))
}

/// The bytes of the files in a folder.
fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).fold(0, u64::saturating_add)
}

/// Failures of the machine may not happen on another worker or at another time; failures of the media always do.
fn failure(status: ExitStatus, messages: &str) -> Failed {
    // Memory is not among them: the limits that it reached here are those of every worker.
    const OF_THE_MACHINE: [&str; 3] = ["No space left on device", "Unknown encoder", "Unrecognized option"];
    let last = messages.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message").trim();
    let reason = format!("ffmpeg failed ({status}): {last}");
    let is_of_the_machine =
        status.code().is_none() || OF_THE_MACHINE.iter().any(|known| messages.contains(known));
    if is_of_the_machine { Failed::again(reason) } else { Failed::for_good(reason) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_many_messages_is_kept() {
        let messages = last_messages(&*[&[b'x'; 100_000][..], b"the end"].concat());
        assert_eq!((messages.len(), messages.ends_with("the end")), (MAX_MESSAGES_BYTES, true));
    }

    #[test]
    fn the_demuxer_is_told_and_reads_nothing_else() {
        let arguments = input("video/webm").unwrap();
        assert!(arguments.windows(2).any(|two| two == ["-f", "matroska"]));
        assert!(arguments.windows(2).any(|two| two == ["-protocol_whitelist", "pipe"]));
        assert!(input("application/vnd.apple.mpegurl").is_err());
    }
}
