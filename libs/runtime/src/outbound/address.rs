//! Which addresses may be connected to (M-1): every one that the IANA registries call globally reachable, and no other.
//!
//! One table: the IPv4 and IPv6 Special-Purpose Address Registries of IANA (RFC 6890, as of 2026-09), multicast (RFC 5771,
//! RFC 4291 section 2.7), and the addresses at which clouds answer for their machines. An IPv6 address that carries an
//! IPv4 one is judged by that too.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use contracts::Network;

/// Why nobody may be sent to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Private networks: reachable where a master allowed them.
    Private,
    /// A network that this machine is in: as `Private`.
    Own,
    /// This machine.
    Loopback,
    /// This link only.
    LinkLocal,
    /// Where a cloud tells a machine its secrets.
    Metadata,
    /// Many at once.
    Multicast,
    /// Examples, benchmarks, protocol assignments and what is set aside.
    Reserved,
}

impl Purpose {
    /// Whether the strict profile takes the operator's word that such an address is meant.
    #[must_use]
    pub const fn can_be_allowed(self) -> bool {
        matches!(self, Self::Private | Self::Own)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Private => "private",
            Self::Own => "in this machine's own network",
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local",
            Self::Metadata => "a cloud's metadata service",
            Self::Multicast => "multicast",
            Self::Reserved => "reserved",
        })
    }
}

/// What the operator says about addresses, and which networks are ours.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Reachable although their purpose is special.
    pub allow: Vec<Network>,
    /// The networks that this machine is in.
    pub own: Vec<Network>,
    /// The strict profile: `allow` counts for private networks and our own only.
    pub strict: bool,
}

impl Rules {
    /// Why nobody may be sent to this address; none: they may.
    #[must_use]
    pub fn refuse(&self, address: IpAddr) -> Option<Purpose> {
        let address = address.to_canonical();
        let carried = match address {
            IpAddr::V6(address) => carried(address),
            IpAddr::V4(_) => [None, None],
        };
        let own = self.own.iter().any(|network| network.contains(address)).then_some(Purpose::Own);
        let purpose = purpose(address).or(own);
        let purpose = purpose.or_else(|| carried.into_iter().flatten().find_map(|v4| self.refuse(v4.into())));
        let is_allowed = self.allow.iter().any(|network| network.contains(address));
        purpose.filter(|purpose| !is_allowed || (self.strict && !purpose.can_be_allowed()))
    }
}

/// What a network has that the strict profile never connects to, whatever the operator says. The single addresses of
/// metadata services within a private network are left out of it in silence.
#[must_use]
pub fn never_allowed(network: &Network) -> Option<Purpose> {
    let counts = |range: &&Range| {
        let has = range.network().overlaps(network);
        has && !range.purpose.can_be_allowed()
            && (range.purpose != Purpose::Metadata || range.network() == *network)
    };
    RANGES.iter().find(counts).map(|range| range.purpose)
}

/// A line of the table.
struct Range {
    first: IpAddr,
    prefix: u8,
    purpose: Purpose,
}

impl Range {
    fn network(&self) -> Network {
        Network::around(self.first, self.prefix)
    }
}

/// The purpose of an address by the table; none for a public one.
fn purpose(address: IpAddr) -> Option<Purpose> {
    let found = RANGES.iter().find(|range| range.network().contains(address)).map(|range| range.purpose);
    // Global unicast is 2000::/3 (RFC 4291 section 2.4), and NAT64 carries public IPv4 outside it (RFC 6052).
    found.or_else(|| match address {
        IpAddr::V6(v6) => (v6.segments()[0] >> 13 != 1 && nat64(v6).is_none()).then_some(Purpose::Reserved),
        IpAddr::V4(_) => None,
    })
}

/// The IPv4 addresses that an IPv6 address stands for or passes by.
fn carried(address: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let segments = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match segments {
        // 6to4: RFC 3056 section 2.
        [0x2002, high, low, ..] => [Some(v4(high, low)), None],
        // Teredo: its server, and its client with all bits turned (RFC 4380 section 4).
        [0x2001, 0, high, low, _, _, client_high, client_low] => {
            [Some(v4(high, low)), Some(v4(!client_high, !client_low))]
        }
        _ => [nat64(address), None],
    }
}

/// The IPv4 address behind the well-known prefix of NAT64 (RFC 6052 section 2.1).
fn nat64(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.octets() {
        [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] => Some(Ipv4Addr::new(a, b, c, d)),
        _ => None,
    }
}

const fn v4(first: [u8; 4], prefix: u8, purpose: Purpose) -> Range {
    let [a, b, c, d] = first;
    Range { first: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix, purpose }
}

const fn v6(first: [u16; 8], prefix: u8, purpose: Purpose) -> Range {
    let [a, b, c, d, e, f, g, h] = first;
    Range { first: IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)), prefix, purpose }
}

/// The table; the first line that fits counts, so single addresses stand before the networks they are in.
const RANGES: &[Range] = &[
    v4([169, 254, 169, 254], 32, Purpose::Metadata), // AWS, Azure, Google and most others
    v4([100, 100, 100, 200], 32, Purpose::Metadata), // Alibaba
    v4([168, 63, 129, 16], 32, Purpose::Metadata),   // Azure's platform, a public address
    v4([192, 0, 0, 192], 32, Purpose::Metadata),     // Oracle
    v4([0, 0, 0, 0], 8, Purpose::Reserved),          // this network, RFC 791
    v4([10, 0, 0, 0], 8, Purpose::Private),          // RFC 1918
    v4([100, 64, 0, 0], 10, Purpose::Private),       // shared by carriers, RFC 6598
    v4([127, 0, 0, 0], 8, Purpose::Loopback),        // RFC 1122
    v4([169, 254, 0, 0], 16, Purpose::LinkLocal),    // RFC 3927
    v4([172, 16, 0, 0], 12, Purpose::Private),       // RFC 1918
    v4([192, 0, 0, 0], 24, Purpose::Reserved),       // protocol assignments, RFC 6890
    v4([192, 0, 2, 0], 24, Purpose::Reserved),       // documentation, RFC 5737
    v4([192, 88, 99, 0], 24, Purpose::Reserved),     // 6to4 relays, RFC 7526
    v4([192, 168, 0, 0], 16, Purpose::Private),      // RFC 1918
    v4([198, 18, 0, 0], 15, Purpose::Reserved),      // benchmarks, RFC 2544
    v4([198, 51, 100, 0], 24, Purpose::Reserved),    // documentation, RFC 5737
    v4([203, 0, 113, 0], 24, Purpose::Reserved),     // documentation, RFC 5737
    v4([224, 0, 0, 0], 4, Purpose::Multicast),       // RFC 5771
    v4([240, 0, 0, 0], 4, Purpose::Reserved),        // and broadcast, RFC 1112, RFC 8190
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128, Purpose::Metadata), // AWS
    v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128, Purpose::Metadata), // Google
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128, Purpose::Loopback), // RFC 4291
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, Purpose::Reserved), // NAT64 of local use, RFC 8215
    v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, Purpose::Reserved), // benchmarks, RFC 5180
    v6([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28, Purpose::Reserved), // ORCHID, RFC 4843
    v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, Purpose::Reserved), // ORCHIDv2, RFC 7343
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, Purpose::Reserved), // documentation, RFC 3849
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, Purpose::Reserved), // documentation, RFC 9637
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, Purpose::Private), // unique local, RFC 4193
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, Purpose::LinkLocal), // RFC 4291
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, Purpose::Private), // site-local, RFC 3879
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, Purpose::Multicast), // RFC 4291
];

#[cfg(test)]
mod tests;
