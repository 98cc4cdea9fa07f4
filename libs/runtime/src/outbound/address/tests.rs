use super::*;

fn refuse(rules: &Rules, address: &str) -> Option<Purpose> {
    rules.refuse(address.parse().unwrap())
}

/// The last address of each block of the registries that is not globally reachable, and the first after it.
#[test]
fn what_the_registries_set_aside_is_refused_to_its_last_address() {
    let cases = [
        ("0.255.255.255", Some(Purpose::Reserved)),
        ("1.0.0.0", None),
        ("9.255.255.255", None),
        ("10.0.0.0", Some(Purpose::Private)),
        ("10.255.255.255", Some(Purpose::Private)),
        ("100.63.255.255", None),
        ("100.64.0.0", Some(Purpose::Private)),
        ("100.100.100.200", Some(Purpose::Metadata)),
        ("100.127.255.255", Some(Purpose::Private)),
        ("100.128.0.0", None),
        ("127.0.0.1", Some(Purpose::Loopback)),
        ("127.255.255.255", Some(Purpose::Loopback)),
        ("168.63.129.16", Some(Purpose::Metadata)),
        ("169.254.0.1", Some(Purpose::LinkLocal)),
        ("169.254.169.254", Some(Purpose::Metadata)),
        ("172.15.255.255", None),
        ("172.31.255.255", Some(Purpose::Private)),
        ("172.32.0.0", None),
        ("192.0.0.8", Some(Purpose::Reserved)),
        ("192.0.0.192", Some(Purpose::Metadata)),
        ("192.0.2.1", Some(Purpose::Reserved)),
        ("192.88.99.1", Some(Purpose::Reserved)),
        ("192.168.255.255", Some(Purpose::Private)),
        ("192.169.0.0", None),
        ("198.17.255.255", None),
        ("198.19.255.255", Some(Purpose::Reserved)),
        ("198.51.100.7", Some(Purpose::Reserved)),
        ("203.0.113.7", Some(Purpose::Reserved)),
        ("224.0.0.1", Some(Purpose::Multicast)),
        ("239.255.255.255", Some(Purpose::Multicast)),
        ("240.0.0.1", Some(Purpose::Reserved)),
        ("255.255.255.255", Some(Purpose::Reserved)),
        ("8.8.8.8", None),
        ("::", Some(Purpose::Reserved)),
        ("::1", Some(Purpose::Loopback)),
        ("100::1", Some(Purpose::Reserved)),
        ("100:0:0:1::1", Some(Purpose::Reserved)),
        ("2001:2::1", Some(Purpose::Reserved)),
        ("2001:10::1", Some(Purpose::Reserved)),
        ("2001:20::1", Some(Purpose::Reserved)),
        ("2001:db8::1", Some(Purpose::Reserved)),
        ("3fff:fff::1", Some(Purpose::Reserved)),
        ("5f00::1", Some(Purpose::Reserved)),
        ("fc00::1", Some(Purpose::Private)),
        ("fd00:ec2::254", Some(Purpose::Metadata)),
        ("fd20:ce::254", Some(Purpose::Metadata)),
        ("fe80::1", Some(Purpose::LinkLocal)),
        ("fec0::1", Some(Purpose::Private)),
        ("ff02::1", Some(Purpose::Multicast)),
        ("2606:2800:220:1::1", None),
        ("2a00:1450::1", None),
    ];
    for (address, expected) in cases {
        assert_eq!(refuse(&Rules::default(), address), expected, "{address}");
    }
}

#[test]
fn an_address_that_carries_another_is_judged_by_it() {
    let cases = [
        ("::ffff:127.0.0.1", Some(Purpose::Loopback)),
        ("::ffff:10.0.0.1", Some(Purpose::Private)),
        ("::ffff:8.8.8.8", None),
        ("::127.0.0.1", Some(Purpose::Reserved)), // IPv4-compatible, RFC 4291 section 2.5.5.1
        ("64:ff9b::169.254.169.254", Some(Purpose::Metadata)),
        ("64:ff9b::7f00:1", Some(Purpose::Loopback)),
        ("64:ff9b::808:808", None),
        ("64:ff9b:1::808:808", Some(Purpose::Reserved)), // of local use: where it is carried differs
        ("2002:7f00:1::1", Some(Purpose::Loopback)),
        ("2002:c0a8:101::1", Some(Purpose::Private)),
        ("2002:808:808::1", None),
        // Teredo: 0x80ff.fffe is 127.0.0.1 with all bits turned; then its server at 10.0.0.1.
        ("2001:0:808:808:0:0:80ff:fffe", Some(Purpose::Loopback)),
        ("2001:0:a00:1:0:0:f7f7:f7f7", Some(Purpose::Private)),
        ("2001:0:808:808:0:0:f7f7:f7f7", None),
    ];
    for (address, expected) in cases {
        assert_eq!(refuse(&Rules::default(), address), expected, "{address}");
    }
}

#[test]
fn our_own_networks_are_refused_also_where_they_are_public_or_carried() {
    let rules = Rules { own: vec!["5.6.7.0/24".parse().unwrap()], ..Rules::default() };
    assert_eq!(refuse(&rules, "5.6.7.8"), Some(Purpose::Own));
    assert_eq!(refuse(&rules, "64:ff9b::5.6.7.8"), Some(Purpose::Own));
    assert_eq!(refuse(&rules, "5.6.8.8"), None);
}

#[test]
fn what_the_operator_allows_is_reachable_and_no_more_of_it() {
    let allow = ["10.1.0.0/16", "127.0.0.2", "169.254.169.254", "0.0.0.0/5"];
    let allow: Vec<Network> = allow.iter().map(|text| text.parse().unwrap()).collect();
    let rules = Rules { allow: allow.clone(), ..Rules::default() };
    for (address, expected) in [
        ("10.1.2.3", None),
        ("::ffff:10.1.2.3", None),
        ("10.2.0.1", Some(Purpose::Private)),
        ("127.0.0.2", None),
        ("127.0.0.1", Some(Purpose::Loopback)),
        ("64:ff9b::10.1.2.3", None),
    ] {
        assert_eq!(refuse(&rules, address), expected, "{address}");
    }
    let strict = Rules { allow, strict: true, ..Rules::default() };
    for (address, expected) in [
        ("10.1.2.3", None),
        ("127.0.0.2", Some(Purpose::Loopback)),
        ("169.254.169.254", Some(Purpose::Metadata)),
        ("0.0.0.1", Some(Purpose::Reserved)),
    ] {
        assert_eq!(refuse(&strict, address), expected, "{address}");
    }
}

#[test]
fn what_the_strict_profile_never_allows_is_told_at_once() {
    let cases = [
        ("10.0.0.0/8", None),
        ("fc00::/7", None),
        ("100.64.0.0/10", None),
        ("127.0.0.1", Some(Purpose::Loopback)),
        ("0.0.0.0/0", Some(Purpose::Reserved)),
        ("::1", Some(Purpose::Loopback)),
        ("169.254.169.254", Some(Purpose::Metadata)),
        ("fe80::/64", Some(Purpose::LinkLocal)),
    ];
    for (network, expected) in cases {
        assert_eq!(never_allowed(&network.parse().unwrap()), expected, "{network}");
    }
}
