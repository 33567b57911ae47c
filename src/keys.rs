//! `undead keys`: shows and replaces the keys that sign grants, whether or not the main server runs.

use std::time::{SystemTime, UNIX_EPOCH};

use protocol::grant_key::{GrantKeyInfo, GrantKeyState};
use reqwest::Method;

use crate::{
    cli::{KeysAction, KeysArgs},
    failure::Failure,
    local::Caller,
    output,
};

/// Runs the action.
pub(crate) async fn run(args: KeysArgs) -> Result<(), Failure> {
    let method = match args.action {
        KeysAction::List => Method::GET,
        KeysAction::Rotate => Method::POST,
    };
    let answer = Caller::open(&args.store).await?.call(method, "/api/grant-keys", None).await?;
    if args.json {
        return output::line(answer);
    }
    let keys: Vec<GrantKeyInfo> =
        serde_json::from_value(answer).map_err(Failure::run("the answer cannot be read"))?;
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    keys.iter().try_for_each(|key| output::line(line(key, now_ms)))
}

fn line(key: &GrantKeyInfo, now_ms: u64) -> String {
    let ago = |ms: u64| span(now_ms.saturating_sub(ms));
    let state = match key.state {
        GrantKeyState::Current => {
            format!("current for {}", ago(key.active_since_ms.unwrap_or(key.created_at_ms)))
        }
        GrantKeyState::Retiring => {
            let left_ms = key.accepted_until_ms.unwrap_or_default().saturating_sub(now_ms);
            format!("retiring, accepted for another {}", span(left_ms))
        }
        GrantKeyState::Next if key.lacking.is_empty() => "next".to_owned(),
        GrantKeyState::Next => format!("next, once these nodes have it: {}", key.lacking.join(", ")),
    };
    format!("{}  added {} ago  {state}", key.kid, ago(key.created_at_ms))
}

/// A time in its largest whole unit.
fn span(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0..120 => format!("{s} s"),
        120..7200 => format!("{} min", s / 60),
        7200..172_800 => format!("{} h", s / 3600),
        _ => format!("{} days", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(state: GrantKeyState) -> GrantKeyInfo {
        GrantKeyInfo {
            kid: "abcdefgh".into(),
            state,
            created_at_ms: 0,
            active_since_ms: Some(60_000),
            accepted_until_ms: Some(3 * 86_400_000),
            lacking: vec!["cdn-a".into(), "cdn-b".into()],
        }
    }

    #[test]
    fn a_line_says_what_a_key_is_used_for_and_what_it_waits_for() {
        let now_ms = 86_400_000;
        for (state, text) in [
            (GrantKeyState::Current, "abcdefgh  added 24 h ago  current for 23 h"),
            (GrantKeyState::Retiring, "abcdefgh  added 24 h ago  retiring, accepted for another 2 days"),
            (GrantKeyState::Next, "abcdefgh  added 24 h ago  next, once these nodes have it: cdn-a, cdn-b"),
        ] {
            assert_eq!(line(&key(state), now_ms), text);
        }
    }
}
