//! `GET /api/scaling`: how many nodes the present load wants, for the program that starts and stops them.

use std::sync::Arc;

use axum::{
    Router,
    extract::{FromRef, Query, State, rejection::QueryRejection},
    routing::get,
};
use protocol::node::Scaling;
use serde::Deserialize;

use super::{Bounds, Signal};
use crate::{
    api::{
        caller::{Credentials, NodeOrOperator},
        error::Error,
    },
    clock::Now,
    state::ClusterState,
};

/// What the handlers share.
pub(crate) struct Api {
    /// The signal.
    pub(crate) scaling: Arc<Signal>,
    /// How loaded the nodes are.
    pub(crate) state: Arc<ClusterState>,
    /// What nodes and people prove themselves with.
    pub(crate) credentials: Credentials,
}

impl FromRef<Arc<Api>> for Credentials {
    fn from_ref(api: &Arc<Api>) -> Self {
        api.credentials.clone()
    }
}

/// The route of the scaling signal.
pub(crate) fn router(api: Arc<Api>) -> Router {
    Router::new().route("/api/scaling", get(advise)).with_state(api)
}

/// What the caller allows; both may be left out.
#[derive(Deserialize)]
struct Allowed {
    min: Option<u32>,
    max: Option<u32>,
}

impl Allowed {
    /// No fewer than `min`, whatever `max` is.
    fn bounds(&self) -> Result<Bounds, Error> {
        let min = self.min.unwrap_or(Bounds::ANY.min);
        let max = self.max.unwrap_or(Bounds::ANY.max);
        if min == 0 || max == 0 {
            return Err(Error::invalid("min and max must be at least 1"));
        }
        Ok(Bounds { min, max: max.max(min) })
    }
}

async fn advise(
    State(api): State<Arc<Api>>,
    _: NodeOrOperator,
    allowed: Result<Query<Allowed>, QueryRejection>,
) -> Result<axum::Json<Scaling>, Error> {
    let Query(allowed) = allowed.map_err(|_| Error::invalid("min and max must be numbers of nodes"))?;
    let (bounds, now) = (allowed.bounds()?, Now::read());
    Ok(axum::Json(api.scaling.update(&api.state.list_nodes(now), bounds, now.instant)))
}
