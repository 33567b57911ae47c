//! A trial feature, for tests only: a note board that all main servers share. It shows what a feature needs: this folder, and
//! one call of [`feature`] in the app.
//!
//! It has a namespace and a replicated view ([`Note`]), routes, an event for the listeners of `GET /api/events`, and a queue of
//! tasks ([`CountWords`]).

mod tests;

use std::sync::Arc;

use axum::{
    Json as Answer, Router,
    extract::{FromRef, Path, State},
    http::StatusCode,
    routing::{get, put},
};
use protocol::ErrorCode;
use serde::{Deserialize, Serialize};
use store::{
    Namespace, Queue, Record, Replicated,
    queue::{Options, Settings, Task},
};

use crate::{
    api::{
        caller::{Credentials, Operator},
        error::Error,
        extract::Json,
    },
    events::{Event, Feed},
    feature::{Context, Feature},
};

/// A note, by its title.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    text: String,
    /// `None` until a worker has counted them.
    #[serde(default)]
    words: Option<usize>,
}

impl Record for Note {
    type Key = String;
    const NAMESPACE: Namespace = Namespace::new("notes");
}

/// Work to be done: counts the words of the note with this title.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct CountWords(String);

impl Task for CountWords {
    const NAMESPACE: Namespace = Namespace::new("notes-work");
}

/// The events for listeners.
#[derive(Serialize)]
struct NotesChanged {
    count: usize,
}

struct Api {
    notes: Arc<Replicated<Note>>,
    work: Queue<CountWords>,
    credentials: Credentials,
}

impl FromRef<Arc<Api>> for Credentials {
    fn from_ref(api: &Arc<Api>) -> Self {
        api.credentials.clone()
    }
}

/// The note board.
pub(crate) fn feature(context: &Context) -> Feature {
    let notes = Arc::new(Replicated::<Note>::shared(Arc::clone(&context.store.kv)));
    let work = Queue::new(Arc::clone(&context.store.kv), Settings::default());
    let api = Api { notes: Arc::clone(&notes), work: work.clone(), credentials: context.credentials.clone() };
    let routes = Router::new()
        .route("/api/notes", get(list))
        .route("/api/notes/{title}", put(write).delete(remove))
        .with_state(Arc::new(api));
    let [loading, following, counting] = [(); 3].map(|()| Arc::clone(&notes));
    let (feed, waiting) = (Arc::clone(&context.feed), work.clone());
    Feature::new(routes)
        .loading(move || {
            let notes = Arc::clone(&loading);
            async move { notes.load().await }
        })
        .task("watch of notes", async move { following.follow().await })
        .task("events of notes", async move { announce(&notes, &feed).await })
        .task("watch of work on notes", async move { waiting.follow().await })
        .task("work on notes", async move { count(&counting, &work).await })
}

async fn announce(notes: &Replicated<Note>, feed: &Feed) {
    let mut changed = notes.host().changed();
    while changed.changed().await.is_ok() {
        feed.publish([Event::new("notes_changed", &NotesChanged { count: notes.all().len() })]);
    }
}

async fn count(notes: &Replicated<Note>, work: &Queue<CountWords>) {
    loop {
        let claim = work.claim().await;
        let count = |note: &Note| {
            let words = Some(note.text.split_whitespace().count());
            (note.words != words).then(|| Note { words, ..note.clone() })
        };
        let title = claim.task().0.clone();
        let counted = async {
            // It may have been written at another main server a moment ago.
            notes.look_up(&title).await?;
            notes.change(&title, count).await
        };
        let settled = match counted.await {
            Ok(_) => claim.ack().await,
            Err(error) => claim.nack(&error.to_string()).await,
        };
        // Another worker has the task if this one lost it.
        drop(settled);
    }
}

async fn list(State(api): State<Arc<Api>>) -> Answer<Vec<(String, Note)>> {
    Answer(api.notes.all())
}

async fn write(
    State(api): State<Arc<Api>>,
    _: Operator,
    Path(title): Path<String>,
    Json(note): Json<Note>,
) -> Result<StatusCode, Error> {
    if api.notes.change(&title, |_| Some(note.clone())).await?.is_none() {
        api.notes.create(&title, note).await?;
    }
    let full = |_| Error::new(ErrorCode::LimitReached, "too many notes at the same time");
    api.work.enqueue(CountWords(title), Options::default()).await.map_err(full)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove(
    State(api): State<Arc<Api>>,
    _: Operator,
    Path(title): Path<String>,
) -> Result<StatusCode, Error> {
    api.notes.remove(&title).await?;
    Ok(StatusCode::NO_CONTENT)
}
