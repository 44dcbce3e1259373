//! From which address a request comes.
//!
//! The connection's peer, unless that is a proxy of ours. A proxy adds whom it heard to what it was sent, at the right end; so
//! the right end is read, hop by hop, as long as a hop is a proxy of ours. What stands before that was written by the
//! client, who may write what it likes, and is not looked at. Only one header is believed, the one that the proxies write:
//! the other would be the client's.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderName, header};
use ipnet::{IpNet, Ipv6Net};
use serde::Deserialize;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// In which header proxies say whom they heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum ProxyHeader {
    /// Addresses with commas between them.
    #[serde(rename = "x-forwarded-for")]
    XForwardedFor,
    /// RFC 7239.
    #[serde(rename = "forwarded")]
    Forwarded,
}

/// The address that a request comes from, as far as peers and proxies of ours vouch for it.
pub fn of(request: &Request, proxies: &[IpNet], header: ProxyHeader) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    behind(peer, request.headers(), proxies, header)
}

fn behind(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet], header: ProxyHeader) -> IpAddr {
    let mut nearest = peer.to_canonical();
    let name = match header {
        ProxyHeader::XForwardedFor => X_FORWARDED_FOR,
        ProxyHeader::Forwarded => header::FORWARDED,
    };
    // Several headers of one name are one list. Commas within quotes are not respected: no address has any, and quotes that a
    // client leaves open must not swallow what the proxy wrote.
    let lines: Vec<_> =
        headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    let mut hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
    while proxies.iter().any(|network| network.contains(&nearest)) {
        let Some(hop) = hops.next() else { break };
        let node = match header {
            ProxyHeader::XForwardedFor => Some(hop),
            ProxyHeader::Forwarded => forwarded_for(hop),
        };
        // What cannot be read was heard by a proxy that names nobody, so the proxy is as near as can be told.
        let Some(address) = node.and_then(address) else { break };
        nearest = address.to_canonical();
    }
    nearest
}

/// `for=192.0.2.60;proto=http` → `192.0.2.60`
fn forwarded_for(hop: &str) -> Option<&str> {
    hop.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim().trim_matches('"'))
    })
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`
fn address(node: &str) -> Option<IpAddr> {
    let node = node.trim();
    let bare = node.strip_prefix('[').and_then(|node| node.strip_suffix(']')).unwrap_or(node);
    bare.parse().ok().or_else(|| Some(node.parse::<SocketAddr>().ok()?.ip()))
}

/// Whose limit an address counts for: an IPv6 network of 64 bits, since a single host may take any address in it.
pub fn household(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => Ipv6Net::new_assert(address, 64).trunc().to_string(),
    }
}

#[cfg(test)]
mod tests;
