//! `docs/limits.md` is made of the tables in this folder, the defaults of the options and the constants of the code. The test fails where
//! it is stale, and where an option that bounds something has no row. `make configuration` writes it.

mod connections;
mod jobs;
mod library;
mod nodes;
mod parties;
mod requests;
mod row;
mod streams;
mod uploads;

use std::{collections::BTreeSet, env, fmt::Write, fs};

use self::row::{By, Row};
use super::reference::{Entry, entries, path};

fn page() -> String {
    let options: Vec<Entry> = entries().into_iter().flat_map(|(_, entries)| entries).collect();
    let mut page = String::from(
        "# Limits\n\n\
         <!-- Generated from the code by `make configuration`. -->\n\n\
         Everything that a client can make grow has a bound. An address is an IPv4 address or a 64-bit IPv6 network; behind a trusted\n\
         proxy it is the client's. Where a default is \"by share\", an address gets at most nine times as many as are free, so that others\n\
         always find some. [configuration.md](configuration.md) says how to set an option; the other values are fixed.\n",
    );
    let sections = [
        ("Connections", connections::rows()),
        ("Requests", requests::rows()),
        ("Streams", streams::rows()),
        ("Nodes", nodes::rows()),
        ("Library", library::rows()),
        ("Uploads", uploads::rows()),
        ("Parties", parties::rows()),
        ("Jobs", jobs::rows()),
    ];
    for (title, rows) in sections {
        writeln!(
            page,
            "\n## {title}\n\n| what | default | option | beyond it | tests |\n|---|---|---|---|---|"
        )
        .unwrap();
        for Row { what, by, beyond, tests } in rows {
            let (default, key) = match by {
                By::Fixed(value) => (value, "–".to_owned()),
                By::Option(key) => (default(&options, key), format!("`{key}`")),
            };
            let tests: Vec<_> = tests.split(", ").map(|test| format!("`{test}`")).collect();
            writeln!(page, "| {what} | {default} | {key} | {beyond} | {} |", tests.join(", ")).unwrap();
        }
    }
    page
}

fn default(options: &[Entry], key: &str) -> String {
    let entry = options.iter().find(|entry| entry.option.get_id() == key);
    let entry = entry.unwrap_or_else(|| panic!("no option {key}"));
    let given: BTreeSet<_> = entry.commands.keys().flatten().collect();
    let derived = match key {
        "max_connections" => "open files less a quarter, 5120 at most",
        "max_http_connections" => "a quarter of the open files",
        "max_connections_per_address" => "nine tenths of all",
        "max_viewers_per_address" => "nine tenths of `max_viewers`",
        "concurrency" => "processors; half of them with `up`",
        _ => "by share",
    };
    given.first().map_or_else(|| derived.to_owned(), |default| (*default).clone())
}

#[test]
fn the_page_of_limits_is_what_the_code_says() {
    let text = page();
    if env::var_os("WRITE_CONFIGURATION").is_some() {
        fs::write(path("limits.md"), &text).unwrap();
    }
    let kept = fs::read_to_string(path("limits.md")).unwrap_or_default();
    assert!(kept == text, "docs/limits.md is stale; `make configuration` writes it anew");
}

#[test]
fn every_option_that_bounds_something_has_a_row() {
    let text = page();
    for Entry { option, .. } in entries().into_iter().flat_map(|(_, entries)| entries) {
        let (key, help) = (option.get_id(), option.get_help().map(ToString::to_string).unwrap_or_default());
        let is_bound = help.starts_with("Most ") && key != "egress_limit"
            || key.as_str().starts_with("max_") && key != "max_lag_ms";
        assert!(!is_bound || text.contains(&format!("| `{key}` |")), "{key} has no row in docs/limits.md");
    }
}
