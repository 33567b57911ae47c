//! The life of a recording's item, several times a second: it is made once the stream is live, follows the stream's title and
//! visibility, and is complete once the stream is over and the nodes have nothing more.
//!
//! Every main server does this for every recording. What it does is idempotent, and what needs the store only happens when
//! something is to be changed.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use placement::rendezvous::{self, Candidate};
use protocol::{
    ItemId, NodeId, StreamId,
    item::{Kind, MissingGroups, State},
    stream::Visibility,
};
use store::Replicated;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{
    Progress, Recordings,
    answer::roles,
    gaps::end,
    record::Record,
    roles::{candidate, newcomer},
    shown::Shown,
};
use crate::{
    clock::Now,
    library::{Error, NewItem, Text, new_id},
    state::{
        catalogue::{
            LiveStream,
            record::{Owner, Record as StreamRecord, Recording},
        },
        registry::{Node, Registry},
    },
};

/// How often it is looked after recordings.
const TICK: Duration = Duration::from_millis(250);
/// How many recordings are looked after at a time.
const AT_A_TIME: usize = 8;
/// How long a hole may be filled before players that follow a growing item continue after it.
const HOLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a recording for which something failed is left alone.
const RETRY: Duration = Duration::from_secs(2);

/// A stream that is or was recorded, as it is now.
pub(super) struct Seen {
    recording: Recording,
    shown: Shown,
    owner: Option<Owner>,
    started_at_ms: Option<u64>,
    is_over: bool,
    /// The nodes that are told to record it.
    recorders: Vec<NodeId>,
    /// Whether a node should become an edge of it, as standby.
    lacks_standby: bool,
    /// The host that takes it in.
    primary: Option<String>,
}

/// What one server remembers of a recording between two ticks.
#[derive(Default)]
struct Memory {
    /// The holes that there are, and since when.
    holes: Vec<MissingGroups>,
    holes_since: Option<Instant>,
    /// Whether these were given up.
    has_settled: bool,
    /// How many pauses players were led across.
    pauses: usize,
    /// When looking after it last failed, and why.
    failed: Option<(Instant, String)>,
}

impl Recordings {
    /// Takes over the recordings that the store has, and what they lack.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn load(&self) -> Result<(), store::Error> {
        self.records.load().await?;
        for recording in self.streams(Now::read()).0.into_values().map(|seen| seen.recording) {
            if recording.is_on && is_unreadable(&self.records, &recording.item_id).await? {
                self.known().unreadable.insert(recording.item_id);
            }
        }
        for (item_id, _) in self.records.all() {
            match self.refresh(item_id).await {
                Ok(()) | Err(Error::Unknown) => {}
                Err(Error::Store(error)) if !matches!(error, store::Error::Invalid(_)) => return Err(error),
                Err(error) => tracing::warn!("recording {item_id} cannot be read: {error}"),
            }
        }
        Ok(())
    }

    /// Looks after all recordings, for ever.
    pub(super) async fn keep_up(&self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut memories = HashMap::new();
        loop {
            ticks.tick().await;
            self.look(&mut memories).await;
        }
    }

    async fn look(&self, memories: &mut HashMap<ItemId, Memory>) {
        let now = Now::read();
        let (streams, live) = self.streams(now);
        self.choose_standbys(&streams, now);
        let mut items: HashSet<ItemId> = self.records.all().into_iter().map(|(item_id, _)| item_id).collect();
        let begun = |seen: &&Seen| seen.recording.is_on && !seen.is_over && seen.started_at_ms.is_some();
        items.extend(streams.values().filter(begun).map(|seen| seen.recording.item_id));
        memories.retain(|item_id, _| items.contains(item_id));
        {
            let mut known = self.known();
            known.progress.retain(|item_id, _| items.contains(item_id));
            known.unreadable.retain(|item_id| items.contains(item_id));
        }
        let by_item: HashMap<ItemId, (StreamId, &Seen)> =
            streams.iter().map(|(stream_id, seen)| (seen.recording.item_id, (*stream_id, seen))).collect();
        let with_memory =
            items.into_iter().map(|item_id| (item_id, memories.remove(&item_id).unwrap_or_default()));
        let looked_after = stream::iter(with_memory.collect::<Vec<_>>()).map(|(item_id, mut memory)| {
            let (seen, live) = (by_item.get(&item_id), &live);
            async move {
                let is_left_alone = memory.failed.as_ref().is_some_and(|(at, _)| at.elapsed() < RETRY);
                if !is_left_alone {
                    let outcome = self.look_after(item_id, seen.copied(), live, &mut memory, now).await;
                    self.note_outcome(item_id, outcome, &mut memory);
                }
                (item_id, memory)
            }
        });
        let looked_after: Vec<_> = looked_after.buffer_unordered(AT_A_TIME).collect().await;
        memories.extend(looked_after);
    }

    /// Logs a failure once. Nodes go on recording meanwhile: they are told to begin with what they have.
    fn note_outcome(&self, item_id: ItemId, outcome: Result<(), Error>, memory: &mut Memory) {
        let Err(error) = outcome else {
            memory.failed = None;
            return;
        };
        let reason = error.to_string();
        if memory.failed.as_ref().is_none_or(|(_, before)| *before != reason) {
            tracing::warn!("recording {item_id} cannot be looked after now, trying again: {reason}");
        }
        memory.failed = Some((Instant::now(), reason));
        if let Some(record) = self.records.get(&item_id) {
            let unknown = Progress { switches: record.switches, ..Progress::default() };
            self.known().progress.entry(item_id).or_insert(unknown);
        }
    }

    /// Every stream that is or was recorded, and the nodes that are alive.
    fn streams(&self, now: Now) -> (HashMap<StreamId, Seen>, HashSet<NodeId>) {
        self.state.read_both(|registry, catalogue| {
            let seen = catalogue
                .recorded()
                .filter_map(|(stream_id, stream)| Some((stream_id, Seen::of(registry, stream_id, stream)?)));
            (seen.collect(), registry.live(now.instant).map(|(node, _)| node.clone()).collect())
        })
    }

    /// Chooses a node to become standby of each stream that has a primary and no edge. A choice stays while it is possible. A node that was not
    /// heard since this server started may be dead, although its lease runs.
    fn choose_standbys(&self, streams: &HashMap<StreamId, Seen>, now: Now) {
        let lacking = || streams.iter().filter(|(_, seen)| seen.lacks_standby);
        let nodes: Vec<Candidate> = match lacking().next() {
            None => Vec::new(),
            Some(_) => self.state.read_nodes(|registry| {
                let node = |node: &Node| {
                    candidate(&node.hostname, rendezvous::is_full(&node.spec().capacity, &node.load))
                };
                registry.live(now.instant).map(|(_, it)| it).filter(|it| it.is_heard()).map(node).collect()
            }),
        };
        let mut known = self.known();
        let before = std::mem::take(&mut known.standbys);
        for (stream_id, seen) in lacking() {
            let Some(primary) = &seen.primary else { continue };
            let chosen = newcomer(*stream_id, primary, before.get(stream_id).map(String::as_str), &nodes);
            known.standbys.extend(chosen.map(|hostname| (*stream_id, hostname)));
        }
    }

    /// Does what is due for one recording.
    async fn look_after(
        &self,
        item_id: ItemId,
        seen: Option<(StreamId, &Seen)>,
        live: &HashSet<NodeId>,
        memory: &mut Memory,
        now: Now,
    ) -> Result<(), Error> {
        let now_ms = now.unix_ms();
        let record = match (self.records.get(&item_id), seen) {
            (Some(record), _) => record,
            (None, Some((stream_id, seen))) => return self.begin(item_id, stream_id, seen, now).await,
            (None, None) => return Ok(()),
        };
        let item = match self.library.find(item_id).await? {
            Some(item) if !item.is_deleted() => item,
            // An item of a newer version: main servers of that version look after its recording.
            None if !self.library.is_gone(item_id).await? => return Ok(()),
            _ => return self.abandon(item_id, seen.map(|(stream_id, _)| stream_id)).await,
        };
        self.refresh_if_changed(item_id, &record, item.media_version).await?;
        let recording = seen.map(|(_, seen)| seen).filter(|seen| seen.recording.is_on && !seen.is_over);
        if let Some(seen) = recording {
            if seen.recording.switches > record.switches {
                return self.switch_on(item_id, &seen.recording, now_ms).await;
            }
            self.records.change_known(&item_id, |record| record.recorded_by(&seen.recorders)).await?;
            self.settle(item_id, &record, memory).await?;
            if let Err(Error::Full(reason)) = self.library.may_grow(account(seen.owner.as_ref())) {
                self.stop(item_id, &reason).await?;
            }
        } else {
            // A stream of a newer version: main servers of that version look after its recording.
            if record.over_at_ms.is_none()
                && is_unreadable(&self.state.stream_records, &record.stream_id).await?
            {
                return Ok(());
            }
            self.records.change_known(&item_id, |record| record.over(now_ms)).await?;
        }
        if let Some((_, seen)) = seen.filter(|(_, seen)| !seen.is_over && seen.shown != record.shown) {
            self.follow(item_id, &record.shown, &seen.shown).await?;
        }
        let is_empty = self.known().progress.get(&item_id).is_some_and(|progress| progress.is_empty);
        let is_live = |node: &NodeId| live.contains(node);
        if !record.is_finished && record.is_complete(is_empty, is_live, now_ms) {
            self.finish(item_id, is_empty && !record.is_awaited()).await?;
        }
        // Nothing is left to be done, and it cannot be switched on again.
        let is_gone = seen.is_none_or(|(_, seen)| seen.is_over);
        if is_gone && record.is_finished {
            self.records.remove(&item_id).await?;
        }
        Ok(())
    }

    /// Makes the item of a recording that begins.
    async fn begin(&self, item_id: ItemId, stream_id: StreamId, seen: &Seen, now: Now) -> Result<(), Error> {
        if !seen.recording.is_on || seen.is_over {
            return Ok(());
        }
        let new = NewItem {
            item_id,
            kind: Kind::Recording,
            state: State::Growing,
            text: Text { title: seen.shown.title.clone(), ..Text::default() },
            visibility: seen.shown.visibility,
            passphrase_hash: seen.shown.passphrase_hash.clone(),
            owner: seen.owner.clone(),
            stream_id: Some(stream_id),
        };
        let created = match self.library.may_grow(account(seen.owner.as_ref())) {
            Ok(()) => self.library.create(new, now).await.map(drop),
            full => full,
        };
        if let Err(Error::Full(reason)) = &created {
            tracing::warn!(stream.id = %stream_id, "stream {stream_id} is not recorded: {reason}");
            return self.switch_off(stream_id, item_id).await;
        }
        created?;
        let began_at_ms = match seen.recording.from_now {
            true => now.unix_ms(),
            false => seen.started_at_ms.unwrap_or(now.unix_ms()),
        };
        let record = Record::new(stream_id, &seen.recording, seen.shown.clone(), began_at_ms);
        match self.records.create(&item_id, record).await {
            Ok(()) => {
                tracing::info!(stream.id = %stream_id, "stream {stream_id} is recorded as item {item_id}")
            }
            Err(store::Error::Conflict) => self.records.look_up(&item_id).await?,
            Err(error) => return Err(error.into()),
        }
        if is_unreadable(&self.records, &item_id).await? {
            self.known().unreadable.insert(item_id);
            let reason = "a newer version of the program wrote its record".to_owned();
            return Err(store::Error::Invalid(reason).into());
        }
        self.refresh(item_id).await
    }

    /// Recording was switched on again.
    async fn switch_on(&self, item_id: ItemId, recording: &Recording, now_ms: u64) -> Result<(), Error> {
        let recorded = self.library.recorded(item_id).await?;
        let (last, length_ms) = (recorded.last().map(end), self.length_ms(item_id));
        let on = |record: &Record| record.switched_on(recording, last, length_ms, now_ms);
        // The record comes last: if this server dies in between, another one does both.
        self.library.set_state(item_id, State::Growing, None).await?;
        self.records.change_known(&item_id, on).await?;
        self.note_progress(item_id, &recorded);
        Ok(())
    }

    /// Brings the item in line with a stream that was edited.
    async fn follow(&self, item_id: ItemId, before: &Shown, now: &Shown) -> Result<(), Error> {
        self.library.change(item_id, |item| now.apply(before, item)).await?;
        let shown =
            |record: &Record| (record.shown != *now).then(|| Record { shown: now.clone(), ..record.clone() });
        self.records.change_known(&item_id, shown).await?;
        Ok(())
    }

    /// The item is complete. One that `has_nothing`, as all its nodes said, is deleted.
    async fn finish(&self, item_id: ItemId, has_nothing: bool) -> Result<(), Error> {
        if has_nothing && self.library.remove_empty(item_id).await? {
            tracing::info!("nothing was recorded: item {item_id} is deleted");
        } else {
            self.library.conclude(item_id).await?;
            tracing::info!("recording {item_id} is complete");
        }
        self.records.change_known(&item_id, Record::finished).await?;
        Ok(())
    }

    /// The item was deleted: its stream is not recorded any more, or into another item if that is asked for again. An item that is
    /// restored is complete, with what nodes report meanwhile.
    async fn abandon(&self, item_id: ItemId, stream_id: Option<StreamId>) -> Result<(), Error> {
        if let Some(stream_id) = stream_id {
            self.switch_off(stream_id, item_id).await?;
        }
        match self.library.conclude(item_id).await {
            // It is gone for good.
            Ok(()) | Err(Error::Unknown) => {}
            Err(error) => return Err(error),
        }
        Ok(self.records.remove(&item_id).await?)
    }

    /// The item takes no more: its stream is not recorded any more, or into another item if that is asked for again. The item keeps
    /// the reason, and is complete with what nodes still have.
    pub(super) async fn stop(&self, item_id: ItemId, reason: &str) -> Result<(), Error> {
        let Some(record) = self.records.get(&item_id) else { return Ok(()) };
        let is_known = self.library.known(item_id).is_some_and(|item| item.error.is_some());
        match self.library.end_early(item_id, reason).await {
            Ok(()) if is_known => {}
            Ok(()) => {
                tracing::warn!(item.id = %item_id, "recording {item_id} ends while its stream goes on: {reason}")
            }
            // It is deleted, which ends it too.
            Err(Error::Unknown) => {}
            Err(error) => return Err(error),
        }
        self.switch_off(record.stream_id, item_id).await
    }

    /// The stream is not recorded into this item any more.
    async fn switch_off(&self, stream_id: StreamId, item_id: ItemId) -> Result<(), Error> {
        let next_item = new_id()?;
        let off = |record: &StreamRecord| {
            let known = record.recording.as_ref().filter(|known| known.item_id == item_id)?;
            let recording = Recording {
                switches: known.switches + 1,
                is_on: false,
                item_id: next_item,
                from_now: known.from_now,
            };
            Some(StreamRecord { recording: Some(recording), ..record.clone() })
        };
        self.state.stream_records.change_known(&stream_id, off).await?;
        Ok(())
    }

    /// Leads players that follow a growing item across pauses, and across holes that were not filled in time.
    async fn settle(&self, item_id: ItemId, record: &Record, memory: &mut Memory) -> Result<(), Error> {
        let (holes, has_next) = match self.known().progress.get(&item_id) {
            Some(progress) => (progress.gaps.holes.clone(), progress.gaps.next.is_some()),
            None => return Ok(()),
        };
        if memory.holes != holes {
            (memory.holes, memory.holes_since, memory.has_settled) = (holes, Some(Instant::now()), false);
        }
        let is_old = memory.holes_since.is_some_and(|since| since.elapsed() >= HOLE_TIMEOUT);
        let gives_up = is_old && !memory.has_settled && !memory.holes.is_empty();
        // Only once there is something after the pause.
        let passes_pause = has_next && record.pauses.len() > memory.pauses;
        if gives_up || passes_pause {
            self.library.settle(item_id).await?;
            memory.has_settled |= gives_up;
            memory.pauses = record.pauses.len();
        }
        Ok(())
    }

    async fn refresh_if_changed(
        &self,
        item_id: ItemId,
        record: &Record,
        media_version: u64,
    ) -> Result<(), Error> {
        let is_current = self.known().progress.get(&item_id).is_some_and(|progress| {
            (progress.media_version, progress.switches) == (media_version, record.switches)
        });
        if is_current { Ok(()) } else { self.refresh(item_id).await }
    }

    /// Derives from the manifest what a recording lacks.
    async fn refresh(&self, item_id: ItemId) -> Result<(), Error> {
        let recorded = self.library.recorded(item_id).await?;
        self.note_progress(item_id, &recorded);
        Ok(())
    }

    /// Length of what is recorded.
    pub(super) fn length_ms(&self, item_id: ItemId) -> u64 {
        self.library.known(item_id).map_or(0, |item| item.duration_ms)
    }
}

/// Whether the store has a record that this version cannot read.
async fn is_unreadable<T: store::Record, H: store::Host<T>>(
    records: &Replicated<T, H>,
    key: &T::Key,
) -> Result<bool, store::Error> {
    let is_known = || records.get(key).is_some();
    // Asking the store may show one that is merely new here.
    Ok(!is_known() && !records.is_absent(key).await? && !is_known())
}

fn account(owner: Option<&Owner>) -> Option<&str> {
    owner.map(|owner| owner.account.as_str())
}

/// What an item has from its stream. A private stream that asks viewers for nothing is open to those who have its link.
fn shown(record: &StreamRecord) -> Shown {
    let visibility = match record.visibility {
        Visibility::Private if !record.asks_viewers() => Visibility::Unlisted,
        visibility => visibility,
    };
    let is_private = visibility == Visibility::Private;
    let passphrase_hash = record.passphrase_hash.clone().filter(|_| is_private);
    Shown { title: record.title.clone(), visibility, passphrase_hash }
}

impl Seen {
    fn of(registry: &Registry, stream_id: StreamId, stream: &LiveStream) -> Option<Self> {
        let record = stream.record();
        let recording = record.recording.clone()?;
        let roles = match recording.is_on && !stream.is_over() {
            true => roles(registry, stream_id, stream),
            false => super::roles::Roles::default(),
        };
        let recorders = stream.carriers().filter(|(node, _)| {
            let hostname = registry.get(node).ok().map(|node| &node.hostname);
            hostname.is_some() && (hostname == roles.primary.as_ref() || hostname == roles.standby.as_ref())
        });
        Some(Self {
            shown: shown(record),
            owner: record.owner.clone(),
            started_at_ms: record.started_at_ms,
            is_over: stream.is_over(),
            recorders: recorders.map(|(node, _)| node.clone()).collect(),
            lacks_standby: roles.primary.is_some() && roles.standby.is_none(),
            primary: roles.primary,
            recording,
        })
    }
}
