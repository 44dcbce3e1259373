//! Ports that nobody uses.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};

/// Above the well-known services.
const FIRST: u16 = 10_000;

/// Where Linux begins to hand out ports to outgoing connections, unless told otherwise.
const EPHEMERAL: u16 = 32_768;

/// Free ports of the loopback address, all different.
///
/// They lie below the range that outgoing connections take theirs from. A server that restarts while its clients try
/// to reconnect would otherwise lose its port to one of them, which may even connect to itself.
pub fn free<const N: usize>() -> Result<[u16; N]> {
    let span = usize::from(ephemeral() - FIRST);
    // A random place to begin keeps two runs on one machine apart.
    let begin = usize::try_from(RandomState::new().hash_one(N) % span as u64).unwrap_or(0);
    let mut held = Vec::with_capacity(N);
    for step in 0..span {
        let port = FIRST + u16::try_from((begin + step) % span).expect("the span is one of ports");
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            held.push((port, listener));
        }
        if held.len() == N {
            let ports: Vec<u16> = held.iter().map(|(port, _)| *port).collect();
            return Ok(ports.try_into().expect("exactly so many were counted"));
        }
    }
    bail!("no {N} free ports between {FIRST} and {}", ephemeral())
}

/// Whether a server could listen here.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn ephemeral() -> u16 {
    let told = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let first = told.split_whitespace().next().and_then(|port| port.parse().ok());
    // With a range that leaves no room below it, a lost port is a small risk that we take.
    first.filter(|port| *port > FIRST + 1_000).unwrap_or(EPHEMERAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_different_and_not_ephemeral() {
        let ports: [u16; 6] = free().unwrap();
        for (index, port) in ports.iter().enumerate() {
            assert!((FIRST..ephemeral()).contains(port));
            assert!(!ports[..index].contains(port));
            assert!(is_free(*port));
        }
    }
}
