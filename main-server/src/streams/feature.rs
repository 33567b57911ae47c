//! Streams as a feature: their routes and events, and the pictures that other main servers receive.

use std::sync::Arc;

use per_address::Shares;

use super::{
    Streams,
    forwarded::{self, THUMBNAIL},
    routes,
};
use crate::{
    broadcasters::Broadcasters,
    clock::Now,
    feature::{Context, Feature},
    invitations::Invitations,
};

/// The routes of streams, and what is noted of streams while the server runs.
pub(crate) fn feature(
    context: &Context,
    streams: &Arc<Streams>,
    broadcasters: &Arc<Broadcasters>,
    invitations: &Arc<Invitations>,
) -> Feature {
    let [api_streams, loading, pictures, running, stopping] = [(); 5].map(|()| Arc::clone(streams));
    Feature::new(routes::router(Arc::new(api(context, api_streams, broadcasters, invitations))))
        .loading(move || {
            let streams = Arc::clone(&loading);
            async move { streams.doubt(Now::read()).await }
        })
        .hears(THUMBNAIL, move |payload| {
            if let Some((stream_id, thumbnail)) = forwarded::read(payload) {
                pictures.take_thumbnail(stream_id, thumbnail);
            }
        })
        .task("time at which streams were last seen", async move { running.note_last_seen().await })
        .saving("last time at which streams were seen", |shutdown| async move {
            shutdown.cancelled().await;
            stopping.note_seen_last().await;
        })
}

fn api(
    context: &Context,
    streams: Arc<Streams>,
    broadcasters: &Arc<Broadcasters>,
    invitations: &Arc<Invitations>,
) -> routes::Api {
    let (metrics, limits) = (&context.metrics, &context.config.limits);
    let [listeners, snapshots] = [(); 2].map(|()| Arc::clone(&context.feed));
    metrics.gauge("undead_event_listeners", "Open event streams", move || listeners.totals().0 as u64);
    let help = "Copies of the list made for listeners and requests";
    metrics.read_counter("undead_list_snapshots", help, move || snapshots.totals().1);
    routes::Api {
        streams,
        feed: Arc::clone(&context.feed),
        grants: Arc::clone(&context.grants),
        passphrases: Arc::clone(&context.passphrases),
        credentials: context.credentials.clone(),
        broadcasters: Arc::clone(broadcasters),
        invitations: Arc::clone(invitations),
        listeners: Shares::new(limits.event_listeners, limits.event_listeners_per_address),
        record: context.config.record,
        started: Now::read(),
        closing: context.closing.clone(),
        created: metrics.counter("undead_streams_created", "Streams created"),
        watch_grants: metrics.counter("undead_watch_grants", "Watch grants handed out"),
    }
}
