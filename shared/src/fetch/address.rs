//! Which addresses may be asked: pure, and the same for every outgoing URL.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;

/// Networks that lead inside, or nowhere, and are closed unless the operator permits them.
///
/// The list is that of the IANA special-purpose registries (RFC 6890 and its updates).
const CLOSED: [&str; 31] = [
    "0.0.0.0/8",        // this network
    "10.0.0.0/8",       // private
    "100.64.0.0/10",    // carrier-grade NAT
    "127.0.0.0/8",      // loopback
    "168.63.129.16/32", // Azure's services for its machines
    "169.254.0.0/16",   // link-local, and the clouds' metadata services
    "172.16.0.0/12",    // private
    "192.0.0.0/24",     // protocol assignments
    "192.0.2.0/24",     // documentation
    "192.88.99.0/24",   // 6to4 relays
    "192.168.0.0/16",   // private
    "198.18.0.0/15",    // benchmarking
    "198.51.100.0/24",  // documentation
    "203.0.113.0/24",   // documentation
    "224.0.0.0/4",      // multicast
    "240.0.0.0/4",      // reserved, and broadcast
    "::/128",           // unspecified
    "::1/128",          // loopback
    "::ffff:0:0:0/96",  // translated v4
    "64:ff9b::/96",     // NAT64
    "64:ff9b:1::/48",   // NAT64, local
    "100::/64",         // discard
    "2001::/23",        // protocol assignments, Teredo among them
    "2001:db8::/32",    // documentation
    "2002::/16",        // 6to4
    "3fff::/20",        // documentation
    "5f00::/16",        // segment routing
    "fc00::/7",         // unique local, and metadata services
    "fe80::/10",        // link-local
    "fec0::/10",        // site-local
    "ff00::/8",         // multicast
];

/// Which addresses may be asked.
#[derive(Clone, Debug)]
pub struct Guard {
    closed: Arc<[IpNet]>,
    permitted: Arc<[IpNet]>,
}

impl Guard {
    /// A guard that lets `permitted` pass although they are closed to others.
    pub fn new(permitted: &[IpNet]) -> Self {
        let closed =
            CLOSED.iter().map(|net| net.parse().expect("the list is made of networks, as a test shows"));
        Self { closed: closed.collect(), permitted: permitted.into() }
    }

    /// Whether `address` may be asked.
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = canonical(address);
        let within = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&address));
        within(&self.permitted) || !within(&self.closed)
    }
}

/// An IPv4 address in the dress of IPv6 is an IPv4 address.
fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => v6.to_ipv4_mapped().or_else(|| compatible(v6)).map_or(address, IpAddr::V4),
    }
}

/// `::a.b.c.d`, the deprecated form; `::` and `::1` are no such addresses.
fn compatible(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [0, 0, 0, 0, 0, 0, high, low] = address.segments() else { return None };
    (high != 0).then(|| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(guard: &Guard, address: &str) -> bool {
        guard.permits(address.parse().unwrap())
    }

    #[test]
    fn addresses_that_lead_inside_are_closed() {
        let guard = Guard::new(&[]);
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "168.63.129.16",
            "169.254.169.254",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.19.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!permits(&guard, address), "{address}");
        }
    }

    #[test]
    fn public_addresses_are_open() {
        let guard = Guard::new(&[]);
        for address in ["1.1.1.1", "93.184.215.14", "172.32.0.1", "::ffff:1.1.1.1", "2606:4700::1111"] {
            assert!(permits(&guard, address), "{address}");
        }
    }

    #[test]
    fn the_operator_may_open_a_network() {
        let guard: Guard = "10.1.0.0/16".parse().unwrap();
        assert!(permits(&guard, "10.1.2.3"));
        assert!(permits(&guard, "::ffff:10.1.2.3"));
        assert!(!permits(&guard, "10.2.0.1"));
    }
}
