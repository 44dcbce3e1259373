use axum::http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn proxies() -> Vec<IpNet> {
    ["10.0.0.0/8", "fd00::/8"].iter().map(|network| network.parse().unwrap()).collect()
}

fn found(peer: &str, header: ProxyHeader, lines: &[&[u8]]) -> IpAddr {
    let name = match header {
        ProxyHeader::XForwardedFor => X_FORWARDED_FOR,
        ProxyHeader::Forwarded => header::FORWARDED,
    };
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(&name, HeaderValue::from_bytes(line).unwrap());
    }
    behind(peer.parse().unwrap(), &headers, &proxies(), header)
}

#[test]
fn the_nearest_address_that_is_no_proxy_of_ours_is_the_clients() {
    let table: &[(&str, &[&str], &str)] = &[
        ("203.0.113.9", &[], "203.0.113.9"),
        ("203.0.113.9", &["192.0.2.1"], "203.0.113.9"),
        ("10.0.0.1", &[], "10.0.0.1"),
        ("10.0.0.1", &["192.0.2.1"], "192.0.2.1"),
        ("::ffff:10.0.0.1", &["::ffff:192.0.2.1"], "192.0.2.1"),
        ("10.0.0.1", &["198.51.100.7, 192.0.2.1"], "192.0.2.1"),
        ("10.0.0.1", &["192.0.2.1, 10.0.0.2,fd00::3"], "192.0.2.1"),
        ("10.0.0.1", &["198.51.100.7", "192.0.2.1"], "192.0.2.1"),
        ("10.0.0.1", &["192.0.2.1:4711"], "192.0.2.1"),
        ("10.0.0.1", &["[2001:db8::1]:80"], "2001:db8::1"),
        ("10.0.0.1", &["192.0.2.1, unknown"], "10.0.0.1"),
        ("10.0.0.1", &["192.0.2.1, "], "10.0.0.1"),
        ("10.0.0.1", &["10.0.0.7, 10.0.0.2"], "10.0.0.7"),
    ];
    for (peer, lines, expected) in table {
        let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
        let found = found(peer, ProxyHeader::XForwardedFor, &lines);
        assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{peer} {lines:?}");
    }
}

#[test]
fn forwarded_is_read_as_its_rfc_says() {
    let table = [
        ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
        ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
        ("for=198.51.100.7, proto=https; for=192.0.2.43", "192.0.2.43"),
        ("for=192.0.2.43, for=_hidden", "10.0.0.1"),
        ("for=192.0.2.43, for=10.0.0.2", "192.0.2.43"),
    ];
    for (line, expected) in table {
        let found = found("10.0.0.1", ProxyHeader::Forwarded, &[line.as_bytes()]);
        assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{line}");
    }
}

#[test]
fn the_header_that_proxies_do_not_write_is_not_believed() {
    let mut headers = HeaderMap::new();
    headers.insert(header::FORWARDED, HeaderValue::from_static("for=192.0.2.1"));
    let peer = "10.0.0.1".parse().unwrap();
    assert_eq!(behind(peer, &headers, &proxies(), ProxyHeader::XForwardedFor), peer);
}

#[test]
fn a_host_has_one_limit_however_many_addresses_it_takes() {
    let of = |address: &str| household(address.parse().unwrap());
    assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::"));
    assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    assert_eq!((of("192.0.2.1"), of("2001:db8::1")), ("192.0.2.1".into(), "2001:db8::/64".into()));
}

/// Whatever a header may hold, and mostly what might be taken for an address.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just("10.0.0.9"),
        Just("192.0.2.250"),
        Just("for="),
        Just("\""),
        Just(","),
        Just(";"),
        Just("["),
        Just("]"),
        Just(":80"),
        Just("fd00::1"),
        Just(" "),
        Just("="),
        Just("unknown"),
        Just("\u{e9}"),
    ];
    proptest::collection::vec(word, 0..12).prop_map(|words| words.concat().into_bytes())
}

proptest! {
    #[test]
    fn a_client_cannot_choose_its_address(
        client in any::<u32>(), theirs in proptest::collection::vec(line(), 0..4), hops in 0usize..3,
        own_line in any::<bool>(), forwarded in any::<bool>(),
    ) {
        let client = IpAddr::from(Ipv4Addr::from(client));
        prop_assume!(!proxies().iter().any(|network| network.contains(&client)));
        let (header, prefix) =
            if forwarded { (ProxyHeader::Forwarded, "for=") } else { (ProxyHeader::XForwardedFor, "") };
        // Straight to us, without a proxy.
        let mut lines: Vec<Vec<u8>> = theirs;
        let straight: Vec<_> = lines.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(found(&client.to_string(), header, &straight), client);
        // By one or more proxies, each of which adds whom it heard, to the last line or in a line of its own.
        let heard = std::iter::once(client.to_string()).chain((0..hops).map(|hop| format!("10.1.1.{hop}")));
        for hop in heard {
            let hop = format!("{prefix}{hop}").into_bytes();
            match lines.last_mut().filter(|_| !own_line) {
                Some(last) => last.extend([b", ".as_slice(), &hop].concat()),
                None => lines.push(hop),
            }
        }
        let lines: Vec<_> = lines.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(found("10.0.0.1", header, &lines), client);
    }
}
