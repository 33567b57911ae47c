//! What callers prove who they are with.

/// What a caller shows, or fails to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Credential {
    Nothing,
    ClusterSecret,
    WrongSecret,
    PublishGrant,
    PublishGrantOfOtherStream,
    PublishGrantOfOtherCluster,
    ExpiredPublishGrant,
    WatchGrant,
    RelayGrant,
    StreamKey,
    WrongSession,
    Operator,
    Owner,
    OtherBroadcaster,
    OperatorWithoutHeader,
    OperatorFromOtherSite,
    Host,
    Member,
    MutedMember,
    RemovedMember,
    MemberOfOtherParty,
}

impl Credential {
    /// The account whose session it is, if the session counts.
    pub(super) fn account(self) -> Option<&'static str> {
        match self {
            Self::Operator => Some("operator"),
            Self::Owner => Some("owner"),
            Self::OtherBroadcaster => Some("other"),
            _ => None,
        }
    }
}

/// All of them.
pub(super) const CREDENTIALS: [Credential; 21] = [
    Credential::Nothing,
    Credential::ClusterSecret,
    Credential::WrongSecret,
    Credential::PublishGrant,
    Credential::PublishGrantOfOtherStream,
    Credential::PublishGrantOfOtherCluster,
    Credential::ExpiredPublishGrant,
    Credential::WatchGrant,
    Credential::RelayGrant,
    Credential::StreamKey,
    Credential::WrongSession,
    Credential::Operator,
    Credential::Owner,
    Credential::OtherBroadcaster,
    Credential::OperatorWithoutHeader,
    Credential::OperatorFromOtherSite,
    Credential::Host,
    Credential::Member,
    Credential::MutedMember,
    Credential::RemovedMember,
    Credential::MemberOfOtherParty,
];

/// Operations without a party are called with the credentials up to this index.
pub(super) const ELSEWHERE: usize = 16;
