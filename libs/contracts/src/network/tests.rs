//! Expected values are those of Python's `ipaddress` (strict networks; IPv4-mapped ones unwrapped by `ipv4_mapped`).

use proptest::prelude::*;

use super::*;

/// As written, and in normal form; `None` is refused.
const WRITTEN: &[(&str, Option<&str>)] = &[
    ("0.0.0.0/0", Some("0.0.0.0/0")),
    ("192.168.0.0/16", Some("192.168.0.0/16")),
    ("192.0.2.10", Some("192.0.2.10")),
    ("192.0.2.10/32", Some("192.0.2.10")),
    ("10.0.0.1/8", None),
    ("192.0.2.128/25", Some("192.0.2.128/25")),
    ("192.0.2.129/25", None),
    ("::/0", Some("::/0")),
    ("::1", Some("::1")),
    ("2001:db8::/32", Some("2001:db8::/32")),
    ("2001:DB8:0:0::/64", Some("2001:db8::/64")),
    ("2001:db8::1/64", None),
    ("::ffff:192.0.2.0/120", Some("192.0.2.0/24")),
    ("::ffff:192.0.2.1", Some("192.0.2.1")),
    ("::ffff:0:0/96", Some("0.0.0.0/0")),
    ("::ffff:192.0.2.1/120", None),
    ("fe80::/10", Some("fe80::/10")),
    ("::/96", Some("::/96")),
    ("64:ff9b::/96", Some("64:ff9b::/96")),
    ("256.0.0.0/8", None),
    ("1.2.3", None),
    ("1.2.3.4/33", None),
    ("2001:db8::/129", None),
    ("", None),
    ("10.0.0.0/", None),
    ("/8", None),
    ("10.0.0.0/-1", None),
    ("10.0.0.0/+8", None),
    ("01.2.3.4", None),
    ("1.2.3.4/8/8", None),
    ("10.0.0.0-10.0.0.9", None),
    ("example.com", None),
    ("2001:db8:::1", None),
    ("10.0.0.0/8 ", None),
];

/// A network, an address, and whether it is in it.
const MATCHED: &[(&str, &str, bool)] = &[
    ("128.0.0.0/1", "132.64.226.142", true),
    ("bfe6:5000::/21", "bfe6:52c8:6867:5f6:37d1:3257:53ab:cb92", true),
    ("241.182.108.0/22", "241.182.111.180", true),
    ("24.41.128.0/17", "24.41.200.226", true),
    ("fac8:5687:d67d:545a:a4e1:3000::/84", "fac8:5687:d67d:545a:a4e1:3a46:3834:ffe5", true),
    ("10.134.64.0/19", "10.134.80.189", true),
    ("ea90:deff:6067:23b2:3830::/76", "ea90:deff:6067:23b2:3837:1350:276b:2742", true),
    ("13.85.192.0/18", "13.85.203.112", true),
    ("9375:120a:f7b2:36b:5e6c:688b:8e8d:1400/118", "9375:120a:f7b2:36b:5e6c:688b:8e8d:17bf", true),
    ("4276:6000::/19", "4276:6525:59eb:81b4:eda7:11cd:8d68:50dc", true),
    ("2142:ea00::/33", "2142:ea00:5165:9c5:44e9:166c:632b:86f3", true),
    ("abe0:ba43:33d8:7fbe:c02f:3e00::/87", "abe0:ba43:33d8:7fbe:c02f:3fda:33:5efc", true),
    ("4db1:cac8:8c98::/45", "4db1:cac8:8c97:ffff:ffff:ffff:ffff:ffff", false),
    ("44.221.63.128/26", "44.221.63.192", false),
    ("48.0.0.0/4", "47.255.255.255", false),
    ("7db7:960f:e28f:aca6:1201::/87", "7db7:960f:e28f:aca6:1200:ffff:ffff:ffff", false),
    ("145.128.0.0/10", "145.127.255.255", false),
    ("254.180.144.0/23", "208.151.4.128", false),
    ("1709:7bcd:1069:808a:3100::/73", "1709:7bcd:1069:808a:30ff:ffff:ffff:ffff", false),
    ("185.54.60.0/28", "66.178.56.2", false),
    ("36ad:8000::/17", "36ae::", false),
    ("209.25.5.248/31", "209.25.5.250", false),
    ("3dee:cb8d:df8e:b64e:a8ea:9300::/89", "3b1d:c656:3f35:294:3095:78fc:8022:5009", false),
    ("ba20:296a:750:9451:4c30:b226:c600:0/103", "ba20:296a:750:9451:4c30:b226:c800:0", false),
];

fn network(text: &str) -> Network {
    text.parse().unwrap()
}

#[test]
fn what_is_written_has_one_normal_form() {
    for (written, normal) in WRITTEN {
        let read = written.parse::<Network>().ok().map(|network| network.to_string());
        assert_eq!(read.as_deref(), *normal, "{written}");
    }
}

#[test]
fn an_address_is_in_a_network_or_not() {
    for (written, address, inside) in MATCHED {
        assert_eq!(network(written).contains(address.parse().unwrap()), *inside, "{written} {address}");
    }
}

#[test]
fn a_mapped_address_is_the_ipv4_address_it_stands_for() {
    let mapped: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
    assert!(network("192.0.2.0/24").contains(mapped));
    assert!(network("::ffff:192.0.2.0/120").contains("192.0.2.7".parse().unwrap()));
    assert!(!network("::/0").contains(mapped));
    assert_eq!(Network::from(mapped), network("192.0.2.7"));
}

#[test]
fn a_refusal_says_what_was_found_and_what_is_meant() {
    let words = |text: &str| text.parse::<Network>().unwrap_err().to_string();
    assert_eq!(
        words("10.0.0.1/8"),
        "it has bits set after the first 8: the network is '10.0.0.0/8', the address alone '10.0.0.1'"
    );
    assert_eq!(words("10.0.0.0/33"), "'/33' is not a prefix length: expected 0 to 32");
    assert_eq!(words("office"), "'office' is not an IPv4 or IPv6 address");
}

proptest! {
    #[test]
    fn a_network_is_read_back_as_it_is_written(bits: u128, four: bool, prefix in 0u8..=128) {
        let address = if four { IpAddr::V4((bits as u32).into()) } else { IpAddr::V6(bits.into()) };
        let network = Network::around(address, prefix.min(length(address)));
        prop_assert_eq!(network.to_string().parse::<Network>().unwrap().to_string(), network.to_string());
        prop_assert!(network.contains(address) || address.to_canonical() != address);
    }

    #[test]
    fn any_text_is_read_or_refused(text: String) {
        drop(text.parse::<Network>());
    }
}
