//! How soon a main server answers with a page of the library, or with search results, when there are many
//! items; with each store in turn.
//!
//! One core is the main server's, another the client's. Items are created like people's: small files are
//! uploaded with a title, an artist and an album. Then one client requests one page after another, and
//! searches as they are typed, letter by letter.

mod items;
mod page;
mod queries;

use std::{path::Path, time::Instant};

use serde::{Deserialize, Serialize};

pub use self::page::table;
use self::queries::Query;
use crate::{
    control::{
        engine::{Engine, Plant, Setting},
        http::{Client, request},
        record::{Meter, Used},
    },
    error::{Error, Result},
    generator::Generator,
    histogram::Histogram,
    provenance::{self, Provenance},
};

/// The file of a results folder with everything.
const RECORDS: &str = "lists.json";

/// What is measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Number of items.
    pub items: u32,
    /// The stores, one after another.
    pub engines: Vec<Engine>,
    /// Number of requests per list, and of titles searched for.
    pub times: u32,
}

/// One kind of request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// The requested list or search.
    pub query: Query,
    /// Time from the request until the whole answer arrived.
    pub times: Histogram,
    /// Items found, on all pages of all answers.
    pub found: u64,
}

/// One store, measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// Which.
    pub engine: Engine,
    /// Time until all items existed, microseconds.
    pub uploads_us: u64,
    /// In the order of measuring.
    pub asked: Vec<Asked>,
    /// Resources used by all requests together.
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
    /// [`Error::Results`].
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
    /// Measures each store with a new main server, and leaves the records in `out`.
    ///
    /// # Errors
    /// What is missing, or failed.
    pub fn run(self, out: &Path, remark: Option<String>) -> Result<Records> {
        let generator = Generator::start()?;
        let mut measured = Vec::new();
        for &engine in &self.plan.engines {
            let logs = out.join("logs").join(engine.to_string());
            let setting = Setting {
                options: &["--upload", "open"],
                ..Setting::beside(&generator, self.undead, self.nats_server, &logs)
            };
            let one = setting
                .measure(engine, &generator, async |plant| measure(engine, &self.plan, plant).await)?;
            eprintln!("{}", page::lines(&one));
            measured.push(one);
        }
        let records = Records { provenance: generator.provenance(remark), plan: self.plan, measured };
        provenance::save(&out.join(RECORDS), serde_json::to_string(&records))?;
        Ok(records)
    }
}

/// The answer to a list or a search.
#[derive(Deserialize)]
struct Page {
    total: u64,
    next_cursor: Option<String>,
}

async fn measure(engine: Engine, plan: &Plan, plant: &Plant) -> Result<Measured> {
    let began = Instant::now();
    items::upload(plant.address(), plan.items).await?;
    let uploads_us = micros(began);
    let mut client = Client::connect(plant.address()).await?;
    let (meter, mut asked) = (Meter::start(plant)?, Vec::new());
    for query in Query::ALL {
        let (mut times, mut found) = (Histogram::default(), 0);
        let mut cursor = None;
        for number in 0..plan.times {
            for path in query.paths(number, cursor.as_deref()) {
                let request = request("GET", &path, None, "");
                let sent = Instant::now();
                let answer = client.ask(&request).await?;
                times.add(micros(sent));
                let (status, body) = (answer.status, answer.body);
                let page = serde_json::from_slice::<Page>(body).ok().filter(|_| status == 200);
                let unexpected = || format!("GET {path}: {status} {}", String::from_utf8_lossy(body));
                let page = page.ok_or_else(|| Error::Protocol(unexpected()))?;
                (found, cursor) = (found + page.total, page.next_cursor);
            }
        }
        asked.push(Asked { query, times, found });
    }
    Ok(Measured { engine, uploads_us, asked, used: meter.read(plant)? })
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
