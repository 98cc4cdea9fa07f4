//! Free ports.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// `N` addresses on loopback that nobody listens on, all different.
#[must_use]
pub fn free<const N: usize>() -> [SocketAddr; N] {
    // Held open together, so that none is given twice.
    let listeners = [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("a bound socket has an address"))
}
