//! Where objects are kept.

use std::{fmt, path::PathBuf, str::FromStr};

use url::Url;

/// Where objects are kept. Its text is a folder, or `s3://bucket[/prefix][?endpoint=URL&region=REGION]`, and never has a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A folder, which is created if it is missing.
    Folder(PathBuf),
    /// A bucket of S3.
    S3(Bucket),
    /// The main servers of a cluster, which have a location of their own. They serve blobs, and nothing else.
    MainServers(MainServers),
}

/// A bucket of S3, or of a server that speaks its protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// What all keys begin with, without slashes at its ends; may be empty.
    pub prefix: String,
    /// Base URL of the server; that of AWS if there is none.
    pub endpoint: Option<String>,
    /// Its region; `us-east-1` if neither this nor the environment has one.
    pub region: Option<String>,
    /// What requests are signed with; what the variables `AWS_…` of the environment give if there are none.
    pub credentials: Option<Credentials>,
}

/// What requests to S3 are signed with. The `Debug` form does not show the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// As `AWS_ACCESS_KEY_ID`.
    pub key_id: String,
    /// As `AWS_SECRET_ACCESS_KEY`.
    pub secret: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, …)", self.key_id)
    }
}

/// The main servers of a cluster. The `Debug` form does not show the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct MainServers {
    /// Their base URLs, tried in turn.
    pub urls: Vec<String>,
    /// The cluster secret.
    pub secret: String,
}

impl fmt::Debug for MainServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MainServers({}, …)", self.urls.join(", "))
    }
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("expected a folder or s3://bucket".to_owned());
        }
        if !text.contains("://") {
            return Ok(Self::Folder(text.into()));
        }
        bucket(text).map(Self::S3)
    }
}

fn bucket(text: &str) -> Result<Bucket, String> {
    // The text is not repeated: it may have a password by mistake.
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if url.scheme() != "s3" {
        return Err(format!("expected a folder or s3://bucket, not {}://", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() || url.port().is_some() {
        return Err(
            "expected s3://bucket; credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                .to_owned(),
        );
    }
    let Some(name) = url.host_str() else { return Err("the bucket has no name".to_owned()) };
    let prefix = url.path().trim_matches('/').to_owned();
    let mut bucket =
        Bucket { name: name.to_owned(), prefix, endpoint: None, region: None, credentials: None };
    for (key, value) in url.query_pairs() {
        let field = match &*key {
            "endpoint" => &mut bucket.endpoint,
            "region" => &mut bucket.region,
            _ => return Err(format!("expected endpoint or region, not {key}")),
        };
        *field = Some(value.into_owned());
    }
    bucket.endpoint.as_deref().map_or(Ok(()), is_endpoint)?;
    Ok(bucket)
}

fn is_endpoint(text: &str) -> Result<(), String> {
    let is_fine = Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
    });
    if is_fine {
        Ok(())
    } else {
        Err("expected http://… or https://… as endpoint, without credentials".to_owned())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::S3(bucket) => bucket.fmt(f),
            Self::MainServers(servers) => f.write_str(&servers.urls.join(",")),
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.name)?;
        if !self.prefix.is_empty() {
            write!(f, "/{}", self.prefix)?;
        }
        let options = [("endpoint", &self.endpoint), ("region", &self.region)];
        let given = options.into_iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
        for (index, (key, value)) in given.enumerate() {
            let separator = if index == 0 { '?' } else { '&' };
            let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            write!(f, "{separator}{key}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_location_is_read_as_it_is_written() {
        for text in [
            "data/objects",
            "/srv/objects",
            "s3://media",
            "s3://media/undead/library",
            "s3://media/a?endpoint=http%3A%2F%2F127.0.0.1%3A9000&region=eu-west-1",
        ] {
            let location: Location = text.parse().expect(text);
            assert_eq!(location.to_string(), text);
        }
        let plain: Location = "s3://media?endpoint=http://127.0.0.1:9000".parse().expect("not encoded");
        let Location::S3(bucket) = plain else { panic!("a bucket") };
        assert_eq!(bucket.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
    }

    #[test]
    fn wrong_locations_are_refused_without_their_secrets() {
        for text in [
            "",
            "s3://",
            "gs://media",
            "s3://key:hunter2@media",
            "s3://media?secret=hunter2",
            "s3://media?endpoint=http://key:hunter2@example.org",
            "s3://media?endpoint=hunter2",
        ] {
            let error = text.parse::<Location>().expect_err(text);
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn debug_form_has_no_secret() {
        let credentials = Credentials { key_id: "key".into(), secret: "hunter2".into() };
        let servers = MainServers { urls: vec!["http://a".into()], secret: "hunter2".into() };
        assert_eq!(format!("{credentials:?} {servers:?}"), "Credentials(key, …) MainServers(http://a, …)");
    }
}
