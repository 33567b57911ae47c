//! The configuration file: keys at the top level of a TOML document, each with its line.

use std::{collections::BTreeMap, fs, path::PathBuf};

use clap::{Arg, Command};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Error, option};

/// The keys and values of a file; empty without a file.
#[derive(Debug, Default)]
pub(super) struct File {
    path: PathBuf,
    /// By key.
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    line: usize,
    values: Vec<String>,
}

impl File {
    /// Reads the file and checks each key and value.
    ///
    /// # Errors
    /// Lists what is wrong, each with file, line and key.
    pub(super) fn read(path: PathBuf, commands: &Command) -> Result<Self, Error> {
        let text = fs::read_to_string(&path)
            .map_err(|error| Error::wrong(format!("configuration file {}: {error}", path.display())))?;
        Self::parse(path, &text, commands)
    }

    pub(super) fn parse(path: PathBuf, text: &str, commands: &Command) -> Result<Self, Error> {
        let place = |at: usize| format!("{}:{}", path.display(), line_of(text, at));
        let table = DeTable::parse(text).map_err(|error| {
            Error::wrong(format!("{}: {}", place(error.span().map_or(0, |span| span.start)), error.message()))
        })?;
        let (mut entries, mut wrong) = (BTreeMap::new(), Vec::new());
        for (key, value) in table.get_ref() {
            let at = key.span().start;
            match entry(key.get_ref(), value, commands) {
                Ok(values) => {
                    entries.insert(key.get_ref().to_string(), Entry { line: line_of(text, at), values });
                }
                Err(reason) => wrong.push((at, format!("{}: {reason}", place(at)))),
            }
        }
        if wrong.is_empty() {
            return Ok(Self { path, entries });
        }
        wrong.sort();
        Err(Error::Wrong(wrong.into_iter().map(|(_, line)| line).collect()))
    }

    /// Makes the values of the file the defaults of their options.
    pub(super) fn as_defaults(&self, command: Command) -> Command {
        let with_default = |option: Arg| match self.entries.get(option.get_id().as_str()) {
            Some(entry) if option::is_key(&option) => option.default_values(entry.values.clone()),
            _ => option,
        };
        command.mut_args(with_default).mut_subcommands(|command| command.mut_args(with_default))
    }

    /// Where the file sets an option, as file and line.
    pub(super) fn place(&self, option: &Arg) -> Option<String> {
        let entry = self.entries.get(option.get_id().as_str())?;
        Some(format!("{}:{}", self.path.display(), entry.line))
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|&&byte| byte == b'\n').count() + 1
}

/// The values of one key, as flags would give them.
fn entry(key: &str, value: &Spanned<DeValue<'_>>, commands: &Command) -> Result<Vec<String>, String> {
    if value.get_ref().is_table() {
        return Err(format!("the file has no tables; put the keys of `{key}` at the top level"));
    }
    let options = || option::all(commands).into_iter().filter(|option| option::is_key(option));
    let Some(option) = options().find(|option| option.get_id() == key) else {
        let known = option::nearest(key, options().map(|option| option.get_id().as_str()));
        return Err(format!("unknown key `{key}`; did you mean `{}`?", known.unwrap_or_default()));
    };
    let wrong = |reason| format!("invalid value for `{key}`: {reason}");
    let values = scalars(value.get_ref()).filter(|values| !values.is_empty());
    let values = values.ok_or_else(|| wrong("expected a number, a text or a list of texts".to_owned()))?;
    option::check(option, &values).map_err(wrong)?;
    Ok(values)
}

fn scalars(value: &DeValue<'_>) -> Option<Vec<String>> {
    let scalar = match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok()?.to_string(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(is) => is.to_string(),
        DeValue::Array(values) => {
            return values
                .iter()
                .map(|value| scalars(value.get_ref()))
                .collect::<Option<Vec<_>>>()
                .map(|values| values.concat());
        }
        DeValue::Datetime(_) | DeValue::Table(_) => return None,
    };
    Some(vec![scalar])
}
