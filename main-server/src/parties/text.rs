//! Validates and normalises the texts of parties from clients.

use std::ops::RangeInclusive;

use protocol::{
    ErrorCode,
    party::{
        ChangeParty, Command, CreateParty, MAX_MESSAGE_CHARS, MAX_NAME_CHARS, PartyCommand, Settings,
        TOKEN_PREFIX,
    },
    title,
};

use super::{Error, party::MAX_PEOPLE};
use crate::{accounts, api::error::Error as ApiError};

/// Longest `request_id`.
const MAX_REQUEST_ID: usize = 32;
/// Length of a client-made token, without its prefix: 192 random bits have 32 characters in base64.
const TOKEN_CHARS: RangeInclusive<usize> = 32..=60;
/// Longest wait of the party for members that buffer, per entry.
const MAX_WAIT_MS: u32 = 10_000;

/// A normalised title.
///
/// # Errors
/// `invalid_title`.
pub(super) fn title(text: &str) -> Result<String, ApiError> {
    title::clean(text).map_err(|error| ApiError::new(ErrorCode::InvalidTitle, error.to_string()))
}

/// The normalised name of a member.
///
/// # Errors
/// [`Error::Invalid`].
pub(super) fn name(text: &str) -> Result<String, Error> {
    title::clean_to(text, MAX_NAME_CHARS).map_err(|error| Error::Invalid(format!("name: {error}")))
}

/// A token that a client made for itself.
///
/// # Errors
/// [`Error::Invalid`].
pub(super) fn token(text: &str) -> Result<&str, Error> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let secret = text.strip_prefix(TOKEN_PREFIX).filter(|secret| secret.bytes().all(is_allowed));
    let secret = secret.filter(|secret| TOKEN_CHARS.contains(&secret.len()));
    let refused = || Error::Invalid("token must be up_ and 32 to 60 of A-Z, a-z, 0-9, - and _".into());
    secret.map(|_| text).ok_or_else(refused)
}

/// A new party with normalised texts and its settings within their limits.
///
/// # Errors
/// `invalid_title`, `invalid_request`.
pub(super) fn new_party(create: CreateParty) -> Result<CreateParty, ApiError> {
    create.settings.as_ref().map_or(Ok(()), check_settings)?;
    Ok(CreateParty { title: title(&create.title)?, name: name(&create.name)?, ..create })
}

/// A command with normalised texts and its numbers within their limits.
///
/// # Errors
/// `invalid_title`, `invalid_request`.
pub(super) fn command(mut command: PartyCommand) -> Result<PartyCommand, ApiError> {
    if let Some(request_id) = &command.request_id {
        let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if !(1..=MAX_REQUEST_ID).contains(&request_id.len()) || !request_id.bytes().all(is_allowed) {
            let message = "request_id must have 1 to 32 characters of a-z, 0-9 and -";
            return Err(ApiError::invalid(message));
        }
    }
    match &mut command.command {
        Command::Chat { text } => *text = message(text)?,
        Command::Rename { name } => *name = self::name(name)?,
        Command::Set(change) => clean_change(change)?,
        _ => {}
    }
    Ok(command)
}

/// Lines of a message become one.
fn message(text: &str) -> Result<String, Error> {
    let line = text.replace(['\r', '\n', '\t'], " ");
    title::clean_to(&line, MAX_MESSAGE_CHARS).map_err(|error| Error::Invalid(format!("text: {error}")))
}

fn clean_change(change: &mut ChangeParty) -> Result<(), ApiError> {
    change.title = change.title.as_deref().map(title).transpose()?;
    change.settings.as_ref().map_or(Ok(()), check_settings)?;
    let Some(people) = &mut change.people else { return Ok(()) };
    if people.len() > MAX_PEOPLE {
        return Err(ApiError::invalid(format!("people has more than {MAX_PEOPLE} names")));
    }
    for name in people.iter_mut() {
        *name = accounts::name(name).map_err(|error| ApiError::invalid(format!("people: {error}")))?;
    }
    people.sort_unstable();
    people.dedup();
    Ok(())
}

fn check_settings(settings: &Settings) -> Result<(), Error> {
    if !(1..=100).contains(&settings.skip_percent) {
        return Err(Error::Invalid("skip_percent must be from 1 to 100".into()));
    }
    if settings.wait_ms > MAX_WAIT_MS {
        return Err(Error::Invalid(format!("wait_ms must be at most {MAX_WAIT_MS}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(command: Command) -> PartyCommand {
        PartyCommand { command, if_revision: None, request_id: None }
    }

    #[test]
    fn a_message_is_one_line_of_plain_text() {
        let message = |text: &str| match command(of(Command::Chat { text: text.into() })).unwrap().command {
            Command::Chat { text } => text,
            _ => unreachable!(),
        };
        assert_eq!(message(" a\nb\u{202e}c "), "a bc");
        assert_eq!(message(&"a".repeat(MAX_MESSAGE_CHARS)).len(), MAX_MESSAGE_CHARS);
        for text in ["", " \n ", "\u{7}", &"a".repeat(MAX_MESSAGE_CHARS + 1)] {
            assert!(command(of(Command::Chat { text: text.into() })).is_err(), "{text:?}");
        }
    }

    #[test]
    fn names_of_requests_are_plain() {
        for (request_id, is_good) in
            [("a-1", true), ("", false), ("A", false), ("a b", false), (&"a".repeat(33), false)]
        {
            let command = command(PartyCommand { request_id: Some(request_id.into()), ..of(Command::Pause) });
            assert_eq!(command.is_ok(), is_good, "{request_id}");
        }
    }

    #[test]
    fn tokens_of_clients_are_long_enough() {
        let of = |chars: &str| token(&format!("up_{chars}")).is_ok();
        assert!(of(&"aZ09-_".repeat(6)) && of(&"a".repeat(32)) && of(&"a".repeat(60)));
        assert!(!of(&"a".repeat(31)) && !of(&"a".repeat(61)) && !of(&"a ".repeat(20)));
        assert!(token(&"a".repeat(43)).is_err());
    }

    #[test]
    fn settings_have_bounds() {
        let of =
            |settings| command(of(Command::Set(Box::new(ChangeParty { settings, ..Default::default() }))));
        assert!(of(Some(Settings::default())).is_ok());
        for skip_percent in [0, 101] {
            assert!(of(Some(Settings { skip_percent, ..Settings::default() })).is_err());
        }
        assert!(of(Some(Settings { wait_ms: MAX_WAIT_MS + 1, ..Settings::default() })).is_err());
    }
}
