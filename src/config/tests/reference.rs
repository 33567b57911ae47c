//! `docs/configuration.md` and `docs/undead.example.toml` are made of the options; these tests fail where they are stale.
//! `make configuration` writes them.

use std::{collections::BTreeMap, env, fmt::Write, fs, path::PathBuf};

use clap::{Arg, Command, CommandFactory};

use super::{Cli, default_matches, option};
use crate::config::effective::toml_value;

/// The commands that serve, whose options a file is for.
const SERVERS: [&str; 4] = ["up", "main-server", "cdn", "worker"];

/// One option of one or more commands.
pub(super) struct Entry {
    pub(super) option: Arg,
    /// Its commands, by default value.
    pub(super) commands: BTreeMap<Option<String>, Vec<&'static str>>,
}

/// The options of the servers, by heading, in the order of the help.
pub(super) fn entries() -> Vec<(String, Vec<Entry>)> {
    let commands = option::with_variables(Cli::command());
    let mut headings: Vec<(String, Vec<Entry>)> = Vec::new();
    for name in SERVERS {
        let command = option::command(&commands, name);
        for option in command.get_arguments().filter(|option| option::is_key(option)) {
            let heading = option.get_help_heading().unwrap_or_else(|| panic!("{option} has no heading"));
            let at = headings.iter().position(|(known, _)| known == heading).unwrap_or_else(|| {
                headings.push((heading.to_owned(), Vec::new()));
                headings.len() - 1
            });
            let entries = &mut headings[at].1;
            let at = entries
                .iter()
                .position(|entry| entry.option.get_id() == option.get_id())
                .unwrap_or_else(|| {
                    entries.push(Entry { option: option.clone(), commands: BTreeMap::new() });
                    entries.len() - 1
                });
            entries[at].commands.entry(default(option)).or_default().push(name);
        }
    }
    headings
}

fn default(option: &Arg) -> Option<String> {
    let values = option.get_default_values();
    values.first().map(|value| value.to_string_lossy().into_owned())
}

fn help(option: &Arg) -> String {
    option.get_help().unwrap_or_else(|| panic!("{option} has no help")).to_string()
}

fn page() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         <!-- Generated from the code by `make configuration`. -->\n\n\
         Every option has one name. `max_viewers` is the key in the configuration file, `--max-viewers` the flag and\n\
         `UNDEAD_MAX_VIEWERS` the environment variable. A flag overrides the variable, and the variable overrides the file.\n\n\
         The file is TOML: `--config FILE` or `UNDEAD_CONFIG` names it. Without either, `up`, `main-server`, `backup`, `restore` and\n\
         `user` read `undead.toml` in the data folder if there is one. One file serves all commands; keys of other commands are checked and\n\
         have no effect. Unknown keys and invalid values end the program with exit status 2 and a message with file, line and key.\n\
         [undead.example.toml](undead.example.toml) holds every key with its default. Let only the owner read a file with\n\
         `cluster_secret` or a password in `store`.\n\n\
         `undead up --print-config` prints every option of `up` with its value and the source of that value, without secrets, and\n\
         exits. The same works for the other commands.\n\n\
         Sizes and rates are numbers of bytes, or have a unit: kB, MB, GB, KiB, MiB, GiB, kbit, Mbit, Gbit.\n",
    );
    for (heading, entries) in entries() {
        writeln!(page, "\n## {heading}\n\n| Option | Default | Commands | |\n|---|---|---|---|").unwrap();
        for entry in entries {
            page.push_str(&row(&entry));
        }
    }
    page.push_str(FIXED);
    page
}

/// The end of the page.
const FIXED: &str = "
## What is fixed

Clients and servers of different versions rely on these values, so they cannot be configured: keep-alive every 10 s and
20 s of silence on media connections, 8 s on event streams; chunks of up to 49 MiB; titles of 120 characters, passphrases of 256,
pictures of 256 KiB, request bodies of 16 KiB within 30 s, heartbeats of 4 MiB; publish grants of 24 hours and watch grants of an hour;
relays over at most three hops. [protocol.md](protocol.md) and [http-api.md](http-api.md) describe them.
";

fn row(Entry { option, commands }: &Entry) -> String {
    let (key, flag) = (option.get_id(), option.get_long().unwrap_or_default());
    let flag = if option.is_hide_set() { String::new() } else { format!("`--{flag}`<br>") };
    let defaults: Vec<_> = commands
        .iter()
        .map(|(default, names)| match default {
            Some(default) if commands.len() > 1 => format!("`{default}` ({})", names.join(", ")),
            Some(default) => format!("`{default}`"),
            None => String::new(),
        })
        .collect();
    let names: Vec<_> =
        SERVERS.into_iter().filter(|name| commands.values().flatten().any(|of| of == name)).collect();
    let values: Vec<_> =
        option.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    let values = if values.is_empty() { String::new() } else { format!(": {}", values.join(", ")) };
    format!(
        "| `{key}`<br>{flag}`{}` | {} | {} | {}{values} |\n",
        option::variable(option),
        defaults.join("<br>"),
        names.join(", "),
        help(option).replace('|', "\\|"),
    )
}

fn example() -> String {
    let mut text = String::from(
        "# Every option with its default, for --config or as undead.toml in the data folder. Keep the lines that you change.\n\
         # Lines that begin with \"#key =\" have no default, or a different one for each command.\n\
         # Generated from the code by `make configuration`; docs/configuration.md has the same as a table.\n",
    );
    for (heading, entries) in entries() {
        writeln!(text, "\n# --- {heading} ---").unwrap();
        for Entry { option, commands } in entries {
            writeln!(text, "\n# {}", help(&option)).unwrap();
            let key = option.get_id();
            match commands.keys().collect::<Vec<_>>().as_slice() {
                [Some(default)] => writeln!(text, "{key} = {}", toml_value(default)).unwrap(),
                [None] => writeln!(text, "#{key} =").unwrap(),
                _ => {
                    for (default, names) in commands {
                        let default = toml_value(&default.unwrap_or_default());
                        writeln!(text, "#{key} = {default}  # {}", names.join(", ")).unwrap();
                    }
                }
            }
        }
    }
    text
}

pub(super) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

#[test]
fn the_reference_page_and_the_example_are_what_the_code_says() {
    for (name, text) in [("configuration.md", page()), ("undead.example.toml", example())] {
        if env::var_os("WRITE_CONFIGURATION").is_some() {
            fs::write(path(name), &text).unwrap();
        }
        let kept = fs::read_to_string(path(name)).unwrap_or_default();
        assert!(kept == text, "docs/{name} is stale; `make configuration` writes it anew");
    }
}

#[test]
fn the_example_holds_every_key_and_the_values_are_the_defaults() {
    let file = path("undead.example.toml");
    let text = fs::read_to_string(&file).unwrap();
    for (_, entries) in entries() {
        for Entry { option, .. } in entries {
            let key = option.get_id();
            let is_there =
                text.lines().any(|line| line.trim_start_matches('#').starts_with(&format!("{key} =")));
            assert!(is_there, "{key}");
        }
    }
    for name in SERVERS {
        let (command, of_code): (Command, _) = default_matches(name, None);
        let (_, of_file) = default_matches(name, Some(&file));
        for option in command.get_arguments().filter(|option| option::is_key(option)) {
            let id = option.get_id().as_str();
            let values = |matches: &clap::ArgMatches| {
                matches.get_raw(id).map(|raw| raw.map(ToOwned::to_owned).collect::<Vec<_>>())
            };
            assert_eq!(values(&of_code), values(&of_file), "{name}: {id}");
        }
    }
}

/// Names that the documentation has and no option: of the containers' host, of other programs, and flags without a value.
const FOREIGN: [&str; 9] = [
    "UNDEAD_PUBLIC_HOST",
    "--audio",
    "--build",
    "--ignore-existing",
    "--json",
    "--no-video",
    "--print-config",
    "--repair",
    "--unix-socket",
];

#[test]
fn documentation_and_containers_name_only_options_that_exist() {
    let commands = option::with_variables(Cli::command());
    let known: Vec<_> = option::all(&commands)
        .into_iter()
        .flat_map(|option| [option::variable(option), format!("--{}", option.get_long().unwrap_or_default())])
        .collect();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let pages = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let files = ["README.md", "Dockerfile", "docker-compose.yml", "docker-compose.cluster.yml"];
    for file in pages.filter(|path| path.is_file()).chain(files.map(|name| root.join(name))) {
        let text = fs::read_to_string(&file).unwrap();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
        // Compose files hold flags of NATS.
        let has_flags = file.extension().is_some_and(|extension| extension == "md");
        for word in words {
            let is_flag = has_flags
                && word.strip_prefix("--").is_some_and(|name| name.starts_with(char::is_alphabetic));
            if is_flag || word.starts_with(option::PREFIX) {
                let exists = known.iter().any(|name| name == word) || FOREIGN.contains(&word);
                assert!(exists, "{} names {word}", file.display());
            }
        }
    }
}
