//! `undead library verify` and `gc`.

use protocol::upkeep::{BadBlob, Line, Problem, Verify};
use reqwest::{Method, Response};
use serde_json::json;

use crate::{
    failure::Failure,
    local::{self, CallError, Caller},
    output,
};

/// Most items that are printed of a blob; `--json` has more.
const MOST_SHOWN: usize = 10;
/// Longest line of an answer, in bytes.
const MAX_LINE_BYTES: usize = 1 << 20;

/// Prints what is damaged or missing. Fails if something is, and was not repaired.
pub(super) async fn verify(caller: &Caller, repair: bool, json: bool) -> Result<(), Failure> {
    let request = caller.request(Method::POST, "/api/library/verify").json(&Verify { repair });
    let last = last_line(local::send(request).await?, |line| match line {
        line if json => output::line(json!(line)),
        Line::Bad(bad) => output::line(row(bad)),
        _ => Ok(()),
    });
    let Line::Verified(verified) = last.await? else { return Err(cut_off()) };
    if !json {
        output::line(format_args!("{} blobs verified, {} bytes", verified.checked, verified.bytes))?;
    }
    match (verified.bad, verified.bad - verified.repaired.min(verified.bad)) {
        (0, _) => Ok(()),
        (_, 0) => Ok(()),
        (bad, left) => Err(Failure::Run(format!("{bad} blobs are damaged or missing, {left} of them still"))),
    }
}

fn row(bad: &BadBlob) -> String {
    let problem = match bad.problem {
        Problem::Damaged => "damaged",
        Problem::Missing => "missing",
    };
    // Of many, a screen shows some.
    let (shown, others) = bad.items.split_at(bad.items.len().min(MOST_SHOWN));
    let shown: Vec<String> = shown.iter().map(ToString::to_string).collect();
    let further = match others.len() as u64 + bad.further_items {
        0 => String::new(),
        further => format!(" and {further} more"),
    };
    let repaired = if bad.repaired { "repaired" } else { "-" };
    [problem, repaired, &bad.hash, &(shown.join(",") + &further)].join("\t")
}

/// Collects garbage and prints what was done.
pub(super) async fn collect(caller: &Caller, json: bool) -> Result<(), Failure> {
    let request = caller.request(Method::POST, "/api/library/gc");
    let last =
        last_line(local::send(request).await?, |line| if json { output::line(json!(line)) } else { Ok(()) });
    let Line::Collected(collected) = last.await? else { return Err(cut_off()) };
    if !json {
        output::line(format_args!(
            "{} blobs kept, {} bytes; {} discarded, {} bytes; {} restored; {} deleted for good",
            collected.kept,
            collected.kept_bytes,
            collected.discarded,
            collected.discarded_bytes,
            collected.restored,
            collected.purged
        ))?;
    }
    Ok(())
}

/// Calls `each` with every line of an answer as it comes, and returns the last one.
async fn last_line(
    mut answer: Response,
    mut each: impl FnMut(&Line) -> Result<(), Failure>,
) -> Result<Line, Failure> {
    let (mut bytes, mut last) = (Vec::new(), None);
    while let Some(piece) = answer.chunk().await.map_err(CallError::from)? {
        bytes.extend_from_slice(&piece);
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let line: Line =
                serde_json::from_slice(&bytes[..end]).map_err(Failure::run("the answer cannot be read"))?;
            bytes.drain(..=end);
            each(&line)?;
            last = Some(line);
        }
        if bytes.len() > MAX_LINE_BYTES {
            return Err(Failure::Run("the answer cannot be read: a line is too long".to_owned()));
        }
    }
    match last {
        Some(Line::Failed(reason)) => Err(Failure::Run(reason)),
        Some(line) => Ok(line),
        None => Err(cut_off()),
    }
}

fn cut_off() -> Failure {
    Failure::Run("the main server ended before it was done".to_owned())
}
