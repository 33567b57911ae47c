//! The grant that a viewer of a private stream was admitted with, for as long as the viewer watches: its client is asked for a
//! fresh one in time.

use std::sync::Arc;

use protocol::{StreamId, WireError};

use super::{admission::Admission, context::TransportContext};
use crate::renewals::{AskRenewal, Renewal};

/// See the [module](self).
pub(super) struct HeldGrant {
    stream: StreamId,
    renewal: Renewal,
    admission: Arc<Admission>,
}

impl HeldGrant {
    /// Has the client of a viewer asked by `ask` before its grant expires; none where the viewer needs no grant.
    pub(super) fn new(
        context: &TransportContext,
        stream: StreamId,
        expires_s: Option<u64>,
        ask: impl FnOnce() -> AskRenewal,
    ) -> Option<Box<Self>> {
        let renewal = context.renewals.add(expires_s?, ask());
        Some(Box::new(Self { stream, renewal, admission: context.admission.clone() }))
    }

    /// The client shows another grant.
    ///
    /// # Errors
    /// `invalid_grant`, `limit_reached`.
    pub(super) fn renew(&self, grant: &str) -> Result<(), WireError> {
        self.renewal.check_rate()?;
        self.renewal.renewed(self.admission.renew(self.stream, grant)?);
        Ok(())
    }
}
