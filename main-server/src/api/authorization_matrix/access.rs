//! Which callers an operation admits, and the answer that the documentation promises to each of the others.

use reqwest::Method;

use super::credential::Credential as C;

/// Which callers an operation admits. `Hidden…`: to all others the item or party does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Every caller.
    Open,
    /// Every caller except pages of other sites.
    SameOrigin,
    /// Every caller; one with a session needs the header against forged requests.
    MaybeSignedIn,
    /// Nodes.
    Node,
    /// Nodes and operators.
    NodeOrOperator,
    /// Operators.
    Operator,
    /// Holders of an account.
    SignedIn,
    /// The broadcaster of the stream.
    Publisher,
    /// The broadcaster and the viewers of the stream.
    GrantHolder,
    /// The broadcaster and the owner of the stream, and operators.
    Manager,
    /// The owner of the item, the broadcaster of its stream, and operators.
    ItemEditor,
    /// As [`Self::ItemEditor`].
    HiddenItemEditor,
    /// As [`Self::ItemEditor`], for an operation that only reads.
    HiddenItemReader,
    /// As [`Self::HiddenItemReader`], and nodes.
    HiddenItemNode,
    /// Members of the party.
    PartyMember,
    /// As [`Self::PartyMember`].
    HiddenPartyMember,
    /// Members of the party that are not muted.
    PartyWriter,
    /// The host of the party.
    PartyHost,
    /// The host. Other members learn that they are not the host.
    HiddenPartyHost,
    /// Every caller; a member's token has to be that of a member of this party.
    PartyReader,
    /// Members and operators.
    HiddenPartyReader,
    /// Operators.
    HiddenPartyJoin,
}

use Access::{
    GrantHolder, HiddenItemEditor, HiddenItemNode, HiddenItemReader, HiddenPartyHost, HiddenPartyJoin,
    HiddenPartyMember, HiddenPartyReader, ItemEditor, Manager, MaybeSignedIn, Node, NodeOrOperator, Open,
    Operator, PartyHost, PartyMember, PartyReader, PartyWriter, Publisher, SameOrigin, SignedIn,
};

/// The answer that the documentation promises.
pub(super) fn expected(
    access: Access,
    granted: (u16, &'static str),
    method: &Method,
    shown: C,
) -> (u16, &'static str) {
    const UNAUTHORIZED: (u16, &str) = (401, "unauthorized");
    const FORBIDDEN: (u16, &str) = (403, "forbidden");
    const CSRF: (u16, &str) = (403, "csrf");
    const NO_GRANT: (u16, &str) = (401, "invalid_grant");
    const OTHER_GRANT: (u16, &str) = (403, "invalid_grant");
    const UNKNOWN_ITEM: (u16, &str) = (404, "unknown_item");
    const UNKNOWN_PARTY: (u16, &str) = (404, "unknown_party");
    const NO_MEMBER: (u16, &str) = (401, "unknown_member");
    const NOT_ALLOWED: (u16, &str) = (403, "not_allowed");
    let is_forged = matches!(shown, C::OperatorWithoutHeader | C::OperatorFromOtherSite) && !method.is_safe();
    let is_operator = matches!(shown, C::Operator | C::OperatorWithoutHeader | C::OperatorFromOtherSite);
    let is_broadcaster = matches!(shown, C::Owner | C::OtherBroadcaster);
    let is_publisher = matches!(shown, C::PublishGrant | C::ExpiredPublishGrant);
    let is_bearer = !is_operator && !is_broadcaster && !matches!(shown, C::Nothing | C::WrongSession);
    let is_member = matches!(shown, C::Host | C::Member | C::MutedMember);
    let is_no_member = matches!(shown, C::RemovedMember | C::MemberOfOtherParty);
    match access {
        Open => granted,
        PartyMember | HiddenPartyMember if is_member => granted,
        PartyHost | HiddenPartyHost if shown == C::Host => granted,
        PartyHost | HiddenPartyHost if is_member => NOT_ALLOWED,
        PartyWriter if shown == C::MutedMember => NOT_ALLOWED,
        PartyWriter if is_member => granted,
        PartyReader if is_no_member => NO_MEMBER,
        PartyReader => granted,
        HiddenPartyReader if is_member || is_operator => granted,
        HiddenPartyJoin if is_forged => CSRF,
        HiddenPartyJoin if is_operator => granted,
        PartyMember | PartyHost | PartyWriter => NO_MEMBER,
        HiddenPartyMember | HiddenPartyHost | HiddenPartyReader | HiddenPartyJoin => UNKNOWN_PARTY,
        SameOrigin if shown == C::OperatorFromOtherSite => CSRF,
        SameOrigin => granted,
        Node | NodeOrOperator if shown == C::ClusterSecret => granted,
        Node => UNAUTHORIZED,
        Publisher if is_publisher => granted,
        GrantHolder if is_publisher || shown == C::WatchGrant => granted,
        Publisher | GrantHolder if is_bearer => OTHER_GRANT,
        Publisher | GrantHolder => NO_GRANT,
        HiddenItemNode if shown == C::ClusterSecret => granted,
        HiddenItemReader | HiddenItemNode if is_operator || is_publisher || shown == C::Owner => granted,
        HiddenItemReader | HiddenItemNode => UNKNOWN_ITEM,
        _ if is_forged => CSRF,
        MaybeSignedIn => granted,
        NodeOrOperator | Operator if is_operator => granted,
        NodeOrOperator | Operator if is_broadcaster => FORBIDDEN,
        NodeOrOperator | Operator => UNAUTHORIZED,
        SignedIn if is_operator || is_broadcaster => granted,
        SignedIn => UNAUTHORIZED,
        Manager if is_publisher || is_operator || shown == C::Owner => granted,
        ItemEditor | HiddenItemEditor if is_publisher || is_operator || shown == C::Owner => granted,
        HiddenItemEditor => UNKNOWN_ITEM,
        ItemEditor if is_broadcaster => FORBIDDEN,
        ItemEditor if is_bearer => OTHER_GRANT,
        ItemEditor => UNAUTHORIZED,
        Manager if is_broadcaster => FORBIDDEN,
        Manager if is_bearer => OTHER_GRANT,
        Manager => NO_GRANT,
    }
}

/// The security schemes that the document names for an operation like that; empty for none.
pub(super) fn schemes(access: Access) -> &'static [&'static str] {
    match access {
        Open | SameOrigin | MaybeSignedIn => &[],
        Node => &["clusterSecret"],
        NodeOrOperator => &["clusterSecret", "session"],
        Operator | SignedIn => &["session"],
        Publisher => &["publishGrant"],
        GrantHolder => &["streamGrant"],
        Manager | ItemEditor | HiddenItemEditor => &["publishGrant", "session"],
        PartyMember | PartyWriter | PartyHost => &["partyMember"],
        // The document describes these operations once, for items and parties that every caller sees.
        HiddenItemReader | HiddenItemNode | PartyReader => &[],
        HiddenPartyMember | HiddenPartyHost | HiddenPartyReader | HiddenPartyJoin => &[],
    }
}
