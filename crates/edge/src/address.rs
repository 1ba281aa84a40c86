//! Addresses in the configuration: where to listen, whom to trust.
//!
//! Names are not resolved: an address that changes under a running listener helps nobody.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The text is not an address of the form its setting wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not an address with a port.
    #[error(
        "not an address to listen on: write an IP address and a port, such as 127.0.0.1:8080 or [::]:8080"
    )]
    Socket,
    /// Not an address or a network.
    #[error("not an IP address or network: write 10.0.0.7, 10.0.0.0/8 or fd00::/8")]
    Network,
}

/// An IP address with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket(pub SocketAddr);

/// One address to listen on, or several. Written as one text or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen(pub Vec<Socket>);

/// An IP network in CIDR notation; a bare address is a network of one. IPv4 addresses mapped into IPv6 count as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

impl Network {
    /// Is this address in the network?
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                u32::from(base) & mask == u32::from(address) & mask
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                u128::from(base) & mask == u128::from(address) & mask
            }
            _ => false,
        }
    }
}

impl FromStr for Socket {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        text.trim().parse().map(Self).map_err(|_| AddressError::Socket)
    }
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Network {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.trim(), None),
        };
        let base: IpAddr = address.parse().map_err(|_| AddressError::Network)?;
        let most = if base.is_ipv4() { Ipv4Addr::BITS } else { Ipv6Addr::BITS };
        let bits = match bits {
            Some(bits) => bits.parse().map_err(|_| AddressError::Network)?,
            None => most,
        };
        match u8::try_from(bits) {
            Ok(bits) if u32::from(bits) <= most => Ok(Self { base, bits }),
            _ => Err(AddressError::Network),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

macro_rules! text_address {
    ($type:ident, $format:literal, $help:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "format": $format, "description": $help })
            }
        }
    };
}

text_address!(Socket, "socket-address", "An IP address and a port: `127.0.0.1:8080`, `[::]:8080`.");
text_address!(Network, "ip-network", "An IP address or network: `10.0.0.7`, `10.0.0.0/8`, `fd00::/8`.");

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(to),
            all => all.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OneOrMore;

        impl<'de> serde::de::Visitor<'de> for OneOrMore {
            type Value = Listen;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address such as 127.0.0.1:8080, or a list of them")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Listen, E> {
                text.parse().map(|one| Listen(vec![one])).map_err(E::custom)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Listen, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = seq.next_element()? {
                    all.push(one);
                }
                Ok(Listen(all))
            }
        }

        from.deserialize_any(OneOrMore)
    }
}

impl schemars::JsonSchema for Listen {
    fn schema_name() -> Cow<'static, str> {
        "Listen".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let one = generator.subschema_for::<Socket>();
        schemars::json_schema!({
            "description": "One address to listen on, or a list of them.",
            "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_what_their_bits_say() {
        let inside = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().contains(address.parse().unwrap())
        };
        assert!(inside("10.0.0.0/8", "10.255.0.1"));
        assert!(!inside("10.0.0.0/8", "11.0.0.1"));
        assert!(inside("10.0.0.7", "10.0.0.7"));
        assert!(!inside("10.0.0.7", "10.0.0.8"));
        assert!(inside("0.0.0.0/0", "203.0.113.9"));
        assert!(inside("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(inside("fd00::/8", "fd12::1"));
        assert!(!inside("fd00::/8", "fe80::1"));
        assert!(!inside("0.0.0.0/0", "fd12::1"));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/x", "::/129", "example.com"] {
            assert_eq!(text.parse::<Network>(), Err(AddressError::Network), "{text}");
        }
        for text in ["", "8080", "localhost:8080", "127.0.0.1"] {
            assert_eq!(text.parse::<Socket>(), Err(AddressError::Socket), "{text}");
        }
    }

    #[test]
    fn listen_is_one_text_or_a_list() {
        let one: Listen = serde_json::from_str("\"127.0.0.1:1\"").unwrap();
        let two: Listen = serde_json::from_str("[\"127.0.0.1:1\", \"[::1]:2\"]").unwrap();
        assert_eq!((one.0.len(), two.0.len()), (1, 2));
        assert_eq!(serde_json::to_string(&one).unwrap(), "\"127.0.0.1:1\"");
    }
}
