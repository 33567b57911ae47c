//! Room for uploads in the quotas.
//!
//! An upload has its room once the store has its record. While that is written, this main server counts a claim, so that two uploads do
//! not take the same room, and none waits for the write of another. Other main servers take room at the same time: each may pass a bound
//! by what it writes within one round trip to the store.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    Error, MAX_UPLOADS, MOST_ENDED, NewUpload, Uploads,
    record::{Key, Phase, Record},
};
use crate::{config::UploadLimits, state::catalogue::record::Owner};

/// Uploads that are not complete, or of which no item is made yet.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    files: usize,
    /// Of the whole files; of those that are idle, what came.
    bytes: u64,
}

impl Count {
    fn add(&mut self, files: usize, bytes: u64) {
        self.files += files;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// Whom an upload belongs to: an account, or else an address.
type Uploader<'a> = (Option<&'a Owner>, Option<IpAddr>);

/// What there is when an upload is to be made.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    open: Count,
    /// Those of the same account, or address if there is no account.
    own: Count,
    /// How many of the same account or address have ended lately.
    ended: usize,
}

impl Counts {
    fn add(&mut self, is_own: bool, files: usize, bytes: u64) {
        self.open.add(files, bytes);
        if is_own {
            self.own.add(files, bytes);
        }
    }
}

/// Uploads whose records are being written so that they take room.
#[derive(Default)]
pub(super) struct Claims(Mutex<BTreeMap<Key, Claimed>>);

struct Claimed {
    owner: Option<Owner>,
    address: Option<IpAddr>,
    /// Bytes of the file.
    length: u64,
    /// How many requests write the record.
    writes: usize,
}

impl Claims {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Claimed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room that counts as taken until this is dropped.
pub(super) struct Claim<'a> {
    claims: &'a Claims,
    key: Key,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut claims = self.claims.lock();
        let Some(claimed) = claims.get_mut(&self.key) else { return };
        claimed.writes -= 1;
        if claimed.writes == 0 {
            claims.remove(&self.key);
        }
    }
}

impl Uploads {
    /// Room for a new upload. The caller holds it until the store has the record.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::TooLarge`], [`Error::TooMany`], [`Error::Full`], [`Error::Library`].
    pub(super) fn room_for(&self, key: &Key, new: &NewUpload, now_ms: u64) -> Result<Claim<'_>, Error> {
        let UploadLimits { bytes: most_bytes, per_address, .. } = self.limits;
        if new.length == 0 {
            return Err(Error::Empty);
        }
        if new.length > most_bytes {
            return Err(Error::TooLarge(most_bytes));
        }
        let uploader = (new.owner.as_ref(), new.address);
        let mut claims = self.claims.lock();
        let Counts { open, own, ended } = self.counts(&claims, uploader, now_ms);
        if own.files >= per_address {
            return Err(Error::TooMany(per_address));
        }
        if open.files >= MAX_UPLOADS || ended >= MOST_ENDED {
            return Err(Error::Full);
        }
        self.library.room_for(None, open.bytes.saturating_add(new.length))?;
        if let Some(owner) = &new.owner {
            self.library.room_for(Some(&owner.account), own.bytes.saturating_add(new.length))?;
        }
        Ok(self.claim(&mut claims, key, uploader, new.length))
    }

    /// An idle upload that goes on needs room for what it lacks again. The caller holds it until the store has the record as
    /// [resumed](Record::resumed); `None` if the upload is not idle.
    ///
    /// # Errors
    /// [`Error::Library`] if there is no room.
    pub(super) fn room_if_idle(&self, key: &Key, now_ms: u64) -> Result<Option<Claim<'_>>, Error> {
        let mut claims = self.claims.lock();
        let idle = |record: &&Record| record.is_idle(now_ms);
        let Some(record) = self.records.with(|records| records.get(key).filter(idle).cloned()) else {
            return Ok(None);
        };
        let uploader = (record.owner.as_ref(), record.address);
        // Another request that goes on with it has the room already.
        if !claims.contains_key(key) {
            let lacks = record.length.saturating_sub(record.reserved(now_ms));
            let Counts { open, own, .. } = self.counts(&claims, uploader, now_ms);
            self.library.room_for_bytes(None, open.bytes.saturating_add(lacks))?;
            if let Some(owner) = &record.owner {
                self.library.room_for_bytes(Some(&owner.account), own.bytes.saturating_add(lacks))?;
            }
        }
        Ok(Some(self.claim(&mut claims, key, uploader, record.length)))
    }

    fn claim(
        &self,
        claims: &mut BTreeMap<Key, Claimed>,
        key: &Key,
        (owner, address): Uploader<'_>,
        length: u64,
    ) -> Claim<'_> {
        let new = || Claimed { owner: owner.cloned(), address, length, writes: 0 };
        claims.entry(key.clone()).or_insert_with(new).writes += 1;
        Claim { claims: &self.claims, key: key.clone() }
    }

    fn counts(&self, claims: &BTreeMap<Key, Claimed>, (owner, address): Uploader<'_>, now_ms: u64) -> Counts {
        let is_own = |(its_owner, its_address): Uploader<'_>| match owner {
            Some(_) => its_owner == owner,
            None => address.is_some() && its_address == address,
        };
        let mut counts = Counts::default();
        self.records.with(|records| {
            for (_, record) in records.iter() {
                let is_own = is_own((record.owner.as_ref(), record.address));
                match record.phase {
                    Phase::Receiving | Phase::Complete => counts.add(is_own, 1, record.reserved(now_ms)),
                    Phase::Gone if is_own => counts.ended += 1,
                    Phase::Gone | Phase::Processed => {}
                }
            }
            for (key, claimed) in claims {
                let is_own = is_own((claimed.owner.as_ref(), claimed.address));
                match records.get(key) {
                    None => counts.add(is_own, 1, claimed.length),
                    Some(record) if record.is_open() => {
                        counts.add(is_own, 0, claimed.length.saturating_sub(record.reserved(now_ms)));
                    }
                    Some(_) => {}
                }
            }
        });
        counts
    }
}
