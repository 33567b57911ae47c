//! The effective configuration as text: a configuration file whose comments name each value's source.

use std::fmt;

use clap::{Arg, parser::ValueSource};

use super::{Config, option};
use crate::options::Contradiction;

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# effective configuration of undead {}", self.command.get_name())?;
        let options = self.command.get_arguments().filter(|argument| option::is_key(argument));
        for option in options {
            let (key, source) = (option.get_id(), self.source(option));
            match self.value(option) {
                Some(value) if !option::may_show(option, &value) => {
                    writeln!(f, "# {key} is set and not shown  # {source}")?;
                }
                Some(value) => writeln!(f, "{key} = {value}  # {source}")?,
                None => writeln!(f, "# {key} is not set")?,
            }
        }
        Ok(())
    }
}

impl Config {
    /// The rule, and the value and source of each of its options.
    pub(super) fn explain(&self, Contradiction { keys, rule }: &Contradiction) -> String {
        let options =
            keys.iter().filter_map(|key| self.command.get_arguments().find(|option| option.get_id() == key));
        let values: Vec<_> = options
            .map(|option| match self.value(option) {
                Some(value) => format!("{} = {value} ({})", option.get_id(), self.source(option)),
                None => format!("{} is not set", option.get_id()),
            })
            .collect();
        format!("{rule}: {}", values.join(", "))
    }

    /// The value of an option, as the file would have it.
    fn value(&self, option: &Arg) -> Option<String> {
        let values = self.matches.get_raw(option.get_id().as_str())?;
        let values: Vec<_> = values.map(|value| toml_value(&value.to_string_lossy())).collect();
        match values.as_slice() {
            [value] => Some(value.clone()),
            values => Some(format!("[{}]", values.join(", "))),
        }
    }

    fn source(&self, option: &Arg) -> String {
        let flag = option.get_long().unwrap_or_default();
        match self.matches.value_source(option.get_id().as_str()) {
            Some(ValueSource::CommandLine) => format!("flag --{flag}"),
            Some(ValueSource::EnvVariable) => format!("environment {}", option::variable(option)),
            _ => self.file.place(option).unwrap_or_else(|| "default".to_owned()),
        }
    }
}

/// A whole number as it is, anything else as a text in quotes.
pub(super) fn toml_value(text: &str) -> String {
    let is_plain = text.parse::<i64>().is_ok() || text.parse::<bool>().is_ok();
    if is_plain { text.to_owned() } else { toml::Value::from(text).to_string() }
}
