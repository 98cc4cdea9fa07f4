//! Free ports.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use runtime::entropy::{Entropy as _, SystemEntropy};

/// The ports that are given: below those that systems give to outgoing connections, one of which could take a port
/// between here and whoever listens on it.
const RANGE: std::ops::Range<u16> = 10_000..32_000;

/// `N` addresses on loopback that nobody listens on, all different.
#[must_use]
pub fn free<const N: usize>() -> [SocketAddr; N] {
    let mut drawn = [0; 2];
    SystemEntropy.fill(&mut drawn);
    // Tests that run at once begin to look at different places.
    let first = RANGE.start + u16::from_le_bytes(drawn) % (RANGE.end - RANGE.start);
    let mut candidates = (first..RANGE.end).chain(RANGE.start..first);
    // Held open together, so that none is given twice.
    let listeners = [(); N].map(|()| {
        let open = candidates.find_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
        open.expect("a free port")
    });
    listeners.map(|listener| listener.local_addr().expect("a bound socket has an address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_differ_and_no_outgoing_connection_takes_them() {
        let ports = free::<8>().map(|address| address.port());
        assert!(ports.iter().all(|port| RANGE.contains(port)), "{ports:?}");
        assert_eq!(std::collections::BTreeSet::from(ports).len(), 8);
    }
}
