//! Starts jobs, and restarts those that failed, were cancelled, or whose results were deleted.

use protocol::{
    ItemId, JobId,
    account::JobPolicy,
    item::{Manifest, State},
    job::{CreateJob, Kind, Params},
    stream::Visibility,
};

use super::{
    Error, Jobs,
    id::job_id,
    job::{NewJob, Phase, Record, Starter},
    space::file_bytes,
};
use crate::{
    api::caller::Person,
    clock::Now,
    library::{Error as LibraryError, Record as Item},
};

/// The result of a request for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Started {
    pub(super) job_id: JobId,
    /// Whether it starts now.
    pub(super) is_new: bool,
}

impl Jobs {
    /// Starts a job for a person. If the same job is running, or its results exist, it stays unchanged.
    ///
    /// # Errors
    /// [`Error::NotAllowed`], [`Error::Invalid`], [`Error::Full`], [`Error::Library`], those of the stores.
    pub(super) async fn start(&self, asked: CreateJob, person: &Person) -> Result<Started, Error> {
        let item = self.library.newest(asked.item_id).await?;
        self.admit(&item, person)?;
        let new = self.new_job(asked, &item, self.starter(person)).await?;
        self.begin(new, person.is_operator()).await
    }

    /// Whether the person may have jobs done with the item now.
    ///
    /// # Errors
    /// [`Error::NotAllowed`], [`LibraryError::Unknown`] for a private item of another.
    fn admit(&self, item: &Item, person: &Person) -> Result<(), Error> {
        let may_edit = self.library.may_edit(item, Some(person));
        match self.limits.policy {
            JobPolicy::Off => Err(Error::NotAllowed("jobs are switched off here (jobs)")),
            _ if may_edit => Ok(()),
            _ if item.visibility == Visibility::Private => Err(LibraryError::Unknown.into()),
            JobPolicy::Owner => {
                Err(Error::NotAllowed("only the owner of the item and operators may start jobs (jobs)"))
            }
            JobPolicy::Account => Ok(()),
        }
    }

    fn starter(&self, person: &Person) -> Starter {
        self.broadcasters.owner(&person.name).map_or(Starter::Command, Starter::Account)
    }

    /// Starts a job of the server itself.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(super) async fn start_own(&self, kind: Kind, item_id: ItemId, item: &Item) -> Result<Started, Error> {
        let asked = CreateJob { kind, item_id, params: Params::default() };
        let new = self.new_job(asked, item, Starter::Server).await?;
        self.begin(new, true).await
    }

    /// Restarts a failed or cancelled job. A running one stays unchanged.
    ///
    /// # Errors
    /// [`Error::Done`], and as [`Self::start`].
    pub(super) async fn retry(&self, job_id: JobId, record: &Record, person: &Person) -> Result<(), Error> {
        match record.phase {
            Phase::Open => return Ok(()),
            Phase::Done => return Err(Error::Done),
            Phase::Failed | Phase::Cancelled => {}
        }
        let item = self.library.newest(record.item_id).await?;
        self.admit(&item, person)?;
        let asked = CreateJob { kind: record.kind, item_id: record.item_id, params: record.params.clone() };
        let new = self.new_job(asked, &item, self.starter(person)).await?;
        let _turn = self.starting.lock().await;
        self.check_room(&new, person.is_operator())?;
        self.restart(job_id, record, &new).await.map(drop)
    }

    /// Validates the request, and writes the item's manifest for the workers.
    async fn new_job(&self, asked: CreateJob, item: &Item, starter: Starter) -> Result<NewJob, Error> {
        let CreateJob { kind, item_id, params } = asked;
        if item.state != State::Ready {
            return Err(
                LibraryError::NotReady("the item is not complete: try again when it is".into()).into()
            );
        }
        let (manifest, blob) = self.manifest(item_id).await?;
        let params = if kind == Kind::Export { plain(params, &manifest) } else { params };
        let needs_ffmpeg = check(kind, &params, item, &manifest)?;
        let decodes = kind == Kind::Stems || needs_ffmpeg;
        let most = self.limits.longest;
        if decodes && u128::from(item.duration_ms) > most.as_millis() {
            let minutes = most.as_secs() / 60;
            return Err(Error::Invalid(format!(
                "the item is longer than {minutes} minutes (job_max_minutes)"
            )));
        }
        Ok(NewJob {
            file_bytes: file_bytes(kind, &params, item),
            kind,
            params,
            item_id,
            title: item.text.title.clone(),
            artist: item.text.artist.clone(),
            manifest: blob,
            duration_ms: item.duration_ms,
            needs_ffmpeg,
            stems_model: self.limits.stems_model.filter(|_| kind == Kind::Stems).map(|hash| hash.to_string()),
            owner: item.owner.clone(),
            starter,
        })
    }

    /// Creates the record of a job, unless it exists and is in place.
    async fn begin(&self, new: NewJob, is_unlimited: bool) -> Result<Started, Error> {
        let job_id = job_id(&new);
        let _turn = self.starting.lock().await;
        let known = match self.find(job_id).await {
            Ok(record) => Some(record),
            Err(Error::Unknown) => None,
            Err(error) => return Err(error),
        };
        if let Some(record) = known {
            let is_new = !self.is_in_place(&record).await?;
            if is_new {
                self.check_room(&new, is_unlimited)?;
                return self.restart(job_id, &record, &new).await.map(|is_new| Started { job_id, is_new });
            }
            return self.join(job_id, &new.starter).await.map(|()| Started { job_id, is_new });
        }
        self.check_room(&new, is_unlimited)?;
        self.forget_oldest(&new.starter).await?;
        match self.records.create(&job_id, Record::new(new.clone(), Now::read().unix_ms())).await {
            Ok(()) => self.begun(job_id),
            // Another client requested it at the same moment.
            Err(store::Error::Conflict) => {
                self.records.look_up(&job_id).await?;
                return self.join(job_id, &new.starter).await.map(|()| Started { job_id, is_new: false });
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Started { job_id, is_new: true })
    }

    /// Records that an account requested an existing job.
    async fn join(&self, job_id: JobId, starter: &Starter) -> Result<(), Error> {
        let Starter::Account(account) = starter else { return Ok(()) };
        if self.change(job_id, |record, _| record.join(account)).await? {
            return Ok(());
        }
        Err(Error::Full("as many accounts as may be have asked for this job already".into()))
    }

    /// Whether the job is running, or its results exist.
    async fn is_in_place(&self, record: &Record) -> Result<bool, Error> {
        if record.phase != Phase::Done {
            return Ok(record.is_open());
        }
        match record.kind {
            Kind::Stems => {
                for item_id in &record.result {
                    match self.library.get(*item_id).await {
                        Ok(_) => {}
                        Err(LibraryError::Unknown) => return Ok(false),
                        Err(error) => return Err(error.into()),
                    }
                }
                Ok(true)
            }
            Kind::Waveform => Ok(self.library.get(record.item_id).await?.waveform.is_some()),
            Kind::Preview => Ok(self.library.get(record.item_id).await?.previews > 0),
            Kind::Export => Ok(record.file.is_some()),
        }
    }

    /// Restarts the job. Returns whether this call did, and not a concurrent one.
    async fn restart(&self, job_id: JobId, known: &Record, new: &NewJob) -> Result<bool, Error> {
        let again = |record: &mut Record, now_ms| {
            let is_meant = record.is_same_run(known) && !record.is_open();
            if is_meant {
                record.restart(new.clone(), now_ms);
            }
            is_meant
        };
        let has_begun = self.change(job_id, again).await?;
        if has_begun {
            self.clear(job_id, known).await?;
            self.begun(job_id);
        } else {
            self.join(job_id, &new.starter).await?;
        }
        Ok(has_begun)
    }

    fn begun(&self, job_id: JobId) {
        self.counts.started.inc();
        self.due.add(job_id);
    }

    /// Checks the limit of unfinished jobs, and the space for the file.
    fn check_room(&self, new: &NewJob, is_unlimited: bool) -> Result<(), Error> {
        let starter = &new.starter;
        let (all, own) = self.records.with(|records| {
            let open = records.iter().map(|(_, record)| record).filter(|record| record.is_open());
            open.fold((0, 0), |(all, own), record| {
                (all + 1, own + usize::from(record.starter.is_same(starter)))
            })
        });
        if all >= self.limits.unfinished {
            let most = self.limits.unfinished;
            return Err(Error::Full(format!("{most} jobs are not finished (jobs_waiting): try again later")));
        }
        if !is_unlimited && own >= self.limits.per_account {
            let most = self.limits.per_account;
            let message = format!("{most} of your jobs are not finished (jobs_per_account): try again later");
            return Err(Error::Full(message));
        }
        if new.kind == Kind::Export {
            self.room_for(new.account(), new.file_bytes)?;
        }
        Ok(())
    }
}

/// The parameters without bounds that do not shorten the item, so that equal clips are one job.
fn plain(params: Params, manifest: &Manifest) -> Params {
    let fragments = manifest.takes.iter().flat_map(|take| &take.fragments);
    let end_ms = fragments.map(protocol::export::end_ms).max().unwrap_or(u64::MAX);
    Params {
        from_ms: params.from_ms.filter(|from_ms| *from_ms > 0),
        to_ms: params.to_ms.filter(|to_ms| *to_ms < end_ms),
        ..params
    }
}

/// Validates the parameters, and that the item has the needed media. Returns whether an export needs
/// `ffmpeg`.
fn check(kind: Kind, params: &Params, item: &Item, manifest: &Manifest) -> Result<bool, Error> {
    if kind == Kind::Export {
        return protocol::export::needs_ffmpeg(manifest, params)
            .map_err(|error| Error::Invalid(error.to_string()));
    }
    if *params != Params::default() {
        return Err(Error::Invalid("params are for the kind export".into()));
    }
    let has = |track_kind: &str| item.tracks.iter().any(|track| track.kind == track_kind);
    match kind {
        Kind::Stems if item.links.stem.is_some() => {
            Err(Error::Invalid("the item is a stem of a song already".into()))
        }
        Kind::Stems | Kind::Waveform if !has("audio") => Err(Error::Invalid("the item has no sound".into())),
        Kind::Preview if !has("video") => Err(Error::Invalid("the item has no pictures".into())),
        _ => Ok(false),
    }
}
