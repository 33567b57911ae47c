//! A run as a table.

use std::fmt::Write;

use super::{Asked, Measured, Query, Records};
use crate::{
    figure::{p50_p99_max, significant},
    histogram::Histogram,
};

/// A row for each kind of request, a column for each store.
pub fn table(records: &Records) -> String {
    let mut table = "| p50 / p99 / longest, ms |".to_owned();
    for one in &records.measured {
        // Writing to a string cannot fail.
        let _ = write!(table, " {} |", one.engine);
    }
    let _ = writeln!(table, "\n|---|{}", "---|".repeat(records.measured.len()));
    for query in Query::ALL {
        let _ = write!(table, "| {} |", query.text());
        for one in &records.measured {
            let asked = one.asked.iter().find(|asked| asked.query == query);
            let _ = write!(table, " {} |", asked.map_or("-".into(), |asked| times(&asked.times)));
        }
        table.push('\n');
    }
    type Figure = fn(&Measured) -> String;
    let rows: [(&str, Figure); 3] = [
        ("CPU of the main server each, µs", |one| {
            let requests: u64 = one.asked.iter().map(|asked| count(&asked.times)).sum();
            significant(one.used.cpu_us as f64 / (requests as f64).max(1.0))
        }),
        ("main server's memory, MiB", |one| significant(one.used.rss_bytes as f64 / 1_048_576.0)),
        ("until all items were uploaded and processed, s", |one| significant(one.uploads_us as f64 / 1e6)),
    ];
    for (label, figure) in rows {
        let _ = write!(table, "| {label} |");
        for one in &records.measured {
            let _ = write!(table, " {} |", figure(one));
        }
        table.push('\n');
    }
    table
}

/// One store, for a terminal.
pub(super) fn lines(one: &Measured) -> String {
    let line = |Asked { query, times: of, found }: &Asked| {
        let kind = if query.is_search() { "search" } else { "list" };
        format!("{:12} {kind:6} {:42} {} ms, {found} found", one.engine.to_string(), query.text(), times(of))
    };
    one.asked.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn times(times: &Histogram) -> String {
    p50_p99_max(times.percentiles())
}

fn count(times: &Histogram) -> u64 {
    Vec::<(u64, u64)>::from(times.clone()).iter().map(|(_, count)| count).sum()
}
