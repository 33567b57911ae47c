//! `GET /api/scaling`: how many nodes the present load wants, for whoever starts and stops them.

use std::sync::Arc;

use axum::extract::{Query, State, rejection::QueryRejection};
use protocol::node::Scaling;
use serde::Deserialize;

use crate::{
    api::{Api, error::Error, extract::Member},
    clock::Now,
    scaling::Bounds,
};

/// What the asker allows; both may be left out.
#[derive(Deserialize)]
pub(crate) struct Allowed {
    min: Option<u32>,
    max: Option<u32>,
}

impl Allowed {
    /// No fewer than `min`, whatever `max` is.
    fn bounds(&self) -> Result<Bounds, Error> {
        let min = self.min.unwrap_or(Bounds::ANY.min);
        let max = self.max.unwrap_or(Bounds::ANY.max);
        if min == 0 || max == 0 {
            return Err(Error::invalid("min and max have to be at least 1"));
        }
        Ok(Bounds { min, max: max.max(min) })
    }
}

pub(crate) async fn advise(
    State(api): State<Arc<Api>>,
    _: Member,
    allowed: Result<Query<Allowed>, QueryRejection>,
) -> Result<axum::Json<Scaling>, Error> {
    let Query(allowed) = allowed.map_err(|_| Error::invalid("min and max are numbers of nodes"))?;
    let (bounds, now) = (allowed.bounds()?, Now::read());
    Ok(axum::Json(api.scaling.update(&api.control.nodes(now), bounds, now.instant)))
}
