//! S3 servers for tests: [`S3s`], the crate `s3s-fs`, in the process of the test, and [`Moto`], the Python package `moto`, as a
//! process of its own. Both listen on loopback and have one empty bucket. They need a tokio runtime, and end when they are dropped.

mod moto;
mod s3s;

pub use self::{moto::Moto, s3s::S3s};

/// Name of the bucket.
pub const BUCKET: &str = "media";
/// What requests have to be signed with, as `AWS_ACCESS_KEY_ID`; [`Moto`] does not check it.
pub const KEY_ID: &str = "harness";
/// As `AWS_SECRET_ACCESS_KEY`.
pub const SECRET: &str = "secret-of-the-harness";
