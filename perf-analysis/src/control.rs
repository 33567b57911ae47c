//! The cost of the control plane: thousands of nodes that register and send heartbeats, and viewers that ask
//! where to watch, with a real main server on its own core, and each store in turn.
//!
//! Heartbeats are open loop, timed from their due times; viewers are closed loop, so they find the limit of
//! one core. The records are `manifest.json` and `phases.jsonl`.

pub mod crowd;
pub mod engine;
pub mod fleet;
pub mod http;
pub mod page;
pub mod record;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{error::Result, generator::Generator, machine};
use crowd::Crowd;
use engine::{Engine, Plant, Setting};
use fleet::Fleet;
use record::{Manifest, Meter, Phase, PhaseName, Plan, Writer};

/// A configured benchmark.
pub struct Bench {
    /// The amounts.
    pub plan: Plan,
    /// The binary to measure.
    pub undead: PathBuf,
    /// The program `nats-server`.
    pub nats_server: PathBuf,
}

impl Bench {
    /// Runs every engine in every round, with records in the new folder `out`. `remark` goes into the
    /// manifest.
    ///
    /// # Errors
    /// The first failure; earlier records stay in `out`.
    pub fn run(&self, out: &Path, remark: Option<String>) -> Result<()> {
        machine::allow_sockets(u64::from(self.plan.nodes + self.plan.connections))?;
        let generator = Generator::start()?;
        let mut manifest = Manifest {
            precedence: generator.precedence.into(),
            commit: machine::commit(),
            started_at_s: std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
            machine: generator.machine.clone(),
            remark,
            plan: self.plan.clone(),
            finished: false,
        };
        let mut writer = Writer::create(out, &manifest)?;
        for round in 0..self.plan.rounds {
            for &engine in &self.plan.engines {
                eprintln!("round {} of {}: {engine}", round + 1, self.plan.rounds);
                let logs = out.join("logs").join(format!("{engine}-r{round}"));
                let trial = Trial { bench: self, engine, round, logs, generator: &generator };
                generator.run(trial.run(&mut writer))?;
            }
        }
        manifest.finished = true;
        writer.manifest(&manifest)
    }
}

/// One engine in one round.
struct Trial<'a> {
    bench: &'a Bench,
    engine: Engine,
    round: u32,
    logs: PathBuf,
    generator: &'a Generator,
}

impl Trial<'_> {
    async fn run(&self, writer: &mut Writer) -> Result<()> {
        let Bench { plan, undead, nats_server } = self.bench;
        let setting = Setting::beside(self.generator, undead, nats_server, &self.logs);
        let mut plant = Plant::start(self.engine, &setting).await?;
        let mut fleet = Fleet::new(&plant);
        let few = plan.few_nodes.min(plan.nodes);
        fleet.grow(few).await?;
        let stream = fleet.create_stream().await?;
        self.watch(&mut plant, &fleet, &stream, writer).await?;

        let meter = Meter::start(&plant)?;
        let registered = fleet.grow(plan.nodes).await?;
        self.write(PhaseName::Register, &plant, &meter, registered, &fleet, writer)?;
        fleet.settle().await;
        let meter = Meter::start(&plant)?;
        let heartbeats = fleet.measure(Duration::from_secs_f64(plan.heartbeats_s)).await?;
        self.write(PhaseName::Heartbeat, &plant, &meter, heartbeats, &fleet, writer)?;
        self.watch(&mut plant, &fleet, &stream, writer).await?;
        plant.check()
    }

    /// Viewers ask while the nodes send heartbeats.
    async fn watch(&self, plant: &mut Plant, fleet: &Fleet, stream: &str, writer: &mut Writer) -> Result<()> {
        let crowd = Crowd { address: plant.address(), connections: self.bench.plan.connections, stream };
        let meter = Meter::start(plant)?;
        let asked =
            crowd.ask_until(Instant::now() + Duration::from_secs_f64(self.bench.plan.watch_s)).await?;
        self.write(PhaseName::Watch, plant, &meter, asked, fleet, writer)
    }

    fn write(
        &self,
        phase: PhaseName,
        plant: &Plant,
        meter: &Meter,
        answers: record::Answers,
        fleet: &Fleet,
        writer: &mut Writer,
    ) -> Result<()> {
        let used = meter.read(plant)?;
        let phase =
            Phase { engine: self.engine, round: self.round, phase, nodes: fleet.nodes(), answers, used };
        writer.phase(&phase)
    }
}
