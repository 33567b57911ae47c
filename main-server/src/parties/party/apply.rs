//! Applies events, the only way to change a party.

use super::{
    event::{Applied, Event, Refusal},
    record::{Entry, Record},
};

impl Record {
    /// Applies an event at the time `now_ms`. The revision grows by one if the record changes.
    ///
    /// # Errors
    /// Why the event is refused; the record is then unchanged.
    pub(crate) fn apply(&mut self, event: &Event, now_ms: u64) -> Result<Applied, Refusal> {
        if self.is_ended() {
            return Err(Refusal::UnknownParty);
        }
        let (had_host, was_empty) = (self.has_host(), self.present().next().is_none());
        let applied = match event {
            Event::Join(join) => self.join(join, now_ms)?,
            Event::Leave { member } => self.leave(*member)?,
            Event::Request(request) => self.call(request, now_ms)?,
            Event::Present { members } => Applied::if_changed(self.set_presence(members, true, now_ms)),
            Event::Away { members } => Applied::if_changed(self.set_presence(members, false, now_ms)),
            Event::Buffering { member, is_buffering } => {
                self.member(*member).ok_or(Refusal::UnknownMember)?;
                Applied::if_changed(match is_buffering {
                    true => self.wait_for(*member, now_ms),
                    false => self.stop_waiting_for(|id| id == *member, now_ms),
                })
            }
            Event::Tick => Applied::if_changed(self.tick(now_ms)),
            Event::StreamEnded { stream_id } => {
                let is_gone = |entry: &Entry| entry.content.stream_id == Some(*stream_id);
                Applied::if_changed(self.remove_content(is_gone, now_ms))
            }
            Event::EntriesGone { entries } => {
                Applied::if_changed(self.remove_content(|entry| entries.contains(&entry.id), now_ms))
            }
            Event::InvitationRevoked { invitation } => Applied::if_changed(self.revoke(invitation)),
        };
        if applied.changed {
            // A pause by the host or an operator is not undone automatically: only these two let the position
            // move again.
            let is_left_alone = had_host && !self.has_host();
            let is_entered = was_empty && self.present().next().is_some();
            self.settle(now_ms, is_left_alone || is_entered);
            self.revision += 1;
        }
        Ok(applied)
    }
}
