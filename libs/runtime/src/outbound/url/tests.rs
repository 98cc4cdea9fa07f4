use super::*;

#[test]
fn a_host_has_one_spelling() {
    let cases = [
        ("https://www.example.com/a?b#c", None),
        ("HTTP://WWW.Example.COM:8080", None),
        ("https://xn--bcher-kva.example/", None),
        ("https://localhost:8443/x", None),
        ("ftp://example.com/", Some(UrlError::Scheme)),
        ("file:///etc/passwd", Some(UrlError::Scheme)),
        ("gopher://example.com/", Some(UrlError::Scheme)),
        ("javascript:alert(1)", Some(UrlError::Scheme)),
        ("www.example.com", Some(UrlError::Malformed)),
        ("http:example.com", Some(UrlError::Malformed)),
        ("http:/example.com", Some(UrlError::Malformed)),
        ("http://", Some(UrlError::Malformed)),
        ("", Some(UrlError::Malformed)),
        ("http://example.com\\@127.0.0.1/", Some(UrlError::Credentials)),
        ("http://exam\tple.com/", Some(UrlError::Malformed)),
        (" http://example.com/", Some(UrlError::Malformed)),
        ("http://user@example.com/", Some(UrlError::Credentials)),
        ("http://example.com@127.0.0.1/", Some(UrlError::Credentials)),
        // Every way to write 127.0.0.1 and its kin.
        ("http://127.0.0.1/", Some(UrlError::Numeric)),
        ("http://127.0.0.1./", Some(UrlError::Numeric)),
        ("http://127.1/", Some(UrlError::Numeric)),
        ("http://2130706433/", Some(UrlError::Numeric)),
        ("http://0x7f000001/", Some(UrlError::Numeric)),
        ("http://0x7f.0.0.1/", Some(UrlError::Numeric)),
        ("http://0177.0.0.1/", Some(UrlError::Numeric)),
        ("http://017700000001/", Some(UrlError::Numeric)),
        ("http://127.0.0.0x1/", Some(UrlError::Numeric)),
        ("http://1.2.3.4.5/", Some(UrlError::Numeric)),
        ("http://999.1.1.1/", Some(UrlError::Numeric)),
        ("http://[::1]/", Some(UrlError::Numeric)),
        ("http://[::ffff:127.0.0.1]/", Some(UrlError::Numeric)),
        ("http://[fe80::1%25eth0]/", Some(UrlError::Encoded)),
        ("http://%31%32%37.0.0.1/", Some(UrlError::Encoded)),
        ("http://ex%61mple.com/", Some(UrlError::Encoded)),
        ("http://①②⑦.⓪.⓪.①/", Some(UrlError::Encoded)),
        ("http://bücher.example/", Some(UrlError::Encoded)),
        ("http://example。com/", Some(UrlError::Encoded)),
        ("http://example.com./", Some(UrlError::Host)),
        ("http://example..com/", Some(UrlError::Host)),
        ("http://-example.com/", Some(UrlError::Host)),
        ("http://exam_ple.com/", Some(UrlError::Host)),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text).err(), expected, "{text}");
    }
}

#[test]
fn a_redirect_is_held_to_the_same() {
    let from = parse("https://www.example.com/a/b").unwrap();
    let cases = [
        ("/c", Ok("https://www.example.com/c")),
        ("c?d", Ok("https://www.example.com/a/c?d")),
        ("//other.example/e", Ok("https://other.example/e")),
        ("http://other.example/", Ok("http://other.example/")),
        ("http://169.254.169.254/latest", Err(UrlError::Numeric)),
        ("//0x7f.1/", Err(UrlError::Numeric)),
        ("//%6cocalhost/", Err(UrlError::Encoded)),
        ("\\\\127.0.0.1\\x", Err(UrlError::Malformed)),
        ("/\\127.0.0.1", Err(UrlError::Malformed)),
        ("ftp://other.example/", Err(UrlError::Scheme)),
        ("//user:word@other.example/", Err(UrlError::Credentials)),
    ];
    for (location, expected) in cases {
        let joined = join(&from, location).map(|url| url.to_string());
        assert_eq!(joined, expected.map(str::to_owned), "{location}");
    }
}
