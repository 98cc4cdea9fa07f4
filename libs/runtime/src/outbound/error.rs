//! Why something outside could not be asked. The words are for whoever named the place; none repeats what was read there.

use std::{io, net::IpAddr, time::Duration};

use super::{address::Purpose, dns::LookupError, url::UrlError};

/// Why something outside could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The address is not one to follow.
    #[error("'{}' cannot be followed: {reason}", shown(.url))]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        reason: UrlError,
    },
    /// DNS.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// No address.
    #[error("'{0}' has no address in DNS")]
    NoAddress(String),
    /// The address is not public.
    #[error(
        "'{host}' is at {address}, which is {purpose}; connections go to public addresses only, others are named in outbound.allow"
    )]
    Forbidden {
        /// The name.
        host: String,
        /// Its address, the first that is not allowed.
        address: IpAddr,
        /// What the address is for.
        purpose: Purpose,
    },
    /// Nobody answers there.
    #[error("'{host}' does not take a connection at {address} port {port}: {reason}")]
    Connect {
        /// The name.
        host: String,
        /// The address that was tried last.
        address: IpAddr,
        /// The port.
        port: u16,
        /// What the system said.
        reason: io::Error,
    },
    /// TLS, most often a certificate that nobody trusts.
    #[error("'{host}' cannot be trusted: {reason}")]
    Tls {
        /// The name.
        host: String,
        /// What TLS said.
        reason: io::Error,
    },
    /// It does not speak HTTP as it should.
    #[error("'{host}' did not answer in HTTP: {reason}")]
    Http {
        /// The name.
        host: String,
        /// What is wrong.
        reason: hyper::Error,
    },
    /// A request that HTTP cannot carry.
    #[error("the request cannot be sent")]
    Request(#[from] http::Error),
    /// A further place than was asked for.
    #[error("'{host}' redirects, and {}", followed(*.most))]
    Redirects {
        /// The name.
        host: String,
        /// How many are followed.
        most: usize,
    },
    /// More than is read.
    #[error("'{host}' answers with more than {most} bytes")]
    TooLarge {
        /// The name.
        host: String,
        /// How much is read.
        most: usize,
    },
    /// It takes too long, all redirects together.
    #[error("'{host}' did not answer in full within {} s", .within.as_secs())]
    TimedOut {
        /// The name that was asked first.
        host: String,
        /// How long it was waited for.
        within: Duration,
    },
}

fn followed(most: usize) -> String {
    match most {
        0 => "redirects are not followed here".to_owned(),
        most => format!("more than {most} redirects are not followed"),
    }
}

/// What a peer wrote, short and without control characters.
fn shown(text: &str) -> String {
    text.chars().take(200).flat_map(char::escape_debug).collect()
}
