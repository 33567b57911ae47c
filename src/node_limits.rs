//! What an operator lets a node take. In `up`, each of the nodes may take as much.

use std::ffi::OsString;

use cdn::Config;
use clap::Args;

use crate::values;

#[derive(Clone, Debug, Args)]
pub(crate) struct NodeLimits {
    /// Where nodes stand; viewers who ask for this region are sent here first
    #[arg(long, env = "UNDEAD_REGION", value_name = "NAME", value_parser = values::name)]
    pub(crate) region: Option<String>,
    /// Most a node sends per second: bytes, or with a unit, as 1Gbit, 500Mbit, 80MB; learned from its load if left out
    #[arg(long, env = "UNDEAD_EGRESS_LIMIT", value_name = "RATE", value_parser = bytes_per_s)]
    pub(crate) egress_limit: Option<u64>,
    /// Most viewers of a node
    #[arg(long, env = "UNDEAD_MAX_VIEWERS", value_name = "COUNT")]
    pub(crate) max_viewers: Option<u32>,
    /// Most streams of a node, its own and those it relays
    #[arg(long, env = "UNDEAD_MAX_STREAMS", value_name = "COUNT")]
    pub(crate) max_streams: Option<u32>,
    /// Processor use, in percent, beyond which a node lets nobody new in; 100 never refuses
    #[arg(long, env = "UNDEAD_MAX_CPU", value_name = "PERCENT", default_value_t = 90, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) max_cpu: u8,
}

impl NodeLimits {
    /// Puts them into a node's configuration; what was not given stays as it is there.
    pub(crate) fn apply(&self, config: &mut Config) {
        let limits = &mut config.limits;
        config.region = self.region.clone().filter(|region| !region.is_empty());
        limits.egress_bytes_per_s = self.egress_limit;
        limits.viewers = self.max_viewers.unwrap_or(limits.viewers);
        limits.streams = self.max_streams.unwrap_or(limits.streams);
        limits.cpu_permille = u16::from(self.max_cpu) * 10;
    }
}

impl NodeLimits {
    /// The flags that give a node in another process the same limits.
    pub(crate) fn flags(&self) -> Vec<OsString> {
        let flags = [
            ("--region", self.region.clone()),
            ("--egress-limit", self.egress_limit.map(|bytes| bytes.to_string())),
            ("--max-viewers", self.max_viewers.map(|most| most.to_string())),
            ("--max-streams", self.max_streams.map(|most| most.to_string())),
            ("--max-cpu", Some(self.max_cpu.to_string())),
        ];
        let given =
            flags.into_iter().filter_map(|(flag, value)| value.map(|value| format!("{flag}={value}")));
        given.map(OsString::from).collect()
    }
}

/// Reads bytes per second: a number, alone or with a unit of bits (`kbit`, `Mbit`, `Gbit`) or bytes (`kB`, `MB`, `GB`),
/// thousands of each other.
fn bytes_per_s(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let per_unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "kbit" => 1e3 / 8.0,
        "mbit" => 1e6 / 8.0,
        "gbit" => 1e9 / 8.0,
        _ => return Err(format!("no unit is called {unit}; use kbit, Mbit, Gbit, kB, MB or GB")),
    };
    let number: f64 = number.parse().map_err(|_| format!("{number:?} is no number"))?;
    match number * per_unit {
        bytes if (1.0..1e18).contains(&bytes) => Ok(bytes as u64),
        _ => Err("a node has to be allowed to send something, and less than everything".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_in_bits_and_bytes() {
        for (text, bytes) in
            [("125000000", 125_000_000), ("1Gbit", 125_000_000), ("2.5 mbit", 312_500), ("80MB", 80_000_000)]
        {
            assert_eq!(bytes_per_s(text), Ok(bytes), "{text}");
        }
        for text in ["", "fast", "0", "1.2.3", "-5MB", "7 furlongs"] {
            assert!(bytes_per_s(text).is_err(), "{text}");
        }
    }
}
