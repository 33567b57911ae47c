//! The messages between a CDN node and the main server over HTTP.

use serde::{Deserialize, Serialize};

use crate::{
    NodeId, StreamId,
    grant::PublicKey,
    item::RecordStream,
    lenient::{
        null_is_default, object_or_default, objects, optional_object, optional_whole, whole, whole_or_zero,
    },
    stream::{StreamState, Visibility},
};

/// Most hops from a stream's origin to a node that carries it: a node that is sent a longer path leaves that source.
pub const MOST_HOPS: usize = 3;

/// Body of `POST /register_server`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterServer {
    /// The node's name, unique among live nodes.
    pub hostname: String,
    /// Where clients reach it: an absolute URL, or a path on the main server's own origin.
    pub public_url: String,
    /// Where other nodes reach it, if not at its public URL: an absolute URL, or a path on the main server's own origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_url: Option<String>,
    /// Grows at each start of the node's process; the same number means the same process.
    #[serde(deserialize_with = "whole")]
    pub generation: u64,
    /// What the node can take, if its operator set a limit.
    #[serde(default, deserialize_with = "optional_object", skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    /// Its location, named by the operator: viewers that ask for a region are sent there first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// An operator's limits for one node. A missing limit means none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// Most live streams that it carries.
    #[serde(default, deserialize_with = "optional_whole", skip_serializing_if = "Option::is_none")]
    pub streams: Option<u32>,
    /// Most viewers it serves.
    #[serde(default, deserialize_with = "optional_whole", skip_serializing_if = "Option::is_none")]
    pub viewers: Option<u32>,
    /// Most bytes per second it sends.
    #[serde(default, deserialize_with = "optional_whole", skip_serializing_if = "Option::is_none")]
    pub egress_bytes_per_s: Option<u64>,
}

/// Answer to `POST /register_server`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// The name to use in heartbeats.
    pub node_id: NodeId,
    /// How often to send one.
    pub heartbeat_ms: u64,
    /// How long the node may be chosen after its last one.
    pub lease_ms: u64,
    /// Keys that grants may be signed with.
    pub grant_keys: Vec<PublicKey>,
    /// Id of the cluster, which grants name; none from older main servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// The main server's clock when it answered, Unix epoch: nodes correct their own by it.
    #[serde(default, deserialize_with = "optional_whole", skip_serializing_if = "Option::is_none")]
    pub server_time_ms: Option<u64>,
}

/// Body of `PUT /api/nodes/{node_id}/heartbeat`: how loaded the node is and what it carries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Load at the time of sending.
    #[serde(default, deserialize_with = "object_or_default")]
    pub load: Load,
    /// Every stream the node carries, ended ones a last time.
    #[serde(default, deserialize_with = "objects")]
    pub streams: Vec<CarriedStream>,
    /// Ids of the keys that the node verifies grants with; none from older nodes, which learn keys at registration only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_keys: Option<Vec<String>>,
    /// How far the clock of the node's machine is ahead of the main server's, as the node measured it. The node itself uses
    /// the main server's. None before the first measurement and from older nodes.
    #[serde(default, deserialize_with = "optional_whole", skip_serializing_if = "Option::is_none")]
    pub clock_offset_ms: Option<i64>,
    /// Whether the node serves items of the library; older nodes do not.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "std::ops::Not::not")]
    pub serves_library: bool,
}

/// How loaded a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Connected viewers.
    #[serde(default, deserialize_with = "whole_or_zero")]
    pub viewers: u32,
    /// Bytes per second received from broadcasters, averaged over the last heartbeat interval.
    #[serde(default, deserialize_with = "whole_or_zero")]
    pub ingress_bytes_per_s: u64,
    /// Bytes per second handed to viewers' sockets, averaged likewise.
    #[serde(default, deserialize_with = "whole_or_zero")]
    pub egress_bytes_per_s: u64,
    /// Bytes held in the rings.
    #[serde(default, deserialize_with = "whole_or_zero")]
    pub ring_bytes: u64,
    /// Streams it carries, as origin or as edge, that are live.
    #[serde(default, deserialize_with = "whole_or_zero")]
    pub live_streams: u32,
    /// Other nodes that pull streams from it, counted once per stream.
    #[serde(default, deserialize_with = "whole_or_zero")]
    pub relays: u32,
    /// Bytes per second it can send at most: configured, or learned from its processor use; none while unknown.
    #[serde(default, deserialize_with = "optional_whole", skip_serializing_if = "Option::is_none")]
    pub egress_limit_bytes_per_s: Option<u64>,
    /// Share of the processors it may use that it does use, per mille: the least of its last five seconds.
    #[serde(default, deserialize_with = "whole_or_zero")]
    pub cpu_permille: u16,
    /// Viewers that are behind the live edge because their connections are full.
    #[serde(default, deserialize_with = "whole_or_zero")]
    pub lagging: u32,
    /// How often viewers skipped to a newer group since the node started.
    #[serde(default, deserialize_with = "whole_or_zero")]
    pub skips: u64,
}

/// One stream on a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedStream {
    /// Which stream.
    pub stream_id: StreamId,
    /// How it is doing there.
    pub state: StreamState,
    /// Viewers on this node.
    #[serde(default, deserialize_with = "whole_or_zero")]
    pub viewers: u32,
    /// The type its chunks have, with codecs; none until the first init segment is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime: Option<String>,
    /// Hostnames of the nodes on its path, origin first; empty on the origin itself.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<String>,
    /// Other nodes that pull it from this one. They are no viewers.
    #[serde(default, deserialize_with = "whole_or_zero")]
    pub relays: u32,
    /// Bytes of its chunks for each second that they cover, which is what one receiver takes; 0 while unknown.
    #[serde(default, deserialize_with = "whole_or_zero")]
    pub bytes_per_s: u64,
    /// Whether the node lets viewers without a grant watch it; none from older nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// See [`Access::Asked`]; none from older nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_only: Option<bool>,
}

/// Which viewers a node lets watch a stream, from all of them to the fewest. On the wire it is a visibility and `asked_only`, since
/// older nodes know the visibility alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Every viewer.
    Open,
    /// Viewers with a grant.
    Granted,
    /// Viewers whose grant says that they showed what the stream asks viewers for: other grants are from a time when it asked for
    /// nothing.
    Asked,
}

impl Access {
    /// Access to a stream of this visibility.
    pub fn new(visibility: Visibility, asked_only: bool) -> Self {
        match visibility.for_nodes() {
            Visibility::Public => Self::Open,
            _ if asked_only => Self::Asked,
            _ => Self::Granted,
        }
    }

    /// The [visibility for nodes](Visibility::for_nodes).
    pub fn visibility(self) -> Visibility {
        match self {
            Self::Open => Visibility::Public,
            Self::Granted | Self::Asked => Visibility::Private,
        }
    }

    /// Whether grants have to say that their viewers were asked.
    pub fn asked_only(self) -> bool {
        self == Self::Asked
    }
}

impl From<Visibility> for Access {
    fn from(visibility: Visibility) -> Self {
        Self::new(visibility, false)
    }
}

/// Body of `POST /api/nodes/{node_id}/streams/{stream_id}/sources`: a node asks from whom to pull a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskForSources {
    /// `public_url`s of nodes that just failed it.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub avoid: Vec<String>,
}

/// Where a node may pull a stream from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// Whether viewers need a grant.
    pub visibility: Visibility,
    /// See [`Access::Asked`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asked_only: bool,
    /// A relay grant for the stream.
    pub grant: String,
    /// Nodes that carry it and have room for a relay, first choice first. None of them gets it from the asking node.
    pub nodes: Vec<SourceAddress>,
}

impl Sources {
    /// Which viewers may watch the stream.
    pub fn access(&self) -> Access {
        Access::new(self.visibility, self.asked_only)
    }
}

/// A node that a stream can be pulled from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceAddress {
    /// Where clients reach it. In `avoid` it is called by this.
    pub public_url: String,
    /// Where nodes reach it, if not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_url: Option<String>,
}

impl SourceAddress {
    /// Where a node connects.
    pub fn url(&self) -> &str {
        self.peer_url.as_deref().unwrap_or(&self.public_url)
    }
}

/// Answer to a heartbeat: what the node has to do. Unknown commands are ignored by nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatAnswer {
    /// In the order to do them.
    #[serde(default)]
    pub commands: Vec<Command>,
    /// The main server's clock when it answered, Unix epoch: nodes correct their own by it.
    #[serde(default, deserialize_with = "optional_whole", skip_serializing_if = "Option::is_none")]
    pub server_time_ms: Option<u64>,
    /// Keys that grants may be signed with, in place of those the node has; none if it has these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_keys: Option<Vec<PublicKey>>,
    /// Id of the cluster, with the keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// Every stream that the node has to record. None from a main server that cannot tell, an older one: then nothing changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recordings: Option<Vec<RecordStream>>,
}

/// Something the main server asks of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// The stream was ended by its owner or an operator: tell its viewers and forget it.
    EndStream {
        /// Which stream.
        stream_id: StreamId,
    },
    /// An invitation was revoked: disconnect the viewers that it admitted, and admit no more with it. Repeated with every answer for
    /// as long as grants that name the invitation may be valid.
    RevokeInvitation {
        /// Which stream.
        stream_id: StreamId,
        /// Which invitation.
        invitation_id: String,
    },
    /// The visibility of a stream changed. New viewers need a grant unless it is public. Viewers that are there stay, unless the stream
    /// now asks viewers for something that they did not show.
    SetVisibility {
        /// Which stream.
        stream_id: StreamId,
        /// The [visibility for nodes](Visibility::for_nodes).
        visibility: Visibility,
        /// See [`Access::Asked`].
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        asked_only: bool,
    },
    /// A command this version does not know.
    #[serde(other)]
    Unknown,
}

/// One row of `GET /api/nodes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// The node's id.
    pub node_id: NodeId,
    /// Its name.
    pub hostname: String,
    /// Where clients reach it.
    pub public_url: String,
    /// Where other nodes reach it, if not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_url: Option<String>,
    /// Which start of its process this is.
    pub generation: u64,
    /// Streams placed on it that are not over.
    pub streams: u32,
    /// Those among them that nothing has arrived for yet: they take none of its places.
    #[serde(default)]
    pub waiting: u32,
    /// What its operator allows it to take.
    #[serde(default)]
    pub capacity: Capacity,
    /// Its location.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Load as of its last heartbeat.
    pub load: Load,
    /// Milliseconds until its lease ends; 0 when it has ended.
    pub lease_left_ms: u64,
    /// How far its machine's clock is ahead of the main server's; none while unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset_ms: Option<i64>,
}

/// Answer to `GET /api/scaling`: how many nodes the present load wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scaling {
    /// Nodes whose lease runs.
    pub nodes: u32,
    /// Nodes there should be: enough for the load after any one of them died, within what was asked for.
    pub wanted: u32,
    /// A sentence for people: what was looked at, and what follows.
    pub reason: String,
    /// Hostnames of live nodes that may be stopped, one after another; the one with the least work first.
    pub may_go: Vec<String>,
}
