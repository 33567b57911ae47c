//! Why a TLS connection could not be made, for operators.

use std::{error::Error as StdError, io};

use rustls::{AlertDescription, CertificateError, Error};

/// Names of a certificate that a message repeats.
const MOST_NAMES: usize = 3;

/// What is wrong, if `error` or one of its causes is about TLS: a clause that follows the address, such as "its certificate has
/// expired".
pub fn reason(error: &(dyn StdError + 'static)) -> Option<String> {
    Some(match find(error)? {
        Error::InvalidCertificate(error) => certificate(error),
        Error::InvalidMessage(_) => {
            "it does not answer in TLS; the URL of a server without TLS begins with http:// or nats://"
                .to_owned()
        }
        Error::AlertReceived(alert) => refused(*alert),
        error => format!("no TLS connection: {error}"),
    })
}

fn certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "its certificate is of an authority that this machine does not trust; --ca-file adds one"
                .to_owned()
        }
        CertificateError::BadSignature => {
            "its certificate has a wrong signature, as of another authority with the name of one trusted here"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired, by the clock of this machine".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet, by the clock of this machine".to_owned()
        }
        CertificateError::NotValidForName => "its certificate is for another name".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let mut names = presented.iter().take(MOST_NAMES).map(String::as_str).collect::<Vec<_>>();
            if presented.len() > MOST_NAMES {
                names.push("others");
            }
            let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
            format!("its certificate is not for {:?} but for {names}", expected.to_str())
        }
        error => format!("its certificate is invalid: {error}"),
    }
}

fn refused(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => "it demands a client certificate".to_owned(),
        AlertDescription::BadCertificate
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA => format!("it does not accept this client's certificate ({alert:?})"),
        alert => format!("it ended the TLS handshake ({alert:?})"),
    }
}

/// The TLS error among the causes of `error`. One inside an [`io::Error`] is not its source but its content.
fn find<'a>(mut error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
    loop {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        error = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(content) => content,
            None => error.source()?,
        };
    }
}
