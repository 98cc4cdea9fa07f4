//! Where a request comes from: the address of the socket, unless that is a proxy we trust.

use std::net::{IpAddr, SocketAddr};

use contracts::Network;
use http::HeaderMap;

/// Name of the header to which each proxy appends where it got the request from.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of the client. `X-Forwarded-For` counts only when a trusted proxy sent it, and then only as far as the
/// chain of trusted proxies goes: the rightmost hop that is none is the client, whatever stands left of it. A hop that
/// is no address ends the chain; the client then is the last proxy that could be read.
#[must_use]
pub fn of(socket: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let trusted = |address: IpAddr| proxies.iter().any(|proxy| proxy.contains(address));
    let mut client = socket.to_canonical();
    if !trusted(client) {
        return client;
    }
    let values: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
    let lines = values.iter().rev().map(|value| value.to_str().unwrap_or_default());
    for hop in lines.flat_map(|line| line.rsplit(',')) {
        let Some(address) = read(hop.trim()) else { break };
        client = address;
        if !trusted(client) {
            break;
        }
    }
    client
}

/// A hop: an address, which some proxies write with its port.
fn read(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn client(socket: &str, proxies: &[&str], forwarded: &[&str]) -> String {
        let name = HeaderName::from_static(FORWARDED_FOR);
        let headers = forwarded.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap()));
        let proxies: Vec<Network> = proxies.iter().map(|proxy| proxy.parse().unwrap()).collect();
        of(socket.parse().unwrap(), &headers.collect(), &proxies).to_string()
    }

    #[test]
    fn a_header_from_whoever_is_no_trusted_proxy_changes_nothing() {
        assert_eq!(client("192.0.2.1", &[], &["10.0.0.1"]), "192.0.2.1");
        assert_eq!(client("192.0.2.1", &["198.51.100.0/24"], &["10.0.0.1"]), "192.0.2.1");
        assert_eq!(client("::ffff:192.0.2.1", &[], &[]), "192.0.2.1");
    }

    #[test]
    fn the_rightmost_hop_that_is_no_trusted_proxy_is_the_client() {
        let proxies = ["198.51.100.0/24", "2001:db8::1"];
        for (forwarded, expected) in [
            (&["203.0.113.7"][..], "203.0.113.7"),
            (&["10.0.0.1, 203.0.113.7"], "203.0.113.7"),
            (&["10.0.0.1, 203.0.113.7, 198.51.100.2"], "203.0.113.7"),
            (&["10.0.0.1", "203.0.113.7", "2001:db8::1"], "203.0.113.7"),
            (&["203.0.113.7:4711"], "203.0.113.7"),
            (&["[2001:db8::7]:4711"], "2001:db8::7"),
            (&["[2001:db8::7]"], "2001:db8::7"),
            (&["::ffff:203.0.113.7"], "203.0.113.7"),
        ] {
            assert_eq!(client("198.51.100.1", &proxies, forwarded), expected, "{forwarded:?}");
        }
    }

    #[test]
    fn without_a_readable_hop_the_proxy_itself_is_the_client() {
        for (forwarded, expected) in [
            (&[][..], "198.51.100.1"),
            (&[""], "198.51.100.1"),
            (&["10.0.0.1, unknown"], "198.51.100.1"),
            (&["10.0.0.1, unknown, 198.51.100.2"], "198.51.100.2"),
            (&["198.51.100.3, 198.51.100.2"], "198.51.100.3"),
        ] {
            assert_eq!(client("198.51.100.1", &["198.51.100.0/24"], forwarded), expected, "{forwarded:?}");
        }
    }
}
