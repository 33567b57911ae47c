//! The cost of serving the library on a node, next to nginx with the same fragments as files, in the same
//! run.
//!
//! One core is the server's, another the players'. The object store is a folder, which is also nginx's root;
//! the page cache is warm for both. There are two crowds: players of different songs, in which no fragment is
//! requested twice in a row, and players of one song. Each crowd is measured paced, as real players request,
//! and unpaced, each requesting again as soon as it has everything. Before that, every fragment is read once,
//! and that has its own figure: a node verifies a file before it sends it for the first time.

mod contestant;
mod page;
mod players;
mod songs;
mod stand_in;

use std::{fs, path::Path, time::Duration};

use serde::{Deserialize, Serialize};

pub use self::page::{fill, table};
use self::{
    contestant::Contestant,
    players::{Crowd, Until},
    songs::Songs,
};
use crate::{
    error::{Context, Result},
    machine::{self, Machine, Split},
    provenance::{self, Provenance},
};

/// The servers, by the names that records have.
pub(crate) const NODE: &str = "undead";
pub(crate) const NGINX: &str = "nginx";

/// The crowds: whether all players have the same song, and whether they pause between fragments.
pub(crate) const CROWDS: [(bool, bool); 4] = [(false, true), (false, false), (true, true), (true, false)];

/// The names of the crowds, in their order.
pub const CROWD_NAMES: [&str; 4] = ["different-paced", "different-unpaced", "one-paced", "one-unpaced"];

/// The file of a results folder with everything.
const RECORDS: &str = "library.json";

/// The parameters of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Number of songs, each with its own player in the crowd of many songs.
    pub songs: usize,
    /// Players of one song in the other crowd.
    pub players_of_one: usize,
    /// Fragments of a song.
    pub fragments: usize,
    /// Bytes of a fragment: 10 s of 256 kbit/s are 320,000.
    pub fragment_bytes: usize,
    /// Seconds between two fragments of a paced player.
    pub every_s: f64,
    /// Seconds of one unpaced measurement; a paced one takes four times as long.
    pub seconds: f64,
    /// Number of rounds.
    pub rounds: u32,
    /// The crowds that are measured, by [`CROWD_NAMES`].
    #[serde(default = "all_crowds")]
    pub crowds: Vec<String>,
}

fn all_crowds() -> Vec<String> {
    CROWD_NAMES.map(str::to_owned).into()
}

impl Plan {
    fn has(&self, name: &str) -> bool {
        self.crowds.iter().any(|crowd| crowd == name)
    }
}

/// One measurement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// Who served.
    pub server: String,
    /// Whether all players had the same song.
    pub one_song: bool,
    /// Whether players waited between fragments.
    pub paced: bool,
    /// Whether each fragment was requested once, for the first time.
    #[serde(default)]
    pub first: bool,
    /// Bytes of fragments that arrived.
    pub bytes: u64,
    /// Processor time of the server.
    pub cpu_us: u64,
    /// How long it took.
    pub window_us: u64,
    /// Time from a request to its last byte: the median, and the 99th percentile.
    pub p50_us: u64,
    /// See [`Self::p50_us`].
    pub p99_us: u64,
    /// Fragments that arrived after the next one was due.
    pub late: u64,
}

impl Measured {
    /// Processor time for each gigabyte of fragments, in seconds.
    pub(crate) fn cpu_s_per_gb(&self) -> f64 {
        self.cpu_us as f64 * 1e3 / (self.bytes as f64).max(1.0)
    }
}

/// Everything of a run.
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
    /// The measurements of one server and one crowd, in order.
    pub(crate) fn of(&self, server: &str, one_song: bool, paced: bool) -> Vec<&Measured> {
        let here = |one: &&Measured| {
            one.server == server && one.one_song == one_song && one.paced == paced && !one.first
        };
        self.measured.iter().filter(here).collect()
    }

    /// The measurements of one server in which each fragment was requested for the first time, in order.
    pub(crate) fn first(&self, server: &str) -> Vec<&Measured> {
        self.measured.iter().filter(|one| one.server == server && one.first).collect()
    }

    /// A crowd in words.
    pub(crate) fn crowd(&self, one_song: bool, paced: bool) -> String {
        let players = if one_song { self.plan.players_of_one } else { self.plan.songs };
        let songs = if one_song { "of one song" } else { "of different songs" };
        format!("{players} players {songs}, {}", if paced { "paced" } else { "unpaced" })
    }

    /// Loads a results folder.
    ///
    /// # Errors
    /// [`Error::Results`](crate::Error::Results).
    pub fn load(folder: &Path) -> Result<Self> {
        provenance::load(folder.join(RECORDS))
    }
}

/// Measures `plan` with the binary `undead`, and leaves the records in `out`.
///
/// # Errors
/// What is missing, or failed.
pub fn run(plan: Plan, undead: &Path, out: &Path, remark: Option<String>) -> Result<Records> {
    let machine = Machine::this()?;
    let split = Split::new(true, 1.0)?;
    machine::allow_sockets(plan.players_of_one.max(plan.songs) as u64)?;
    let folder = out.join("files");
    fs::create_dir_all(&folder).context(|| format!("making {}", folder.display()))?;
    let songs = Songs::write(&folder, &plan)?;
    machine::pin(&split.generator)?;
    let mut measured = Vec::new();
    for _ in 0..plan.rounds {
        for start in [Contestant::undead, Contestant::nginx] {
            let contestant = start(undead, &songs, &split.node, out)?;
            let crowd = Crowd { plan: &plan, songs: &songs, one_song: false, paced: false };
            let mut add = |one: Measured| {
                eprintln!("{}", page::line(&one));
                measured.push(one);
            };
            add(crowd.play(&contestant, Until::Once)?);
            let chosen = CROWDS.into_iter().zip(CROWD_NAMES).filter(|(_, name)| plan.has(name));
            for ((one_song, paced), _) in chosen {
                let crowd = Crowd { one_song, paced, ..crowd };
                crowd.play(&contestant, Until::After(Duration::from_secs_f64(plan.seconds / 5.0)))?;
                add(crowd.play(&contestant, Until::After(crowd.time()))?);
            }
        }
    }
    fs::remove_dir_all(&folder).context(|| format!("deleting {}", folder.display()))?;
    let records = Records { provenance: Provenance::new(machine, None, remark), plan, measured };
    provenance::save(&out.join(RECORDS), serde_json::to_string_pretty(&records))?;
    Ok(records)
}
