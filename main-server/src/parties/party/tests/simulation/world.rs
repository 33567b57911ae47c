//! The servers, the store, the members, and random events.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    rc::Rc,
};

use protocol::party::{Command, Policy, Settings, Target};

use super::{
    super::{
        super::{Applied, Event, NewEntry, Record, Refusal},
        support::{Party, START_MS, request, song, target},
    },
    SONG_MS,
    oracle::{Commit, Oracle, Report},
    random::Random,
};

const SERVERS: usize = 3;
const MEMBERS: u64 = 5;
/// How long members act, in ms. Afterwards the simulation continues for a while without failures.
const RUN_MS: u64 = 30_000;
/// After this time a member asks another server, and a server considers the outcome of a write unknown, in
/// ms.
const TIMEOUT_MS: u64 = 1_500;

/// A member's request, until it is answered.
pub(super) type Ask = usize;
/// A version of the store's entry.
type Version = (u64, Rc<Record>);

/// A request as a server has it.
#[derive(Clone)]
struct Job {
    ask: Option<Ask>,
    event: Event,
}

/// A write, or a look-up for a batch that writes nothing.
struct Batch {
    jobs: Vec<Job>,
    outcomes: Vec<Result<Applied, Refusal>>,
}

struct Server {
    /// Grows with each start, so that messages of an earlier run are ignored.
    life: u64,
    is_up: bool,
    /// Whether it is cut off from the store.
    is_cut: bool,
    skew_ms: i64,
    known: Version,
    waiting: Vec<Job>,
    /// The write in progress.
    batch: Option<(u64, Batch)>,
}

#[derive(Clone)]
enum Happening {
    /// A member does something.
    Acts,
    /// A request arrives at a server.
    Arrives(usize, Ask),
    /// A write arrives at the store.
    Writes {
        server: usize,
        life: u64,
        call: u64,
        expected: u64,
    },
    /// An answer of the store arrives at the server.
    Answers {
        server: usize,
        life: u64,
        call: u64,
        is_done: Option<bool>,
        version: Version,
    },
    /// The timeout of an answer.
    GivesUp {
        server: usize,
        life: u64,
        call: u64,
    },
    /// A change in the store arrives at a server.
    Hears {
        server: usize,
        life: u64,
        version: Version,
    },
    /// A server checks whether something is due.
    Ticks(usize, u64),
    /// A member has waited long enough for an answer.
    Retries(Ask, u32),
    Crashes(usize),
    Starts(usize),
    Cuts(usize, bool),
}

pub(super) struct World {
    random: Random,
    now_ms: u64,
    order: u64,
    due: BinaryHeap<Reverse<(u64, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    store: Version,
    servers: Vec<Server>,
    calls: u64,
    /// The members' requests, and how often each was sent.
    asks: Vec<(Event, u32)>,
    /// Writes in transit to the store. The server may be dead when they arrive.
    sent: BTreeMap<u64, Commit>,
    oracle: Oracle,
    crashes: u64,
    conflicts: u64,
    retries: u64,
}

fn short(number: u8, hash: &str) -> NewEntry {
    NewEntry { duration_ms: Some(SONG_MS), ..song(number, hash) }
}

const HASHES: [&str; 5] = ["b", "a", "d", "c", "a"];

fn first() -> Record {
    let settings = Settings { skip_percent: 60, wait_ms: 1_000, ..Settings::default() };
    let mut party = Party::new(Policy::Vote, settings);
    for name in (1..MEMBERS).map(|number| number.to_string()) {
        party.join(&name);
    }
    for (number, hash) in (0..).zip(HASHES) {
        party.queue(Party::HOST, &short(number, hash));
    }
    party.record
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let record = Rc::new(first());
        let server = |skew: u64| Server {
            life: 0,
            is_up: true,
            is_cut: false,
            skew_ms: i64::try_from(skew).unwrap() - 50,
            known: (1, Rc::clone(&record)),
            waiting: Vec::new(),
            batch: None,
        };
        let servers = (0..SERVERS).map(|_| server(random.below(100))).collect();
        let mut world = Self {
            random,
            now_ms: START_MS,
            order: 0,
            due: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            store: (1, Rc::clone(&record)),
            servers,
            calls: 0,
            asks: Vec::new(),
            sent: BTreeMap::new(),
            oracle: Oracle::new((*record).clone()),
            crashes: 0,
            conflicts: 0,
            retries: 0,
        };
        for server in 0..SERVERS {
            world.after(10, Happening::Ticks(server, 0));
        }
        let mut at_ms = 0;
        while at_ms < RUN_MS {
            at_ms += world.random.between(50, 700);
            world.after(at_ms, Happening::Acts);
        }
        for _ in 0..4 {
            let (server, at_ms) = (world.random.index(SERVERS), world.random.below(RUN_MS));
            let until_ms = at_ms + world.random.between(200, 6_000);
            let is_crash = world.random.happens(50);
            let (begins, ends) = match is_crash {
                true => (Happening::Crashes(server), Happening::Starts(server)),
                false => (Happening::Cuts(server, true), Happening::Cuts(server, false)),
            };
            world.after(at_ms, begins);
            world.after(until_ms, ends);
        }
        world
    }

    fn after(&mut self, ms: u64, happening: Happening) {
        self.order += 1;
        self.due.push(Reverse((self.now_ms + ms, self.order)));
        self.happenings.insert(self.order, happening);
    }

    /// A network delay.
    fn delay(&mut self) -> u64 {
        if self.random.happens(5) { self.random.between(100, 900) } else { self.random.between(1, 30) }
    }

    pub(super) fn run(&mut self) {
        while let Some(Reverse((at_ms, order))) = self.due.pop() {
            if at_ms > START_MS + RUN_MS + 15_000 {
                break;
            }
            self.now_ms = at_ms;
            let happening = self.happenings.remove(&order).unwrap();
            self.happen(happening);
        }
    }

    /// Whether the time of failures is over.
    fn is_calm(&self) -> bool {
        self.now_ms > START_MS + RUN_MS + 6_000
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Acts => self.act(),
            Happening::Arrives(server, ask) => {
                let event = self.asks[ask].0.clone();
                self.take(server, Job { ask: Some(ask), event });
            }
            Happening::Writes { server, life, call, expected } => self.write(server, life, call, expected),
            Happening::Answers { server, life, call, is_done, version } => {
                self.hear(server, life, &version);
                self.answered(server, life, call, is_done);
            }
            Happening::GivesUp { server, life, call } => self.give_up(server, life, call),
            Happening::Hears { server, life, version } => self.hear(server, life, &version),
            Happening::Ticks(server, life) => self.tick(server, life),
            Happening::Retries(ask, tries) => self.retry(ask, tries),
            Happening::Crashes(server) => {
                let server = &mut self.servers[server];
                self.crashes += u64::from(server.is_up);
                (server.is_up, server.batch) = (false, None);
                server.waiting.clear();
            }
            Happening::Starts(server) => {
                // It loads what the store has.
                let store = self.store.clone();
                let this = &mut self.servers[server];
                (this.is_up, this.is_cut, this.known) = (true, false, store);
                this.life += 1;
                let life = this.life;
                self.after(10, Happening::Ticks(server, life));
            }
            Happening::Cuts(server, is_cut) => {
                self.servers[server].is_cut = is_cut;
                if !is_cut && self.servers[server].is_up {
                    // The changes that it missed arrive once it is connected again.
                    let (life, version) = (self.servers[server].life, self.store.clone());
                    self.after(50, Happening::Hears { server, life, version });
                }
            }
        }
    }

    /// A member does something at random, or the servers detect that it is present or absent.
    fn act(&mut self) {
        let members = &self.store.1.members;
        let member = members[self.random.index(members.len())].clone();
        let entry = short(u8::try_from(self.random.index(HASHES.len())).unwrap(), "");
        let number = self.asks.len();
        let round = Some(self.store.1.round());
        let command = match self.random.below(100) {
            0..60 => Command::Vote(target(&entry)),
            60..68 => Command::Skip,
            68..80 => Command::Chat { text: format!("message {number}") },
            80..86 => Command::Pause,
            86..92 => Command::Play(Target::default()),
            92..96 => {
                let members = vec![member.id];
                let event = match member.is_present() {
                    true => Event::Away { members },
                    false => Event::Present { members },
                };
                return self.ask(event);
            }
            _ => {
                let is_buffering = self.random.happens(60);
                return self.ask(Event::Buffering { member: member.id, is_buffering });
            }
        };
        let mut request = request(member.id, command, None);
        request.seen_round = round;
        request.command.request_id = Some(format!("r-{number}"));
        self.ask(Event::Request(Box::new(request)));
    }

    fn ask(&mut self, event: Event) {
        self.oracle.ask(&event);
        self.asks.push((event, 0));
        self.send(self.asks.len() - 1);
    }

    fn send(&mut self, ask: Ask) {
        self.asks[ask].1 += 1;
        let (server, delay, tries) = (self.random.index(SERVERS), self.delay(), self.asks[ask].1);
        self.after(delay, Happening::Arrives(server, ask));
        self.after(TIMEOUT_MS, Happening::Retries(ask, tries));
    }

    fn retry(&mut self, ask: Ask, tries: u32) {
        if !self.oracle.is_told(ask) && self.asks[ask].1 == tries && tries < 4 {
            self.retries += 1;
            self.send(ask);
        }
    }

    fn take(&mut self, server: usize, job: Job) {
        if self.servers[server].is_up {
            self.servers[server].waiting.push(job);
            self.flush(server);
        }
    }

    /// Applies the waiting requests to the newest known record, and writes it.
    fn flush(&mut self, number: usize) {
        let now_ms = self.now_ms;
        let server = &mut self.servers[number];
        if !server.is_up || server.batch.is_some() || server.waiting.is_empty() {
            return;
        }
        let jobs = std::mem::take(&mut server.waiting);
        let at_ms = now_ms.saturating_add_signed(server.skew_ms);
        let (expected, known) = server.known.clone();
        let mut record = (*known).clone();
        let outcomes: Vec<_> = jobs.iter().map(|job| record.apply(&job.event, at_ms)).collect();
        let has_changed = record.revision != known.revision;
        let needs_look_up = jobs.iter().any(|job| job.ask.is_some());
        if !has_changed && !needs_look_up {
            return;
        }
        self.calls += 1;
        let (call, life) = (self.calls, server.life);
        let events = jobs.iter().map(|job| (job.ask, job.event.clone())).collect();
        server.batch = Some((call, Batch { jobs, outcomes }));
        let delay = self.delay();
        self.after(delay, Happening::Writes { server: number, life, call, expected });
        self.after(TIMEOUT_MS, Happening::GivesUp { server: number, life, call });
        if has_changed {
            self.sent.insert(call, Commit { at_ms, events, record: Rc::new(record) });
            // A server that dies now may already have sent its write.
            if self.random.happens(3) && !self.is_calm() {
                let at_ms = self.random.between(0, delay + 20);
                self.after(at_ms, Happening::Crashes(number));
                self.after(at_ms + 2_000, Happening::Starts(number));
            }
        }
    }

    fn write(&mut self, number: usize, life: u64, call: u64, expected: u64) {
        if self.servers[number].is_cut {
            return;
        }
        let is_current = self.store.0 == expected;
        match self.sent.remove(&call) {
            Some(commit) if is_current => {
                self.store = (expected + 1, Rc::clone(&commit.record));
                self.oracle.commit(commit);
                self.publish();
            }
            Some(_) => self.conflicts += 1,
            None => {}
        }
        // The answer may be lost.
        if self.random.happens(3) && !self.is_calm() {
            return;
        }
        let (delay, version) = (self.delay(), self.store.clone());
        let is_done = Some(is_current);
        self.after(delay, Happening::Answers { server: number, life, call, is_done, version });
    }

    /// Sends the store's record to all servers.
    fn publish(&mut self) {
        for server in 0..SERVERS {
            let (life, is_cut) = (self.servers[server].life, self.servers[server].is_cut);
            let (delay, version) = (self.delay(), self.store.clone());
            if !is_cut {
                self.after(delay, Happening::Hears { server, life, version });
            }
        }
    }

    fn hear(&mut self, number: usize, life: u64, version: &Version) {
        let server = &mut self.servers[number];
        if server.is_up && server.life == life && !server.is_cut && version.0 > server.known.0 {
            server.known.clone_from(version);
        }
    }

    /// Handles the store's answer to a write or a look-up.
    fn answered(&mut self, number: usize, life: u64, call: u64, is_done: Option<bool>) {
        let server = &mut self.servers[number];
        if !server.is_up || server.life != life || server.is_cut {
            return;
        }
        let Some((_, batch)) = server.batch.take_if(|(current, _)| *current == call) else { return };
        if is_done == Some(true) {
            for (job, outcome) in batch.jobs.iter().zip(&batch.outcomes) {
                if let Some(ask) = job.ask {
                    self.oracle.tell(ask, *outcome);
                }
            }
        } else {
            // Another server was first: repeat everything on its record.
            let server = &mut self.servers[number];
            server.waiting.splice(0..0, batch.jobs);
        }
        self.flush(number);
    }

    /// The outcome is unknown: callers receive an error, and repeat their requests.
    fn give_up(&mut self, number: usize, life: u64, call: u64) {
        let server = &mut self.servers[number];
        if server.is_up
            && server.life == life
            && server.batch.take_if(|(current, _)| *current == call).is_some()
        {
            // The server reads the store before it writes again.
            let store = self.store.clone();
            if !self.servers[number].is_cut {
                self.hear(number, life, &store);
            }
            self.flush(number);
        }
    }

    fn tick(&mut self, number: usize, life: u64) {
        let server = &self.servers[number];
        if !server.is_up || server.life != life {
            return;
        }
        let at_ms = self.now_ms.saturating_add_signed(server.skew_ms);
        if server.known.1.next_due_ms().is_some_and(|due_ms| due_ms <= at_ms) {
            self.take(number, Job { ask: None, event: Event::Tick });
        }
        let pause = self.random.between(20, 120);
        self.after(pause, Happening::Ticks(number, life));
    }

    /// Checks the final invariants.
    pub(super) fn finish(self) -> Report {
        let Self { store, servers, oracle, crashes, conflicts, retries, .. } = self;
        for server in &servers {
            assert!(server.is_up && !server.is_cut);
            let is_near = server.known.0 + 3 >= store.0;
            assert!(
                is_near,
                "a server that is connected has what the store has: {} of {}",
                server.known.0, store.0
            );
        }
        oracle.finish(Report { crashes, conflicts, retries, ..Report::default() })
    }
}
