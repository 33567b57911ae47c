//! Nodes as separate processes, for `up`.

use std::{num::NonZeroU32, str::FromStr};

use clap::Args;

use crate::address;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Spawned nodes")]
pub(crate) struct SpawnOptions {
    /// Run nodes as separate processes instead, started and stopped by load: at least MIN, at most MAX, including nodes started elsewhere
    #[arg(long, value_name = "MIN..MAX")]
    pub(crate) spawn_nodes: Option<Range>,
    /// First port of those nodes; each takes the first free one from there upwards
    #[arg(long, value_name = "FIRST", default_value_t = 5001, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) spawn_ports: u16,
    /// Name or address by which browsers reach those nodes
    #[arg(long, value_name = "HOST", default_value = "localhost", value_parser = address::host)]
    pub(crate) spawn_host: String,
}

/// Smallest and largest number of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    /// At least one.
    pub(crate) min: u32,
    /// Not less than `min`.
    pub(crate) max: u32,
}

impl FromStr for Range {
    type Err = String;

    /// Reads `2..8`, or `3` for `3..3`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (min, max) = text.split_once("..").unwrap_or((text, text));
        let number = |text: &str| {
            let read: Result<NonZeroU32, _> = text.trim().parse();
            read.map(NonZeroU32::get)
                .map_err(|_| format!("{text:?} is not a number of nodes; write for example 1..4"))
        };
        let range = Self { min: number(min)?, max: number(max)? };
        if range.min > range.max {
            return Err(format!("{min} is more than {max}"));
        }
        Ok(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_two_numbers_or_one() {
        assert_eq!("1..3".parse(), Ok(Range { min: 1, max: 3 }));
        assert_eq!("2".parse(), Ok(Range { min: 2, max: 2 }));
        for text in ["", "0..3", "3..2", "..", "1..", "a..b", "1...3", "-1..2"] {
            assert!(text.parse::<Range>().is_err(), "{text}");
        }
    }
}
