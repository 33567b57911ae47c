//! One configuration: flags over environment over one TOML file, with the same names everywhere.
//!
//! `clap` does the work. An option with the id `max_viewers` has the flag `--max-viewers`, the variable `UNDEAD_MAX_VIEWERS` and
//! the key `max_viewers`. A value in the file becomes the default of its option, so flags and variables override it, and
//! the option's own parser checks it. A key of another command is checked and has no effect: one file serves all commands.

mod effective;
mod error;
mod file;
mod option;
#[cfg(test)]
mod tests;

use std::{env, ffi::OsString, path::PathBuf};

use clap::{ArgMatches, Args, Command, CommandFactory, FromArgMatches};

pub(crate) use self::error::Error;
use self::file::File;
use crate::cli::Cli;

/// The configuration file in a data folder.
const FILE_NAME: &str = "undead.toml";

/// A configuration, and where it came from.
pub(crate) struct Config {
    pub(crate) cli: Cli,
    /// The command as it was run, with the values of the file as defaults.
    command: Command,
    matches: ArgMatches,
    file: File,
}

impl Config {
    /// Reads flags, environment and file.
    ///
    /// # Errors
    /// Says what is wrong: in a file with its name, line and key.
    pub(crate) fn load(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Error> {
        let arguments: Vec<_> = arguments.into_iter().collect();
        let command = option::with_variables(Cli::command());
        // First without the file, which the arguments name.
        let matches = parse(&command, &arguments)?;
        let file = match file_of(&matches)? {
            Some(path) => File::read(path, &command)?,
            None => File::default(),
        };
        let command = file.as_defaults(command);
        let matches = parse(&command, &arguments)?;
        let cli = Cli::from_arg_matches(&matches).map_err(Error::Usage)?;
        let (name, matches) = matches.subcommand().expect("clap requires a command");
        let command = option::command(&command, name);
        option::refuse_secret_flags(&command, matches)?;
        let config = Self { cli, command, matches: matches.clone(), file };
        config.cli.command.check().map_err(|broken| Error::wrong(config.explain(&broken)))?;
        Ok(config)
    }

    /// The flags that give another process the present values of the options `A`.
    pub(crate) fn flags<A: Args>(&self) -> Vec<OsString> {
        let group = A::augment_args(Command::new(""));
        let flags = group.get_arguments().filter(|option| option::is_option(option)).flat_map(|option| {
            let values = self.matches.try_get_raw(option.get_id().as_str());
            let values = values.ok().flatten().into_iter().flatten();
            values.map(|value| {
                let mut flag = OsString::from(format!("--{}=", option.get_long().unwrap_or_default()));
                flag.push(value);
                flag
            })
        });
        flags.collect()
    }
}

fn parse(command: &Command, arguments: &[OsString]) -> Result<ArgMatches, Error> {
    command.clone().try_get_matches_from(arguments).map_err(|error| option::explain(error, command))
}

/// The file to read: the one that is named, or one in the command's data folder if there is one.
///
/// # Errors
/// The data folder cannot be read, so whether it has a file is not known.
fn file_of(matches: &ArgMatches) -> Result<Option<PathBuf>, Error> {
    let Some((_, matches)) = matches.subcommand() else { return Ok(None) };
    let path = |id| matches.try_get_one::<PathBuf>(id).ok().flatten();
    if let Some(named) = path("config").filter(|path| !path.as_os_str().is_empty()) {
        return Ok(Some(named.clone()));
    }
    let Some(path) = path("data_dir").map(|folder| folder.join(FILE_NAME)) else { return Ok(None) };
    let exists = path.try_exists();
    let exists = exists.map_err(|error| Error::wrong(format!("{}: {error}", path.display())))?;
    Ok(exists.then_some(path))
}

/// Environment variables that resemble an option's, with the most similar one. They are not an error: other programs and
/// container platforms set variables of this prefix, too.
pub(crate) fn misspelled_variables() -> Vec<(String, String)> {
    let known: Vec<_> = option::all(&Cli::command()).iter().map(|option| option::variable(option)).collect();
    let set = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let unknown = set.filter(|name| name.starts_with(option::PREFIX) && !known.contains(name));
    unknown
        .filter_map(|name| {
            let meant = option::nearest(&name, known.iter().map(String::as_str))?;
            (strsim::damerau_levenshtein(&name, meant) <= 2).then(|| (name, meant.to_owned()))
        })
        .collect()
}
