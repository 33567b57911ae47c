//! The host of a party, which creates it and sends commands at a steady rate.

use std::{
    cell::RefCell,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use protocol::{
    ItemId,
    party::{Access, Command, CommandDone, CreateParty, PartyCommand, PartyCreated, Policy, Target},
};

use super::{
    Measured,
    member::{Party, Reading, listen, post},
};
use crate::{
    control::http::{Client, request},
    error::{Error, Result},
};

/// Timeout for an event to reach the last member.
const REACH_TIME: Duration = Duration::from_secs(10);

/// See the [module](self).
pub(super) struct Host {
    pub(super) party: Rc<Party>,
    client: Client,
    token: String,
    songs: Vec<ItemId>,
    commands: u64,
    _reading: Reading,
}

impl Host {
    /// Creates a voting party in which the first of `songs` plays, and listens to it as member `number`.
    ///
    /// # Errors
    /// The first failure.
    pub(super) async fn start(
        address: SocketAddr,
        number: usize,
        songs: &[ItemId],
        failure: Rc<RefCell<Option<Error>>>,
    ) -> Result<Self> {
        let mut client = Client::connect(address).await?;
        let create = CreateParty {
            title: format!("perf {number}"),
            policy: Policy::Vote,
            access: Access::Public,
            name: "host".into(),
            settings: None,
        };
        let created: PartyCreated = post(&mut client, "/api/parties", None, &create).await?;
        let party = Rc::new(Party::new(created.party_id, failure));
        let token = created.member.token;
        for song in songs {
            let queue = order(Command::Queue(item(*song)));
            post::<CommandDone>(&mut client, &party.path("commands"), Some(&token), &queue).await?;
        }
        let events = Client::connect(address).await?;
        let reading = listen(events, &party, number, &token).await?;
        Ok(Self { party, client, token, songs: songs.into(), commands: 0, _reading: reading })
    }

    /// Sends a command at each due time, from `first` on at intervals of `every`, until `end`.
    ///
    /// # Errors
    /// The first failure; [`Error::Incomplete`] if members do not hear of a command.
    pub(super) async fn lead(
        &mut self,
        first: Instant,
        every: Duration,
        end: Instant,
        measured: &RefCell<Measured>,
    ) -> Result<()> {
        let mut due = first;
        while due < end {
            tokio::time::sleep_until(due.into()).await;
            let reach = tokio::time::timeout(REACH_TIME, self.command(due, measured)).await;
            let missing = |_| Error::Incomplete("an event did not reach all members".into());
            reach.map_err(missing)??;
            due += every;
            while due < Instant::now() {
                due += every;
                measured.borrow_mut().late += 1;
            }
        }
        Ok(())
    }

    async fn command(&mut self, due: Instant, measured: &RefCell<Measured>) -> Result<()> {
        let body = serde_json::to_string(&order(self.next())).unwrap_or_default();
        let ask = request("POST", &self.party.path("commands"), Some(&self.token), &body);
        self.party.seen.begin();
        let answer = self.client.ask(&ask).await?;
        measured.borrow_mut().answers.count(due, answer.status == 200);
        let Ok(done) = serde_json::from_slice::<CommandDone>(answer.body) else { return Ok(()) };
        let heard = self.party.seen.all_have(done.revision).await;
        let mut measured = measured.borrow_mut();
        let us = |at: &Instant| at.saturating_duration_since(due).as_micros() as u64;
        heard.iter().for_each(|at| measured.to_each.add(us(at)));
        if let Some(last) = heard.iter().max() {
            measured.to_all.add(us(last));
        }
        Ok(())
    }

    /// Every second command is a vote. Each changes the party.
    fn next(&mut self) -> Command {
        self.commands += 1;
        match self.commands % 6 {
            1 => Command::Pause,
            3 => Command::Play(Target::default()),
            5 => Command::Seek { position_ms: self.commands % 50 * 1_000 },
            _ => Command::Vote(item(self.songs[1 + (self.commands / 2 % 2) as usize])),
        }
    }
}

fn order(command: Command) -> PartyCommand {
    PartyCommand { command, if_revision: None, request_id: None }
}

fn item(item_id: ItemId) -> Target {
    Target { item_id: Some(item_id), ..Target::default() }
}
