//! The callers that have to prove themselves: nodes of the cluster, and its operator. A route takes the extractor of the callers
//! that it admits.

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};
use protocol::ErrorCode;

use super::error::Error;
use crate::auth::Secret;

/// A kind of caller that has to prove itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A node: it registers, reports, asks for sources, leaves.
    Node,
    /// The operator, or a program that works for the operator: looks at nodes and the load, ends streams, removes nodes.
    Operator,
}

/// What callers prove themselves with.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    /// See [`Secret`].
    pub(crate) cluster_secret: Secret,
}

impl Credentials {
    /// Whether `token` proves that the caller is `caller`: the one place that says which credential proves what. Until
    /// operators have a credential of their own, the cluster secret proves both.
    pub(crate) fn prove(&self, caller: Caller, token: &str) -> bool {
        match caller {
            Caller::Node | Caller::Operator => self.cluster_secret.matches(token),
        }
    }

    fn admit(&self, callers: &[Caller], headers: &HeaderMap) -> Result<(), Error> {
        let admits = |token| callers.iter().any(|caller| self.prove(*caller, token));
        let refused =
            || Error::new(ErrorCode::Unauthorized, "this call needs the cluster secret as a bearer token");
        bearer(headers).is_some_and(admits).then_some(()).ok_or_else(refused)
    }
}

/// Proof that a node calls.
pub(crate) struct Node;

/// Proof that the operator calls.
pub(crate) struct Operator;

/// Proof that a node or the operator calls.
pub(crate) struct NodeOrOperator;

macro_rules! admits {
    ($proof:ident: $($caller:ident),+) => {
        impl<S: Send + Sync> FromRequestParts<S> for $proof
        where
            Credentials: FromRef<S>,
        {
            type Rejection = Error;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
                Credentials::from_ref(state).admit(&[$(Caller::$caller),+], &parts.headers)?;
                Ok(Self)
            }
        }
    };
}

admits!(Node: Node);
admits!(Operator: Operator);
admits!(NodeOrOperator: Node, Operator);

/// The token of `Authorization: Bearer …` (RFC 6750, section 2.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        let token = |value: &str| bearer(&headers(value)).map(str::to_owned);
        assert_eq!(token("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(token("bearer  abc").as_deref(), Some("abc"));
        for value in ["", "Bearer", "Basic abc", "abc"] {
            assert_eq!(token(value), None, "{value}");
        }
    }

    #[test]
    fn a_caller_without_the_credential_is_neither_a_node_nor_the_operator() {
        let secret = Secret::new("the secret of a cluster").unwrap();
        let credentials = Credentials { cluster_secret: secret };
        for callers in [&[Caller::Node][..], &[Caller::Operator], &[Caller::Node, Caller::Operator]] {
            assert!(credentials.admit(callers, &headers("Bearer the secret of a cluster")).is_ok());
            assert!(credentials.admit(callers, &headers("Bearer another")).is_err());
            assert!(credentials.admit(callers, &HeaderMap::new()).is_err());
        }
    }
}
