//! The networks that this machine is in.

use std::net::IpAddr;

use contracts::Network;
use nix::{ifaddrs::getifaddrs, sys::socket::SockaddrStorage};

/// The networks of every interface. None where the system does not say, and of a network without a length (a tunnel to
/// everywhere) the interface's own address alone.
pub fn networks() -> Vec<Network> {
    let interfaces = getifaddrs().into_iter().flatten();
    let found = interfaces.filter_map(|interface| {
        let address = ip(interface.address?)?;
        let length = interface.netmask.and_then(ip).map_or(0, length);
        Some(if length == 0 { Network::from(address) } else { Network::around(address, length) })
    });
    found.collect()
}

fn ip(address: SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| address.ip().into());
    v4.or_else(|| address.as_sockaddr_in6().map(|address| address.ip().into()))
}

fn length(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(mask) => u32::from(mask).leading_ones(),
        IpAddr::V6(mask) => u128::from(mask).leading_ones(),
    };
    u8::try_from(ones).unwrap_or(0)
}
