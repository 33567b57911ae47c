//! The cost of parties on a main server, and how soon members know what a host did: real HTTP, one event
//! stream per member.
//!
//! One core is the main server's, another the members'. In each case parties are created, members join, and
//! then every host sends commands at a steady rate. Commands are open loop, timed from their due times. Every
//! member has its own clock, hours off, and computes the position from its estimate of the server's clock and
//! its timeline, as pages do. One thread runs all members.

mod case;
mod clock;
mod events;
mod host;
mod member;
mod page;
mod seen;
mod songs;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use self::page::{fill, table};
use crate::{
    control::{
        engine::{Engine, Setting},
        record::{Answers, Used},
    },
    error::Result,
    generator::Generator,
    histogram::Histogram,
    machine,
    provenance::{self, Provenance},
};

/// The file of a results folder with everything.
const RECORDS: &str = "party.json";

/// The response times of the old system, by listeners; for the first the number of listeners is unknown.
pub(crate) const OLD_ANSWERS: [(u32, f64); 2] = [(5, 500.0), (100, 5000.0)];
/// The number of its listeners, and the difference between them, ms.
pub(crate) const OLD_SPREAD: (u32, f64) = (90, 1000.0);

/// A number of parties and members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Parties at the same time.
    pub parties: u32,
    /// Members of each, including the host.
    pub members: u32,
}

/// What is measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// One after another.
    pub cases: Vec<Case>,
    /// Seconds during which hosts send commands, in each case.
    pub seconds: f64,
    /// Commands per second of all hosts together, if a host's rate limit allows it.
    pub commands_per_s: f64,
    /// The store.
    pub engine: Engine,
}

impl Plan {
    /// The cases that the report shows.
    pub fn report_cases() -> Vec<Case> {
        let of_one = [5, 90, 100, 300, 1000].map(|members| Case { parties: 1, members });
        let of_five = [100, 1000].map(|parties| Case { parties, members: 5 });
        of_one.into_iter().chain(of_five).collect()
    }
}

/// One case, measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// The parties and members.
    pub case: Case,
    /// Time from the request to join until the member has the whole party, including the clock's exchanges.
    pub joins: Histogram,
    /// The answers to commands, timed from their due times.
    pub answers: Answers,
    /// Time from a command's due time until the last member had the event.
    pub to_all: Histogram,
    /// Time from a command's due time until each member had it.
    pub to_each: Histogram,
    /// Difference of positions between the members of a party, sampled every 100 ms.
    pub spread: Histogram,
    /// Commands that were skipped because the previous one had not reached all members.
    pub late: u64,
    /// Resources used while commands were sent.
    pub used: Used,
}

/// A run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Records {
    /// Machine, time and sources.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// What was measured.
    pub plan: Plan,
    /// In the order of measuring.
    pub measured: Vec<Measured>,
}

impl Records {
    /// Loads a results folder.
    ///
    /// # Errors
    /// [`Error::Results`](crate::Error::Results).
    pub fn load(folder: &Path) -> Result<Self> {
        provenance::load(folder.join(RECORDS))
    }
}

/// A configured benchmark.
pub struct Bench<'a> {
    /// What is measured.
    pub plan: Plan,
    /// The binary to measure.
    pub undead: &'a Path,
    /// The program `nats-server`, for its stores.
    pub nats_server: &'a Path,
}

impl Bench<'_> {
    /// Measures all cases, each with a new main server, and leaves the records in `out`.
    ///
    /// # Errors
    /// What is missing, or failed.
    pub fn run(self, out: &Path, remark: Option<String>) -> Result<Records> {
        let sockets = |case: &Case| u64::from(case.parties) * (u64::from(case.members) + 1);
        machine::allow_sockets(self.plan.cases.iter().map(sockets).max().unwrap_or_default())?;
        let generator = Generator::start()?;
        let mut measured = Vec::new();
        for (number, &case) in self.plan.cases.iter().enumerate() {
            let logs = out.join("logs").join(number.to_string());
            let setting = Setting {
                options: &["--upload", "open"],
                ..Setting::beside(&generator, self.undead, self.nats_server, &logs)
            };
            let one = setting.measure(self.plan.engine, &generator, async |plant| {
                case::measure(case, &self.plan, plant).await
            })?;
            eprintln!("{}", page::line(&one));
            measured.push(one);
        }
        let records = Records { provenance: generator.provenance(remark), plan: self.plan, measured };
        provenance::save(&out.join(RECORDS), serde_json::to_string(&records))?;
        Ok(records)
    }
}
