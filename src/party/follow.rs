//! Follows what a party plays, and tells it line by line.

use tokio::{io::AsyncWrite, time::sleep};

use protocol::party::EndReason;

use super::{
    audio::Audio,
    client::Party,
    events::{Event, Events},
    schedule::{Clock, Schedule},
    show,
};
use crate::{failure::Failure, output};

/// Returns when the party has ended for the member: true, or when the audio has ended: false.
///
/// # Errors
/// The member was removed, or is unknown.
pub(super) async fn follow<W: AsyncWrite + Unpin>(
    party: &Party,
    mut audio: Option<&mut Audio<W>>,
) -> Result<bool, Failure> {
    let mut clock = Clock::read(&party.client).await?;
    let (mut events, mut schedule) = (Events::new(party), Schedule::default());
    let is_quiet = audio.is_some();
    let tell = |schedule: &Schedule, clock: &Clock| {
        let Some(now) = &schedule.now else { return Ok(()) };
        let line = show::line(now, clock.now_ms());
        if !is_quiet {
            return output::line(line);
        }
        eprintln!("{line}");
        Ok(())
    };
    loop {
        if schedule.settle(clock.now_ms()) {
            tell(&schedule, &clock)?;
        }
        let write_at_ms = match audio.as_deref_mut() {
            Some(audio) => audio.prepare(party, &schedule, &clock).await,
            None => None,
        };
        let next_at_ms = schedule.next.as_ref().map(|next| next.at_ms);
        let wake_at_ms = write_at_ms.into_iter().chain(next_at_ms).min();
        tokio::select! {
            event = events.next() => {
                let timeline = match event? {
                    Event::Snapshot(timeline) => {
                        // The computer may have slept.
                        clock = Clock::read(&party.client).await.unwrap_or(clock);
                        timeline
                    }
                    Event::Changed(timeline) => timeline,
                    Event::Ended(reason) => return ended(reason),
                };
                if schedule.learn(timeline, clock.now_ms()) {
                    tell(&schedule, &clock)?;
                }
            }
            () = sleep(clock.until(wake_at_ms.unwrap_or(u64::MAX))), if wake_at_ms.is_some() => {
                let Some(audio) = audio.as_deref_mut() else { continue };
                if !audio.write(clock.now_ms()).await? {
                    return Ok(false);
                }
            }
        }
    }
}

fn ended(reason: EndReason) -> Result<bool, Failure> {
    match reason {
        EndReason::Ended | EndReason::Left => Ok(true),
        EndReason::Kicked => Err(Failure::Run("the host removed you from the party".to_owned())),
    }
}
