//! Networks of IP addresses as people write them: CIDR notation (RFC 4632 section 3.1, RFC 4291 section 2.3).

use std::{fmt, net::IpAddr, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A network, or one address. IPv4-mapped IPv6 (`::ffff:192.0.2.1`) is the IPv4 that it stands for, so that an address
/// is the same whichever kind of socket it came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

/// Why a text is not a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Before the slash there is no address.
    #[error("'{0}' is not an IPv4 or IPv6 address")]
    Address(String),
    /// After the slash there is no length, or one that the address does not have.
    #[error("'/{found}' is not a prefix length: expected 0 to {most}")]
    Prefix {
        /// What stands after the slash.
        found: String,
        /// The length of the address.
        most: u8,
    },
    /// It is an address within a network, and one of the two is meant.
    #[error("it has bits set after the first {}: the network is '{network}', the address alone '{address}'", network.prefix)]
    HostBits {
        /// The address.
        address: IpAddr,
        /// The network that it is in.
        network: Network,
    },
}

impl Network {
    /// Whether an address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                (u32::from(first) ^ u32::from(address)).checked_shr(32 - u32::from(self.prefix)).unwrap_or(0)
                    == 0
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                (u128::from(first) ^ u128::from(address))
                    .checked_shr(128 - u32::from(self.prefix))
                    .unwrap_or(0)
                    == 0
            }
            _ => false,
        }
    }

    /// Whether some address is in both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.first) || other.contains(self.first)
    }

    /// The network of this length that an address is in. `prefix` is at most the address's length.
    #[must_use]
    pub fn around(address: IpAddr, prefix: u8) -> Self {
        let first = match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V4((u32::from(address) & mask).into())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V6((u128::from(address) & mask).into())
            }
        };
        Self { first, prefix }
    }
}

impl From<IpAddr> for Network {
    /// The address alone.
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { first: address, prefix: length(address) }
    }
}

const fn length(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for Network {
    /// The normal form: an address alone stands without a length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix == length(self.first) {
            return self.first.fmt(f);
        }
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

impl FromStr for Network {
    type Err = NetworkError;
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let written: IpAddr = address.parse().map_err(|_| NetworkError::Address(shown(text)))?;
        let most = length(written);
        let prefix = match prefix {
            None => most,
            Some(digits) => {
                let plain =
                    (1..=3).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
                let number = digits.parse().ok().filter(|number| plain && *number <= most);
                number.ok_or_else(|| NetworkError::Prefix { found: shown(digits), most })?
            }
        };
        // A mapped network counts its bits after those that say it is one.
        let (address, prefix) = match (written.to_canonical(), prefix) {
            (IpAddr::V4(short), 96..) if written.is_ipv6() => (IpAddr::V4(short), prefix - 96),
            _ => (written, prefix),
        };
        let network = Self::around(address, prefix);
        if network.first != address {
            return Err(NetworkError::HostBits { address, network });
        }
        Ok(network)
    }
}

/// What was found, short and without control characters.
fn shown(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Network {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Network".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "description": "An IPv4 or IPv6 address, or a network in CIDR notation.",
            "examples": ["192.0.2.0/24", "2001:db8::/32", "192.0.2.10"]})
    }
}

#[cfg(test)]
mod tests;
