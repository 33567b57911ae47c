//! JSON bodies about invitations: links that admit viewers to a private stream.

use serde::{Deserialize, Serialize};

use crate::lenient::optional_whole;

/// What every invitation begins with, so that people and scanners recognise one.
pub const PREFIX: &str = "ui_";

/// Body of `POST /api/streams/{id}/invitations`. All fields may be left out, and so may the body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateInvitation {
    /// How many viewers it admits; any number if left out.
    #[serde(default, deserialize_with = "optional_whole", skip_serializing_if = "Option::is_none")]
    pub uses: Option<u32>,
    /// Seconds until it expires; with the stream if left out.
    #[serde(default, deserialize_with = "optional_whole", skip_serializing_if = "Option::is_none")]
    pub expires_in_s: Option<u64>,
    /// What it is for; see [`title::clean`](crate::title::clean).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Answer to `POST /api/streams/{id}/invitations`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationCreated {
    /// The link to share, a path on the main server's origin. The secret is in its fragment, which browsers do not send.
    pub url: String,
    /// Names the invitation; not a secret.
    pub invitation_id: String,
    /// The invitation itself. It is not shown again.
    pub invitation: String,
}

/// An invitation, as listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationInfo {
    /// Names the invitation.
    pub invitation_id: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many viewers it admits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<u32>,
    /// How many it has admitted.
    pub used: u32,
    /// Unix epoch.
    pub created_at_ms: u64,
    /// Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<u64>,
}
