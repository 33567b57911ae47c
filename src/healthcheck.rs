//! `undead healthcheck`: the health check of the container image, which has no curl.

use std::time::Duration;

use crate::{
    address::{self, Scheme},
    cli::HealthcheckArgs,
    failure::Failure,
};

const TIMEOUT: Duration = Duration::from_secs(2);

/// Succeeds if the server at the listening address answers `/healthz` with a success.
pub(crate) async fn run(args: HealthcheckArgs) -> Result<(), Failure> {
    let base = args.health_url.unwrap_or_else(|| address::url_here(Scheme::Http, args.listen));
    let url = format!("{}/healthz", base.trim_end_matches('/'));
    let client = args
        .trust
        .load()?
        .http_client()
        .timeout(TIMEOUT)
        // Servers on this machine are called directly, without the proxy of the environment.
        .no_proxy()
        .build()
        .map_err(Failure::run("cannot create the HTTP client"))?;
    let unhealthy = |why: String| Failure::Run(format!("{url} is not healthy: {why}"));
    let answer = client.get(&url).send().await.map_err(|error| unhealthy(cause(&error)))?;
    match answer.status() {
        status if status.is_success() => Ok(()),
        status if status.is_redirection() => {
            Err(unhealthy(format!("{status}; for a server with TLS, set --health-url to its https URL")))
        }
        status => Err(unhealthy(status.to_string())),
    }
}

/// What is wrong with TLS, or the innermost cause of an error: the outer ones are too general.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    tls::reason(error).unwrap_or_else(|| error.source().map_or_else(|| error.to_string(), cause))
}
