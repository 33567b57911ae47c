//! Programs under test: started in their control group and on their cores, monitored, and always ended.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::{
    error::{Context, Error, Result},
    forward_log, machine,
};

/// Timeout for a program to serve.
const START_TIME: Duration = Duration::from_secs(20);
/// Lines of a program's log that an error quotes.
const QUOTED_LINES: usize = 3;

/// A running program; killed on drop.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    log: PathBuf,
    url: String,
}

impl Program {
    /// Starts `command` on `cores`, with its standard error in `log`, and waits for the URL in its first line
    /// of output.
    ///
    /// # Errors
    /// [`Error::Program`] if it cannot be started, ends, or prints nothing for 20 s.
    pub fn start(name: &str, mut command: Command, cores: &[usize], log: &Path) -> Result<Self> {
        let file = File::create(log).context(|| format!("making {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file);
        let failed = |message: String| Error::Program { program: name.into(), message };
        // A child inherits the cores of the starting thread.
        let spawned = thread::scope(|scope| {
            let starter = scope.spawn(|| {
                machine::pin(cores)?;
                command.spawn().context(|| format!("starting {name}"))
            });
            starter.join().unwrap_or_else(|_| Err(failed("its starter panicked".into())))
        });
        let mut child = spawned?;
        let lines = child.stdout.take().map(first_lines);
        let mut program = Self { name: name.into(), child, log: log.into(), url: String::new() };
        match lines.and_then(|lines| lines.recv_timeout(START_TIME).ok()) {
            Some(url) => program.url = url.trim().to_owned(),
            None => {
                program.check()?;
                return Err(failed(format!("printed no URL; {}", program.last_words())));
            }
        }
        Ok(program)
    }

    /// Its name in logs and errors.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL it serves.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where its standard error goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Checks that it still runs.
    ///
    /// # Errors
    /// [`Error::Program`] with its exit status and last log lines if not.
    pub fn check(&mut self) -> Result<()> {
        // A program that printed nothing may be about to end.
        if self.url.is_empty() {
            thread::sleep(Duration::from_millis(100));
        }
        match self.child.try_wait().context(|| format!("watching {}", self.name))? {
            None => Ok(()),
            Some(status) => Err(Error::Program {
                program: self.name.clone(),
                message: format!("ended by itself ({status}); {}", self.last_words()),
            }),
        }
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        // Forward times do not explain its end.
        let lines: Vec<&str> = log.lines().filter(|line| !line.contains(forward_log::TARGET)).collect();
        let quoted = lines[lines.len().saturating_sub(QUOTED_LINES)..].join(" | ");
        format!("the end of {}: {quoted}", self.log.display())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail only if it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends the lines of `stdout`, and keeps reading, so that the program never blocks on its output.
fn first_lines(stdout: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines() {
            let Ok(line) = line else { break };
            // Only the first line has a receiver.
            let _ = sender.send(line);
        }
    });
    receiver
}
