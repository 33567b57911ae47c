//! What is a name and what is a password. Pure.

/// Most characters of a name.
pub(crate) const MAX_NAME_CHARS: usize = 64;
/// Fewest characters of a password.
pub(crate) const MIN_PASSWORD_CHARS: usize = 10;
/// Most characters of a password: more would only cost time to hash.
pub(crate) const MAX_PASSWORD_CHARS: usize = 256;

/// Which rule is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// The name is not one.
    #[error("name must have 1 to {MAX_NAME_CHARS} letters (a to z), digits, or characters of . _ - @ +")]
    Name,
    /// The password is too short.
    #[error("password must have at least {MIN_PASSWORD_CHARS} characters")]
    Short,
    /// The password is too long.
    #[error("password must have at most {MAX_PASSWORD_CHARS} characters")]
    Long,
}

/// The name as it is stored: in lower case, so that no two names look alike.
///
/// # Errors
/// [`Error::Name`].
pub(crate) fn name(text: &str) -> Result<String, Error> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || ".-_@+".contains(c);
    let is_name = (1..=MAX_NAME_CHARS).contains(&text.len()) && text.chars().all(is_allowed);
    is_name.then(|| text.to_ascii_lowercase()).ok_or(Error::Name)
}

/// Checks a new password: its length only, as NIST SP 800-63B advises.
///
/// # Errors
/// [`Error::Short`], [`Error::Long`].
pub(crate) fn check_password(password: &str) -> Result<(), Error> {
    match password.chars().count() {
        ..MIN_PASSWORD_CHARS => Err(Error::Short),
        MIN_PASSWORD_CHARS..=MAX_PASSWORD_CHARS => Ok(()),
        _ => Err(Error::Long),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_in_lower_case() {
        assert_eq!(name("Ann").as_deref(), Ok("ann"));
        assert_eq!(name("ann.b+live@example.org").as_deref(), Ok("ann.b+live@example.org"));
        for wrong in ["", "a b", "änn", "a/b", "a\n", "\u{202e}a", &"a".repeat(65)] {
            assert_eq!(name(wrong), Err(Error::Name), "{wrong:?}");
        }
    }

    #[test]
    fn passwords_have_10_to_256_characters_of_any_kind() {
        for right in ["0123456789", "🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑", &"é".repeat(256)] {
            assert_eq!(check_password(right), Ok(()), "{right}");
        }
        assert_eq!(check_password("012345678"), Err(Error::Short));
        assert_eq!(check_password(&"a".repeat(257)), Err(Error::Long));
    }
}
