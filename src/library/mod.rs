//! `undead library`: what was recorded and uploaded, whether or not the main server runs.

mod export;
mod import;
mod verify;

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use protocol::item::{Item, ItemPage};
use reqwest::Method;
use serde_json::json;

use crate::{
    cli::{LibraryAction, LibraryArgs},
    failure::Failure,
    local::{self, Caller},
    output,
};

/// Runs the action.
pub(crate) async fn run(args: LibraryArgs) -> Result<(), Failure> {
    let LibraryArgs { action, arguments, json, repair, store, objects, upkeep } = args;
    check(action, &arguments)?;
    let location = objects.or_in(&store.data_dir);
    let set = |config: &mut main_server::Config| {
        config.objects = location.clone();
        upkeep.apply(config);
    };
    let caller = Caller::open_with(&store, set).await?;
    match action {
        LibraryAction::Ls => list(&caller, &arguments.join(OsStr::new(" ")).to_string_lossy(), json).await,
        LibraryAction::Import => {
            let paths: Vec<_> = arguments.into_iter().map(PathBuf::from).collect();
            import::run(&caller, &paths).await
        }
        LibraryAction::Export => export::run(&caller, &location, &store.trust.load()?, &arguments).await,
        LibraryAction::Verify => verify::verify(&caller, repair, json).await,
        LibraryAction::Gc => verify::collect(&caller, json).await,
    }
}

fn check(action: LibraryAction, arguments: &[OsString]) -> Result<(), Failure> {
    let (is_fine, rule) = match action {
        LibraryAction::Ls => (true, ""),
        LibraryAction::Import => (!arguments.is_empty(), "name the files or folders to import"),
        LibraryAction::Export => (arguments.len() == 2, "name the item to export and the file to write"),
        LibraryAction::Verify | LibraryAction::Gc => (arguments.is_empty(), "this takes no arguments"),
    };
    if is_fine { Ok(()) } else { Err(Failure::Config(rule.to_owned())) }
}

/// Prints all items that have the words, one a line, whoever may see them; deleted ones are not among them.
async fn list(caller: &Caller, words: &str, json: bool) -> Result<(), Failure> {
    let mut cursor = None;
    loop {
        let query = [
            ("q", Some(words.to_owned())),
            ("mine", Some("true".to_owned())),
            ("limit", Some("100".to_owned())),
            ("cursor", cursor),
        ];
        let query: Vec<_> = query.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let request = caller.request(Method::GET, &path("/api/library", &query));
        let page = local::send(request).await?.json();
        let page: ItemPage = page.await.map_err(Failure::run("the answer cannot be read"))?;
        for item in page.items {
            output::line(if json { json!(item).to_string() } else { row(&item) })?;
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

/// The path with a query.
fn path(path: &str, query: &[(&str, String)]) -> String {
    let mut url = reqwest::Url::parse("http://localhost").expect("a constant");
    url.set_path(path);
    url.query_pairs_mut().extend_pairs(query);
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}

fn row(item: &Item) -> String {
    let name = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let seconds = item.duration_ms / 1000;
    let length = format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let owner = item.owner.as_deref().unwrap_or("-");
    let (kind, state) = (name(json!(item.kind)), name(json!(item.state)));
    [&item.item_id.to_string(), &kind, &state, &length, &item.bytes.to_string(), owner, &item.title]
        .join("\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_one_value_of_the_query() {
        let query = [("q", "a&b=c d".to_owned()), ("limit", "100".to_owned())];
        assert_eq!(path("/api/library", &query), "/api/library?q=a%26b%3Dc+d&limit=100");
    }

    #[test]
    fn arguments_that_do_not_fit_are_refused() {
        let arguments = |count| vec![OsString::from("a"); count];
        for (action, right, wrong) in [
            (LibraryAction::Import, 1, 0),
            (LibraryAction::Export, 2, 1),
            (LibraryAction::Export, 2, 3),
            (LibraryAction::Verify, 0, 1),
            (LibraryAction::Gc, 0, 1),
        ] {
            assert!(check(action, &arguments(right)).is_ok(), "{action:?}");
            assert!(check(action, &arguments(wrong)).is_err(), "{action:?}");
        }
    }
}
