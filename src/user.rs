//! `undead user`: the accounts of people, whether or not the main server runs.

use std::io::{self, IsTerminal, Read};

use protocol::account::{AccountInfo, ChangeAccount, CreateAccount};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    cli::{UserAction, UserArgs},
    failure::Failure,
    local::Caller,
    output,
};

/// Most bytes of a password that are read from standard input.
const MAX_PASSWORD_BYTES: u64 = 4096;

/// Runs the action.
pub(crate) async fn run(args: UserArgs) -> Result<(), Failure> {
    let UserArgs { action, name, role, store } = args;
    let name = name.unwrap_or_default();
    let call = async |method, path: &str, body: Option<Value>| {
        Caller::open(&store).await?.call(method, path, body.as_ref()).await
    };
    match action {
        UserAction::Add => {
            let body = CreateAccount { name: name.clone(), password: new_password()?, role };
            call(Method::POST, "/api/accounts", Some(json!(body))).await?;
            output::line(format_args!("added {name}"))
        }
        UserAction::Passwd => {
            let body = ChangeAccount { password: Some(new_password()?), role: None };
            call(Method::PATCH, &path(&name), Some(json!(body))).await?;
            output::line(format_args!("changed the password of {name}; all its sessions have ended"))
        }
        UserAction::Remove => {
            call(Method::DELETE, &path(&name), None).await?;
            output::line(format_args!("removed {name}"))
        }
        UserAction::List => {
            let accounts = call(Method::GET, "/api/accounts", None).await?;
            let accounts: Vec<AccountInfo> =
                serde_json::from_value(accounts).map_err(Failure::run("the answer cannot be read"))?;
            accounts.iter().try_for_each(|account| {
                let role = json!(account.role);
                output::line(format_args!("{}\t{}", account.name, role.as_str().unwrap_or_default()))
            })
        }
    }
}

/// The path of an account. Characters that names cannot have are refused by the server.
fn path(name: &str) -> String {
    let mut url = reqwest::Url::parse("http://localhost/api/accounts").expect("a constant");
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.push(name);
    }
    url.path().to_owned()
}

/// A new password: asked for twice on a terminal, without showing it; otherwise the first line of standard input.
fn new_password() -> Result<String, Failure> {
    let failed = || Failure::run("cannot read the password");
    if !io::stdin().is_terminal() {
        let mut text = String::new();
        io::stdin().take(MAX_PASSWORD_BYTES).read_to_string(&mut text).map_err(failed())?;
        return Ok(text.lines().next().unwrap_or_default().to_owned());
    }
    let password = rpassword::prompt_password("New password: ").map_err(failed())?;
    let again = rpassword::prompt_password("The same again: ").map_err(failed())?;
    match password == again {
        true => Ok(password),
        false => Err(Failure::Run("the two passwords differ".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_segment_of_the_path() {
        assert_eq!(path("ann+live@example.org"), "/api/accounts/ann+live@example.org");
        assert_eq!(path("../streams?a#b"), "/api/accounts/..%2Fstreams%3Fa%23b");
    }
}
