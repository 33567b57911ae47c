//! Flags override the environment, which overrides the file. Wrong files are refused with their line. The reference matches the code.

mod limits;
mod reference;

use std::{ffi::OsString, fs, path::Path, time::Duration};

use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use super::{Config, Error, File, option};
use crate::cli::{self, Cli};

fn load(arguments: &[&str]) -> Result<Config, Error> {
    Config::load(["undead"].iter().chain(arguments).map(OsString::from))
}

/// Loads `undead COMMAND` with a file in a separate folder; errors name that file `undead.toml`.
fn load_file(command: &[&str], text: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("undead.toml");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap();
    let shorter = |text: String| text.replace(path, "undead.toml");
    load(&[command, &["--config", path]].concat()).map_err(|error| shorter(error.to_string()))
}

fn refused(text: &str) -> String {
    load_file(&["up"], text).err().unwrap_or_else(|| panic!("{text} was taken"))
}

fn up(config: Config) -> cli::UpArgs {
    match config.cli.command {
        cli::Command::Up(args) => args,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_sets_options_and_flags_override_it() {
    let text = "max_viewers = 1_000\nwindow_bytes = '1GiB'\nregion = \"north\"\nmax_streams = 0x10\n";
    let args = up(load_file(&["up", "--max-viewers", "7"], text).unwrap());
    assert_eq!((args.node.max_viewers, args.node.window_bytes.0), (7, 1 << 30));
    assert_eq!((args.node.region.as_deref(), args.node.max_streams), (Some("north"), 16));
}

#[test]
fn a_list_is_an_array_or_has_commas() {
    for text in ["main_server = ['http://a', 'http://b']", "main_server = 'http://a,http://b'"] {
        let cli::Command::Cdn(args) = load_file(&["cdn"], text).unwrap().cli.command else { panic!() };
        assert_eq!(args.member.main_server, ["http://a", "http://b"], "{text}");
    }
}

#[test]
fn one_file_serves_all_commands() {
    let text = "max_viewers = 5\nmain_server = 'http://a'\nlease_ms = 9000\nlog = 'warn'\n";
    for command in ["up", "main-server", "cdn", "healthcheck"] {
        assert_eq!(load_file(&[command], text).unwrap().cli.log.log, "warn", "{command}");
    }
    assert!(
        load_file(&["main-server"], "max_viewers = 'many'").is_err(),
        "its values are checked all the same"
    );
}

#[test]
fn the_file_in_the_data_folder_is_read_without_being_named() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().to_str().unwrap();
    assert_eq!(up(load(&["up", "--data-dir", data_dir]).unwrap()).nodes, None);
    fs::write(folder.path().join("undead.toml"), "nodes = 5").unwrap();
    assert_eq!(up(load(&["up", "--data-dir", data_dir]).unwrap()).nodes, Some(5));
}

#[test]
fn a_data_folder_that_cannot_be_read_is_an_error_and_not_one_without_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let itself = folder.path().join("data");
    std::os::unix::fs::symlink(&itself, &itself).unwrap();
    let said = load(&["up", "--data-dir", itself.to_str().unwrap()]).err().unwrap().to_string();
    assert!(said.starts_with(&format!("undead: {}/undead.toml: ", itself.display())), "{said}");
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_known_one() {
    assert_eq!(
        refused("# mine\n\nhartbeat_ms = 500\n"),
        "undead: undead.toml:3: unknown key `hartbeat_ms`; did you mean `heartbeat_ms`?"
    );
    for (key, meant) in [
        ("max-viewers", "max_viewers"),
        ("LISTEN", "listen"),
        ("store_", "store"),
        ("viewers", "max_viewers"),
    ] {
        let said = refused(&format!("\"{key}\" = 1"));
        assert!(said.ends_with(&format!("`{key}`; did you mean `{meant}`?")), "{said}");
    }
    assert!(
        refused("config = 'other.toml'").contains("unknown key `config`"),
        "a file does not name another one"
    );
    assert!(refused("print_config = true").contains("unknown key `print_config`"));
}

#[test]
fn every_wrong_line_is_named_in_order() {
    let said = refused("max_viewers = 'many'\nlease = 3\n[node]\nregion = 'x'\n");
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert!(lines[0].starts_with("undead: undead.toml:1: invalid value for `max_viewers`: "), "{said}");
    assert_eq!(lines[1], "undead: undead.toml:2: unknown key `lease`; did you mean `lease_ms`?");
    assert_eq!(
        lines[2],
        "undead: undead.toml:3: the file has no tables; put the keys of `node` at the top level"
    );
}

#[test]
fn wrong_values_are_refused_for_the_reason_that_a_flag_would_be() {
    for (text, reason) in [
        ("max_cpu = 101", "101 is not in 1..=100"),
        ("max_cpu = 1.5", "invalid digit"),
        ("listen = '5000'", "0.0.0.0:5000"),
        ("place_viewers = 'nearest'", "expected one of: carriers-first, least-egress"),
        ("heartbeat_ms = 0", "milliseconds from 1"),
        ("window_bytes = '7 furlongs'", "unknown unit"),
        ("max_viewers = [1, 2]", "not a list"),
        ("max_viewers = []", "a number, a text or a list"),
        ("max_viewers = 2026-11-28", "a number, a text or a list"),
        ("max_viewers = 99999999999999999999", "a number, a text or a list"),
        ("main_server = ['http://a', 'ftp://b']", "expected https://host:port"),
        ("log_format = 'xml'", "text, json"),
        ("segment_bytes = '17MiB'", "at most 16MiB"),
        ("spawn_nodes = '3..2'", "3 is more than 2"),
    ] {
        let said = refused(text);
        assert!(
            said.contains("undead.toml:1: invalid value for `") && said.contains(reason),
            "{text}: {said}"
        );
    }
}

#[test]
fn options_that_contradict_each_other_are_named_with_their_sources() {
    assert_eq!(
        refused("\nlease_ms = 900"),
        "undead: lease_ms must be more than heartbeat_ms; otherwise leases expire between two heartbeats: lease_ms = 900 \
         (undead.toml:2), heartbeat_ms = 1000 (default)"
    );
    let said = refused("lease_ms = 2000\nstore = 'nats://127.0.0.1:4222'");
    assert!(said.contains("lease_ms must be at least 3000 with a NATS store"), "{said}");
    assert!(said.ends_with("lease_ms = 2000 (undead.toml:1)"), "{said}");
    assert!(load_file(&["up"], "lease_ms = 2000").is_ok(), "one main server needs no longer lease");
    for command in ["up", "main-server", "cdn"] {
        let said = load_file(&[command], "grace_ms = 2999").err().unwrap();
        assert!(said.contains("grace_ms must be at least 3000"), "{said}");
        assert!(said.ends_with("grace_ms = 2999 (undead.toml:1)"), "{said}");
        assert!(load_file(&[command], "grace_ms = 3000").is_ok());
    }
    let said = refused("grace_ms = 5000\nheartbeat_ms = 5000\nlease_ms = 9000");
    assert!(said.contains("grace_ms must be more than heartbeat_ms"), "{said}");
    let said = load_file(&["up", "--nodes", "1"], "spawn_nodes = '1..2'").err().unwrap();
    assert!(said.contains("nodes = 1 (flag --nodes), spawn_nodes = \"1..2\" (undead.toml:1)"), "{said}");
    assert!(load_file(&["up", "--nodes", "0"], "spawn_nodes = 2").is_ok());
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    for (text, line) in [("max_viewers = 5\nmax_viewers = 6", 2), ("a", 1), ("\n\nregion = 'x", 3)] {
        let said = refused(text);
        assert!(said.starts_with(&format!("undead: undead.toml:{line}: ")), "{text}: {said}");
    }
}

#[test]
fn a_file_that_is_named_must_exist() {
    let error = load(&["up", "--config", "/nowhere/undead.toml"]).err().unwrap();
    assert!(error.to_string().contains("configuration file /nowhere/undead.toml: "), "{error}");
}

#[test]
fn secrets_are_in_no_message_and_no_printed_configuration() {
    let text = "store = 'nats://me:hunter2@a'\ncluster_secret = 'hunter2'\n";
    let printed = load_file(&["up"], text).unwrap().to_string();
    assert!(
        printed.contains("# store is set and not shown") && printed.contains("# cluster_secret is set"),
        "{printed}"
    );
    let wrong = refused("store = 'nats://me:hunter2@'");
    let flag = load(&["up", "--store", "nats://me:hunter2@"]).err().unwrap().to_string();
    let secret = load(&["cdn", "--cluster-secret", "hunter2"]).err().unwrap().to_string();
    assert!(secret.contains("UNDEAD_CLUSTER_SECRET") && secret.contains("--cluster-secret-file"), "{secret}");
    for text in [printed, wrong, flag, secret] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn the_printed_configuration_names_each_source_and_is_a_configuration_file() {
    let printed = load_file(&["up", "--max-streams", "3"], "# mine\nregion = 'a \"b\"'\n");
    assert!(printed.is_err(), "no spaces in names");
    let config =
        load_file(&["up", "--max-streams", "3"], "# mine\nregion = 'north'\nwindow_bytes = 67108864")
            .unwrap();
    let printed = config.to_string();
    for line in [
        "max_streams = 3  # flag --max-streams",
        "max_viewers = 10000  # default",
        "window_bytes = 67108864  # ",
        "region = \"north\"  # ",
        "# spawn_nodes is not set",
    ] {
        assert!(printed.lines().any(|printed| printed.starts_with(line)), "{line}: {printed}");
    }
    assert!(printed.contains("undead.toml:2\n") && printed.contains("undead.toml:3\n"), "{printed}");
    let values = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split("  # ").next().unwrap_or_default().to_owned()).collect()
    };
    let again = load_file(&["up"], &printed).unwrap().to_string();
    assert_eq!(values(&again), values(&printed));
}

#[test]
fn a_node_in_another_process_takes_over_every_option_that_nodes_have() {
    let config =
        load_file(&["up", "--max-viewers", "7"], "window_ms = 5000\ngrace_ms = 4000\nlog = 'warn'").unwrap();
    let flags = crate::up::ChildFlags::of(&config).node;
    let flags: Vec<_> = flags.iter().map(|flag| flag.to_str().unwrap()).collect();
    for flag in ["--max-viewers=7", "--window-ms=5000", "--grace-ms=4000", "--log=warn", "--linger-ms=10000"]
    {
        assert!(flags.contains(&flag), "{flag}: {flags:?}");
    }
    assert!(load(&[&["cdn"][..], &flags].concat()).is_ok());
}

#[test]
fn every_node_option_reaches_the_node() {
    let text = "max_viewers = 11\nmax_streams = 12\nmax_media_connections = 13\nmax_streams_per_connection = 14\nmax_relays = 15\n\
                window_ms = 16\nwindow_bytes = 18\ngroup_bytes = 17\nsegment_bytes = 19\ningest_limit = 20\nmax_lag_ms = 21\n\
                linger_ms = 22\nmax_cpu = 23\negress_limit = 24\ngrace_ms = 3025\n";
    let args = up(load_file(&["up"], text).unwrap());
    let limits = args.node.limits(args.main_server.server.grace_ms.0);
    let counts =
        [limits.viewers, limits.streams, limits.sockets, limits.streams_per_socket as u32, limits.relays];
    assert_eq!(counts, [11, 12, 13, 14, 15]);
    let bytes =
        [limits.group_bytes, limits.ring_bytes, limits.segment_bytes as u64, limits.stream_bytes_per_s];
    assert_eq!((bytes, limits.egress_bytes_per_s), ([17, 18, 19, 20], Some(24)));
    let times = [limits.window, limits.max_lag, limits.linger, limits.grace].map(|time| time.as_millis());
    assert_eq!((times, limits.cpu_permille), ([16, 21, 22, 3025], 230));
}

#[test]
fn every_main_server_option_reaches_the_main_server() {
    let text = "place_broadcasters = 'least-egress'\nplace_viewers = 'least-egress'\nscale_down_after = 11\nscale_up_above = 90\n\
                scale_aim = 30\nscale_down_below = 20\nheartbeat_ms = 12\nlease_ms = 13\nfirst_media_ms = 14\n\
                remember_ended_ms = 15\nmax_cluster_streams = 16\nmax_waiting_streams = 17\nmax_nodes = 18\n\
                max_event_listeners = 19\nthumbnail_bytes = 20\nlibrary_items = 21\nlibrary_quota_bytes = 22\n\
                library_account_quota_bytes = 23\nlibrary_keep_days = 24\nlibrary_undo_hours = 25\n\
                parties = 26\nparties_per_address = 27\nparty_members = 28\nparty_listeners = 29\nparty_idle_hours = 30\n\
                jobs = 'owner'\njobs_per_account = 31\njobs_waiting = 32\njob_max_minutes = 33\nauto_waveform = false\n\
                stems_model_hash = '1111111111111111111111111111111111111111111111111111111111111111'\n";
    let mut config = main_server::Config::new("");
    up(load_file(&["up"], text).unwrap()).main_server.options.apply(&mut config);
    let times = [config.heartbeat, config.lease, config.first_media, config.remember_ended];
    assert_eq!(times.map(|time| time.as_millis()), [12, 13, 14, 15]);
    let limits = config.limits;
    let counts = [
        limits.streams,
        limits.waiting_streams,
        limits.nodes,
        limits.event_listeners,
        limits.thumbnail_bytes,
    ];
    assert_eq!((counts, config.scale_down_after.as_secs()), ([16, 17, 18, 19, 20], 11));
    let library = config.library;
    let bytes = [library.items as u64, library.quota_bytes, library.account_quota_bytes.unwrap()];
    let hours = [library.keep.unwrap(), library.undo].map(|time| time.as_secs() / 3600);
    assert_eq!((bytes, hours), ([21, 22, 23], [24 * 24, 25]));
    let parties = main_server::PartyLimits {
        parties: 26,
        per_address: 27,
        members: 28,
        listeners: 29,
        idle: Duration::from_secs(30 * 3600),
    };
    assert_eq!(config.parties, parties);
    let jobs = main_server::JobLimits {
        policy: protocol::account::JobPolicy::Owner,
        per_account: 31,
        unfinished: 32,
        longest: Duration::from_secs(33 * 60),
        auto_waveform: false,
        stems_model: "1".repeat(64).parse().ok(),
    };
    assert_eq!(config.jobs, jobs);
    assert_eq!((config.scaling.full, config.scaling.aim, config.scaling.spare), (90, 30, 20));
    assert_eq!(format!("{:?}", config.placement).matches("LeastEgress").count(), 2);
}

#[test]
fn every_server_option_reaches_the_port() {
    let text = "max_connections = 100\nmax_http_connections = 11\nrequest_timeout_ms = 12\nmin_body_rate = 13\nunread_timeout_ms = 14\n";
    let limits = up(load_file(&["up"], text).unwrap()).main_server.server.limits();
    assert_eq!((limits.connections, limits.http_connections, limits.body_bytes_per_s), (100, 11, 13));
    let times = [limits.head, limits.body_pause, limits.unread].map(|time| time.as_millis());
    assert_eq!(times, [12, 12, 14]);
}

/// Variables are read when the command is made, so tests/operator.rs tests them in a separate process.
#[test]
fn every_option_has_a_variable_and_a_key_of_its_name() {
    let commands = option::with_variables(Cli::command());
    for option in option::all(&commands) {
        let id = option.get_id().as_str();
        assert_eq!(option.get_long(), Some(&*id.replace('_', "-")));
        assert_eq!(option.get_env().unwrap().to_str(), Some(&*format!("UNDEAD_{}", id.to_uppercase())));
    }
}

fn default_matches(command: &str, file: Option<&Path>) -> (Command, ArgMatches) {
    let mut commands = Cli::command();
    if let Some(path) = file {
        commands = File::read(path.to_owned(), &commands)
            .unwrap_or_else(|error| panic!("{error}"))
            .as_defaults(commands);
    }
    let matches = commands.clone().try_get_matches_from(["undead", command]).unwrap();
    Cli::from_arg_matches(&matches).unwrap();
    (option::command(&commands, command), matches.subcommand().unwrap().1.clone())
}
