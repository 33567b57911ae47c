//! One row of the table of limits, and what several rows say.

/// A bound.
pub(super) struct Row {
    /// What is bounded.
    pub(super) what: &'static str,
    /// The option that sets it, or its fixed value.
    pub(super) by: By,
    /// What happens beyond it.
    pub(super) beyond: &'static str,
    /// The tests of its edge.
    pub(super) tests: &'static str,
}

/// Where a bound is defined.
pub(super) enum By {
    /// The key of the option that sets it.
    Option(&'static str),
    /// A constant, as shown.
    Fixed(String),
}

/// A bound that an option sets.
pub(super) const fn option(
    what: &'static str,
    key: &'static str,
    beyond: &'static str,
    tests: &'static str,
) -> Row {
    Row { what, by: By::Option(key), beyond, tests }
}

/// A bound that is the same for every operator.
pub(super) fn fixed(
    what: &'static str,
    value: impl ToString,
    beyond: &'static str,
    tests: &'static str,
) -> Row {
    Row { what, by: By::Fixed(value.to_string()), beyond, tests }
}

/// A number of bytes in KiB.
pub(super) fn kib(bytes: usize) -> String {
    format!("{} KiB", bytes >> 10)
}

pub(super) const CLOSED: &str = "the connection is closed";
pub(super) const WAITS: &str = "the client waits; if it sends more, the connection is closed";
pub(super) const TOO_MANY: &str = "429 `limit_reached`, `Retry-After`";
pub(super) const TOO_LARGE: &str = "413 `payload_too_large`";
pub(super) const NO_CAPACITY: &str = "`no_capacity`: clients try the next node";
