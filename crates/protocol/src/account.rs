//! JSON bodies about people: who signs in, and what a person may do.

use serde::{Deserialize, Serialize};

use crate::{item::RecordPolicy, lenient::null_is_default};

/// What the holder of an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Operator,
    /// Go live, and manage stream keys of its own.
    Broadcaster,
}

/// Who may create streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Broadcast {
    /// All clients.
    #[default]
    Open,
    /// Holders of a stream key or of an account.
    Key,
    /// Holders of an account, by signing in or with a stream key of that account.
    Account,
}

/// Who may upload files into the library.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UploadPolicy {
    /// All clients.
    Open,
    /// Holders of an account, by signing in.
    #[default]
    Account,
    /// No client.
    Off,
}

impl UploadPolicy {
    /// Whether a client may upload.
    pub fn admits(self, is_signed_in: bool) -> bool {
        match self {
            Self::Open => true,
            Self::Account => is_signed_in,
            Self::Off => false,
        }
    }
}

/// Who may start jobs on items of the library that they can play.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobPolicy {
    /// Holders of an account, by signing in.
    #[default]
    Account,
    /// Owners of items, and operators.
    Owner,
    /// No client.
    Off,
}

/// Body of `POST /api/login`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// Of the account; upper case counts as lower case.
    pub name: String,
    /// As chosen.
    pub password: String,
}

/// Body of `POST /api/logout`; it may be left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logout {
    /// Ends all sessions of the account.
    #[serde(default, deserialize_with = "null_is_default")]
    pub everywhere: bool,
}

/// Body of `POST /api/setup`: the first operator.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// From the link that the main server printed.
    pub token: String,
    /// Of the new account.
    pub name: String,
    /// Of the new account.
    pub password: String,
}

/// Body of `POST /api/accounts`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateAccount {
    /// Unique.
    pub name: String,
    /// 10 to 256 characters.
    pub password: String,
    /// What it may do.
    pub role: Role,
}

/// Body of `PATCH /api/accounts/{name}`: what is left out stays.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeAccount {
    /// 10 to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// What it may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// Body of `PUT /api/me/password`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangePassword {
    /// The present one.
    pub old: String,
    /// 10 to 256 characters.
    pub new: String,
}

/// An account, as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountInfo {
    /// Unique.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Unix epoch.
    pub created_at_ms: u64,
}

/// An account, as its holder sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnAccount {
    /// Unique.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

/// Answer to `GET /api/me`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// `None` without a session.
    pub account: Option<OwnAccount>,
    /// Who may create streams.
    pub broadcast: Broadcast,
    /// Whether the caller may, without a stream key.
    pub may_broadcast: bool,
    /// Whether there is no operator yet.
    pub setup_needed: bool,
    /// Which streams are recorded; none from older main servers, which record none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordPolicy>,
    /// Who may upload files; left out by older main servers, which take none.
    #[serde(default = "off")]
    pub upload: UploadPolicy,
    /// Whether the caller may.
    #[serde(default)]
    pub may_upload: bool,
    /// Who may start jobs; left out by older main servers, which have none.
    #[serde(default = "no_jobs")]
    pub jobs: JobPolicy,
}

fn no_jobs() -> JobPolicy {
    JobPolicy::Off
}

fn off() -> UploadPolicy {
    UploadPolicy::Off
}
