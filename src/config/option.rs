//! Options, as `clap` knows them: their names, and the check of a value.

use std::error::Error as _;

use clap::{
    Arg, ArgAction, ArgMatches, Command,
    builder::Resettable,
    error::{ContextKind, ContextValue, ErrorKind},
    parser::ValueSource,
};

use super::Error;

/// Every environment variable begins with this.
pub(super) const PREFIX: &str = "UNDEAD_";

/// Whether an argument can be configured: it takes a value and has a name.
pub(super) fn is_option(argument: &Arg) -> bool {
    argument.get_long().is_some() && matches!(argument.get_action(), ArgAction::Set | ArgAction::Append)
}

/// Whether an option can be a key of the file. The name of the file cannot, and what is hidden without being a secret is for
/// demonstrations.
pub(super) fn is_key(argument: &Arg) -> bool {
    let is_hidden = argument.is_hide_set() && !is_secret(argument);
    is_option(argument) && !is_hidden && argument.get_id() != "config"
}

/// Whether values of the option may hold a secret.
pub(super) fn is_secret(option: &Arg) -> bool {
    option.is_hide_env_values_set()
}

/// Whether a value may be shown. An option with a flag is never a secret; at most its value is an address with a password.
pub(super) fn may_show(option: &Arg, value: &str) -> bool {
    !is_secret(option) || (!option.is_hide_set() && !value.contains('@'))
}

/// The environment variable of an option.
pub(super) fn variable(option: &Arg) -> String {
    format!("{PREFIX}{}", option.get_id().as_str().to_uppercase())
}

/// Gives every option of every command its environment variable.
pub(super) fn with_variables(command: Command) -> Command {
    let with_variable = |option: Arg| match is_option(&option) {
        true => {
            let variable = variable(&option);
            option.env(variable)
        }
        false => option,
    };
    command.mut_args(with_variable).mut_subcommands(with_variables)
}

/// One command by its name, with the options that all commands have.
pub(super) fn command(commands: &Command, name: &str) -> Command {
    let command = commands.find_subcommand(name).cloned().unwrap_or_default();
    command.args(commands.get_arguments().cloned())
}

/// Every option, in the order of the help. An option of several commands appears once for each.
pub(super) fn all(commands: &Command) -> Vec<&Arg> {
    let own = commands.get_subcommands().flat_map(Command::get_arguments);
    own.chain(commands.get_arguments()).filter(|argument| is_option(argument)).collect()
}

/// The name nearest to `name` by edit distance.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known.min_by_key(|known| strsim::damerau_levenshtein(name, known))
}

/// Whether `option` takes `values`.
///
/// # Errors
/// Says why not, without the values.
pub(super) fn check(option: &Arg, values: &[String]) -> Result<(), String> {
    let alone = Command::new("").no_binary_name(true).arg(option.clone().env(Resettable::Reset));
    let flag = option.get_long().unwrap_or_default();
    let arguments = values.iter().map(|value| format!("--{flag}={value}"));
    alone.try_get_matches_from(arguments).map(drop).map_err(|error| reason(&error))
}

fn reason(error: &clap::Error) -> String {
    if let Some(reason) = error.source() {
        return reason.to_string();
    }
    match (error.kind(), error.get(ContextKind::ValidValue)) {
        (_, Some(ContextValue::Strings(values))) => format!("expected one of: {}", values.join(", ")),
        (ErrorKind::ArgumentConflict, _) => "expected one value, not a list".to_owned(),
        _ => "a value is needed".to_owned(),
    }
}

/// Names the environment variable where a wrong value came from one, and keeps secret values out of the message.
pub(super) fn explain(error: clap::Error, commands: &Command) -> Error {
    if !matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue) {
        return Error::Usage(error);
    }
    let Some(ContextValue::String(shown)) = error.get(ContextKind::InvalidArg) else {
        return Error::Usage(error);
    };
    let flag = shown.split(' ').next().unwrap_or_default().trim_start_matches("--");
    let Some(option) = all(commands).into_iter().find(|option| option.get_long() == Some(flag)) else {
        return Error::Usage(error);
    };
    let variable = variable(option);
    let given = std::env::var(&variable).ok();
    let is_from_variable = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => given.is_some_and(|given| given.contains(value.as_str())),
        _ => false,
    };
    match (is_from_variable, is_secret(option)) {
        (true, _) => Error::wrong(format!("environment variable {variable}: {}", reason(&error))),
        (false, true) => Error::wrong(format!("--{flag}: {}", reason(&error))),
        (false, false) => Error::Usage(error),
    }
}

/// Refuses the flag of an option that has none: a secret would be in every process list.
pub(super) fn refuse_secret_flags(command: &Command, matches: &ArgMatches) -> Result<(), Error> {
    let hidden = command
        .get_arguments()
        .filter(|option| is_option(option) && is_secret(option) && option.is_hide_set());
    for option in hidden {
        if matches.value_source(option.get_id().as_str()) == Some(ValueSource::CommandLine) {
            let (flag, variable) = (option.get_long().unwrap_or_default(), variable(option));
            return Err(Error::wrong(format!(
                "--{flag}: a flag would show the secret in every process list; set {variable} or name a file with \
                 --{flag}-file"
            )));
        }
    }
    Ok(())
}
