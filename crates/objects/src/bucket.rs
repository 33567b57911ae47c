//! Makes the client of a bucket of S3.

use std::{sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    client::{HttpClient, HttpConnector},
    path::Path,
    prefix::PrefixStore,
};

use crate::{Error, http, location::Bucket};

/// How often a request is sent again, within what time, and how long the waits between are.
const RETRIES: RetryConfig = RetryConfig {
    backoff: BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(2),
        base: 2.0,
    },
    max_retries: 3,
    retry_timeout: Duration::from_secs(20),
};

/// Gives each client the TLS of [`tls::Trust`], in place of one of its own.
#[derive(Debug)]
struct Connector(reqwest::Client);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

/// A client of the bucket. Nothing is sent.
///
/// # Errors
/// [`Error::Location`] if it is not set up as it must be.
pub(crate) fn open(bucket: &Bucket, trust: &tls::Trust) -> Result<Arc<dyn ObjectStore>, Error> {
    let server = bucket.endpoint.as_deref().unwrap_or_default();
    let http = http::client(trust, std::iter::once(server))?;
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(&bucket.name)
        .with_retry(RETRIES)
        .with_http_connector(Connector(http));
    if let Some(endpoint) = &bucket.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(region) = &bucket.region {
        builder = builder.with_region(region);
    } else if builder.get_config_value(&AmazonS3ConfigKey::Region).is_none() {
        builder = builder.with_region("us-east-1");
    }
    if let Some(credentials) = &bucket.credentials {
        builder = builder.with_access_key_id(&credentials.key_id).with_secret_access_key(&credentials.secret);
    }
    let store = builder.build().map_err(|error| Error::Location(error.to_string()))?;
    let prefix = Path::parse(&bucket.prefix).map_err(|error| Error::Location(error.to_string()))?;
    if prefix.as_ref().is_empty() {
        Ok(Arc::new(store))
    } else {
        Ok(Arc::new(PrefixStore::new(store, prefix)))
    }
}
