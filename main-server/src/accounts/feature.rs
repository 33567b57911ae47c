//! Accounts as a feature: their routes, and what keeps accounts and sessions in sync with the store.

use std::sync::Arc;

use super::{Accounts, routes};
use crate::feature::{Context, Feature};

/// The routes of people, and the tasks of their records.
pub(crate) fn feature(context: &Context, accounts: &Arc<Accounts>) -> Feature {
    let [loading, following, sessions, saving] = [(); 4].map(|()| Arc::clone(accounts));
    Feature::new(routes::router(Arc::clone(accounts), context.credentials.clone()))
        .loading(move || {
            let accounts = Arc::clone(&loading);
            async move { accounts.load().await }
        })
        .task("watch of accounts", async move { following.accounts.follow().await })
        .task("watch of sessions", async move { sessions.sessions.follow().await })
        .saving("last uses of sessions", |shutdown| async move { saving.sessions.save(&shutdown).await })
}
