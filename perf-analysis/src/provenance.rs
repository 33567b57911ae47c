//! The provenance of figures: machine, commit, date and circumstances of a run; how they are named, stored
//! with the figures, read back, and shown in tables and captions.
//!
//! Scenarios whose records are one JSON file contain a [`Provenance`]. Those with a manifest have the same
//! facts in it, and share the table.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    error::{Context, Error, Result},
    machine::{self, Machine},
};

/// The default folder for a run of the current checkout. `suffix` distinguishes kinds of runs, e.g. `-jobs`.
pub fn folder(suffix: &str) -> PathBuf {
    Path::new("perf-analysis/results").join(format!("{}-{}{suffix}", machine::today(), machine::commit()))
}

/// The recorded circumstances of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The machine.
    pub machine: Machine,
    /// How the programs got precedence over others, if they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precedence: Option<String>,
    /// Commit of the checkout.
    pub commit: String,
    /// Date of the run.
    pub date: String,
    /// A remark for readers.
    pub remark: Option<String>,
}

impl Provenance {
    /// The provenance of a run of this checkout that ends today. `machine` is from before the run, because
    /// the run adds load, and pinning takes cores from it.
    pub(crate) fn new(machine: Machine, precedence: Option<String>, remark: Option<String>) -> Self {
        Self { machine, precedence, commit: machine::commit(), date: machine::today(), remark }
    }

    /// The run's table for the report. Its records are in `folder`; `rows` describe the run.
    pub(crate) fn table(&self, rows: Vec<(&str, String)>, folder: &str) -> String {
        let precedence = self.precedence.clone().map(|precedence| ("precedence", precedence));
        let commit = ("commit", format!("`{}`", self.commit));
        let rows: Vec<_> = precedence.into_iter().chain([commit]).chain(rows).collect();
        table(&self.machine, &rows, &link(folder), self.remark.as_deref())
    }

    /// One line for figures.
    pub(crate) fn caption(&self) -> String {
        let remark = self.remark.as_deref().map(|remark| format!("; {remark}")).unwrap_or_default();
        format!("{}; commit {}{remark}", self.machine.caption(), self.commit)
    }
}

/// The run, its machine and its circumstances: `rows` stand between the machine and the link to the
/// `records`.
pub(crate) fn table(
    machine: &Machine,
    rows: &[(&str, String)],
    records: &str,
    remark: Option<&str>,
) -> String {
    let rows: String = rows.iter().map(|(label, value)| format!("| {label} | {value} |\n")).collect();
    format!(
        "| | |\n|---|---|\n\
         | machine | {} |\n\
         | load average before the run | {} |\n\
         {rows}\
         | records | {records} |\n\
         | remark | {} |\n",
        machine.caption(),
        machine.load_before,
        remark.unwrap_or("none"),
    )
}

/// A link from the report to the records in `folder`.
fn link(folder: &str) -> String {
    format!("[`{folder}`](../{folder})")
}

/// A link, with whether the run was `finished`.
pub(crate) fn link_of(folder: &str, finished: bool) -> String {
    format!("{}, {}", link(folder), if finished { "complete" } else { "**incomplete**" })
}

/// Writes records in the form of `json` to `path`.
///
/// # Errors
/// [`Error::Protocol`] if they cannot be serialised, [`Error::Io`].
pub(crate) fn save(path: &Path, json: serde_json::Result<String>) -> Result<()> {
    let text = json.map_err(|error| Error::Protocol(error.to_string()))?;
    fs::write(path, text).context(|| format!("writing {}", path.display()))
}

/// Reads the records at `path`.
///
/// # Errors
/// [`Error::Io`]; [`Error::Results`] if they are invalid.
pub(crate) fn load<T: DeserializeOwned>(path: PathBuf) -> Result<T> {
    let text = fs::read_to_string(&path).context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| Error::Results { path, message: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_without_a_precedence_have_no_row_and_no_field_for_it() {
        let machine =
            Machine { cpu: "Abacus".into(), cores: 2, memory_bytes: 0, kernel: "k".into(), load_before: 0.5 };
        let precedence = Some("greatest weight".into());
        let with =
            Provenance { machine, precedence, commit: "c0ffee".into(), date: "d".into(), remark: None };
        let without = Provenance { precedence: None, ..with.clone() };
        let of = |provenance: &Provenance| {
            let json = serde_json::to_string(provenance).unwrap();
            (json.contains("precedence"), provenance.table(vec![], "here").contains("| precedence |"))
        };
        assert_eq!((of(&with), of(&without)), ((true, true), (false, false)));
    }
}
