//! One point of the matrix, and one measurement of it.

use serde::{Deserialize, Serialize};

/// One point of the matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// CPU limit in cores; 0 means none.
    pub cpus: f64,
    /// Concurrent streams.
    pub streams: u32,
    /// Viewers of each stream.
    pub viewers: u32,
    /// How they connect.
    #[serde(default, skip_serializing_if = "is_default")]
    pub transport: Transport,
    /// Synthetic media in place of the recording.
    #[serde(default, skip_serializing_if = "is_default")]
    pub synthetic: Option<Synthetic>,
    /// Nodes in addition to the origin, which then serve the viewers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub edges: u32,
    /// Viewers of each stream that never read, beside those who do.
    #[serde(default, skip_serializing_if = "is_default")]
    pub silent: u32,
    /// Whether the node serves over TLS.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tls: bool,
}

/// How viewers connect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Socket.IO over a WebSocket.
    #[default]
    SocketIo,
    /// The node's plain WebSocket.
    Ws,
}

/// Media of an exact size and pace: valid in its container, its pictures filled with noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Synthetic {
    /// Approximate size of each segment's chunk, in bytes.
    pub chunk_bytes: u32,
    /// Milliseconds between two segments.
    pub every_ms: u32,
    /// Milliseconds between two keyframes, rounded down to whole segments.
    #[serde(default = "default_keyframe_ms")]
    pub keyframe_ms: u32,
}

/// The program that a cell is run against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The node.
    Undead,
    /// The bare program that shows what the kernel costs.
    Floor,
}

/// One measurement to make.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// Number of the round.
    pub round: u32,
    /// The point of the matrix.
    pub cell: Cell,
    /// The program.
    pub target: Target,
    /// Seconds the measured window lasts.
    pub measure_s: f64,
}

impl Cell {
    /// The name records carry, e.g. `cpu0.25-s4-v50`, or `cpu0-s1-v600-ws-30000x100-e3`.
    pub fn name(&self) -> String {
        let mut name = format!("cpu{}-s{}-v{}", self.cpus, self.streams, self.viewers);
        if self.transport == Transport::Ws {
            name += "-ws";
        }
        if let Some(Synthetic { chunk_bytes, every_ms, .. }) = self.synthetic {
            name += &format!("-{chunk_bytes}x{every_ms}");
        }
        for (number, what) in [(self.edges, "e"), (self.silent, "silent")] {
            if number > 0 {
                name += &format!("-{what}{number}");
            }
        }
        if self.tls {
            name += "-tls";
        }
        name
    }
}

impl Cell {
    /// Whether it belongs to the matrix of limits, streams and viewers, and not to a special comparison.
    pub fn is_of_matrix(&self) -> bool {
        self.synthetic.is_none() && self.edges == 0 && self.silent == 0
    }
}

impl Synthetic {
    pub(super) fn check(&self) -> Result<(), String> {
        let least = self.every_ms.saturating_mul(20).max(1000);
        if !(10..=10_000).contains(&self.every_ms) || !(least..=4_000_000).contains(&self.chunk_bytes) {
            return Err(format!(
                "synthetic: chunks of {} bytes every {} ms cannot be made: every_ms is 10 to 10000, chunk_bytes \
                 at least 20 a millisecond and 1000, at most 4000000",
                self.chunk_bytes, self.every_ms
            ));
        }
        Ok(())
    }
}

fn default_keyframe_ms() -> u32 {
    2000
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
