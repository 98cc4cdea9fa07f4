//! S-8: whatever a name, a redirect or a resolver says, nobody connects to where they may not.

mod world;

use std::time::{Duration, Instant};

use self::world::{POLICY, Resolver, Server, ok, outbound, redirect};
use super::*;

/// This machine, but not the address of it that tests may reach.
const FORBIDDEN: &str = "127.0.0.66";

#[tokio::test]
async fn a_name_is_fetched_from_where_it_is() {
    let resolver = Resolver::start().await;
    let server = Server::start("127.0.0.1:0", ok("token")).await;
    resolver.at("www.example", &[&["127.0.0.1"]]);
    let url = format!("http://www.example:{}/a?b=c#d", server.port);
    let fetched = outbound(&resolver).get(&url, &POLICY).await.unwrap();
    assert_eq!((fetched.status.as_u16(), &fetched.body[..]), (200, &b"token"[..]));
    let request = server.requests().remove(0).to_ascii_lowercase();
    assert!(request.starts_with("get /a?b=c http/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("\r\nhost: www.example:{}\r\n", server.port)), "{request}");
    assert!(!request.contains("cookie") && !request.contains("authorization"), "{request}");
}

#[tokio::test]
async fn what_is_posted_arrives_and_goes_nowhere_else() {
    let resolver = Resolver::start().await;
    let server = Server::start("127.0.0.1:0", redirect("/elsewhere")).await;
    resolver.at("www.example", &[&["127.0.0.1"]]);
    let url = format!("http://www.example:{}/token", server.port);
    let request = Request::post(url, "code=1")
        .header(http::header::AUTHORIZATION, http::HeaderValue::from_static("Basic eA=="));
    let refused = outbound(&resolver).send(request, &POLICY).await.unwrap_err();
    assert!(matches!(refused, OutboundError::Redirects { most: 0, .. }), "{refused}");
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].contains("Basic eA==") && requests[0].ends_with("code=1"), "{requests:?}");
}

#[tokio::test]
async fn one_forbidden_address_among_good_ones_is_enough() {
    let resolver = Resolver::start().await;
    let server = Server::start("127.0.0.1:0", ok("token")).await;
    let forbidden = Server::start(&format!("{FORBIDDEN}:{}", server.port), ok("secret")).await;
    for mix in [
        &["127.0.0.1", FORBIDDEN][..],
        &["127.0.0.1", "::1"],
        &["127.0.0.1", "::ffff:127.0.0.66"],
        &["127.0.0.1", "64:ff9b::127.0.0.66"],
        &["127.0.0.1", "169.254.169.254"],
        &["127.0.0.1", "fe80::1"],
        &[FORBIDDEN],
    ] {
        resolver.at("mixed.example", &[mix]);
        let url = format!("http://mixed.example:{}/", server.port);
        let refused = outbound(&resolver).get(&url, &POLICY).await.unwrap_err();
        assert!(matches!(refused, OutboundError::Forbidden { .. }), "{mix:?}: {refused}");
    }
    assert_eq!((server.connections(), forbidden.connections()), (0, 0));
}

/// DNS that says a good address first and a bad one when asked again: nobody asks again for one connection, and a
/// further connection is checked anew.
#[tokio::test]
async fn a_name_that_moves_moves_nobody() {
    let resolver = Resolver::start().await;
    let server = Server::start("127.0.0.1:0", redirect("/again")).await;
    let forbidden = Server::start(&format!("{FORBIDDEN}:{}", server.port), ok("secret")).await;
    resolver.at("moves.example", &[&["127.0.0.1"], &[FORBIDDEN]]);
    let url = format!("http://moves.example:{}/", server.port);
    let refused = outbound(&resolver).get(&url, &POLICY).await.unwrap_err();
    assert!(matches!(refused, OutboundError::Forbidden { .. }), "{refused}");
    assert_eq!((server.connections(), forbidden.connections()), (1, 0));
}

#[tokio::test]
async fn a_redirect_leads_to_no_forbidden_place() {
    let resolver = Resolver::start().await;
    let forbidden = Server::start(&format!("{FORBIDDEN}:0"), ok("secret")).await;
    let port = forbidden.port;
    resolver.at("www.example", &[&["127.0.0.1"]]);
    let addresses = [
        "127.0.0.66",
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.66",
        "64:ff9b::7f00:42",
        "64:ff9b:1::1",
        "100::1",
        "2001:db8::1",
        "2002:7f00:42::1",
        "3fff::1",
        "fc00::1",
        "fe80::1",
        "ff02::1",
    ];
    for address in addresses {
        resolver.at("inside.example", &[&[address]]);
        let server = Server::start("127.0.0.1:0", redirect(&format!("http://inside.example:{port}/"))).await;
        let refused = outbound(&resolver)
            .get(&format!("http://www.example:{}/", server.port), &POLICY)
            .await
            .unwrap_err();
        assert!(matches!(refused, OutboundError::Forbidden { .. }), "{address}: {refused}");
    }
    let written = [
        "http://127.0.0.66",
        "http://0x7f.0.0.66",
        "http://0177.0.0.102",
        "http://2130706498",
        "http://127.66",
        "http://[::ffff:127.0.0.66]",
        "http://%31%32%37.0.0.66",
        "http://127.0.0.66.",
        "//127.0.0.66",
        "http://x@127.0.0.66",
        "http:\\\\127.0.0.66",
    ];
    for place in written {
        let server = Server::start("127.0.0.1:0", redirect(&format!("{place}:{port}/"))).await;
        let refused = outbound(&resolver)
            .get(&format!("http://www.example:{}/", server.port), &POLICY)
            .await
            .unwrap_err();
        assert!(matches!(refused, OutboundError::Url { .. }), "{place}: {refused}");
    }
    assert_eq!(forbidden.connections(), 0);
}

#[tokio::test]
async fn redirects_without_end_are_left_after_ten() {
    let resolver = Resolver::start().await;
    let server = Server::start("127.0.0.1:0", redirect("/again")).await;
    resolver.at("www.example", &[&["127.0.0.1"]]);
    let url = format!("http://www.example:{}/", server.port);
    let refused = outbound(&resolver).get(&url, &POLICY).await.unwrap_err();
    assert!(matches!(refused, OutboundError::Redirects { most: 10, .. }), "{refused}");
    assert_eq!(server.connections(), 11);
}

#[tokio::test]
async fn what_is_secret_does_not_follow_a_redirect() {
    let resolver = Resolver::start().await;
    let end = Server::start("127.0.0.1:0", ok("")).await;
    let server = Server::start("127.0.0.1:0", redirect(&format!("http://end.example:{}/", end.port))).await;
    resolver.at("www.example", &[&["127.0.0.1"]]);
    resolver.at("end.example", &[&["127.0.0.1"]]);
    let request = Request::get(format!("http://www.example:{}/", server.port))
        .header(http::header::AUTHORIZATION, http::HeaderValue::from_static("Bearer eA"));
    outbound(&resolver).send(request, &POLICY).await.unwrap();
    assert!(server.requests()[0].contains("Bearer eA") && !end.requests()[0].contains("Bearer"));
}

#[tokio::test]
async fn ports_and_schemes_are_those_of_the_policy() {
    let resolver = Resolver::start().await;
    for (url, policy, expected) in [
        ("http://www.example:8080/", Policy::VALIDATION, UrlError::Port),
        ("https://www.example:80/", Policy::VALIDATION, UrlError::Port),
        ("http://www.example/", Policy::PROVIDER, UrlError::Insecure),
    ] {
        match outbound(&resolver).get(url, &policy).await.unwrap_err() {
            OutboundError::Url { reason, .. } => assert_eq!(reason, expected, "{url}"),
            other => panic!("{url}: {other}"),
        }
    }
}

#[tokio::test]
async fn a_body_is_read_to_its_limit_and_no_further() {
    let resolver = Resolver::start().await;
    resolver.at("www.example", &[&["127.0.0.1"]]);
    let fetch = async |answer: String| {
        let server = Server::start("127.0.0.1:0", answer).await;
        outbound(&resolver).get(&format!("http://www.example:{}/", server.port), &POLICY).await
    };
    assert_eq!(fetch(ok(&"x".repeat(512))).await.unwrap().body.len(), 512);
    let refused = fetch(ok(&"x".repeat(513))).await.unwrap_err();
    assert!(matches!(refused, OutboundError::TooLarge { most: 512, .. }), "{refused}");
    let chunked =
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}", "1\r\nx\r\n".repeat(600));
    let refused = fetch(chunked).await.unwrap_err();
    assert!(matches!(refused, OutboundError::TooLarge { .. }), "{refused}");
    let head = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(100_000));
    let refused = fetch(head).await.unwrap_err();
    assert!(matches!(refused, OutboundError::Http { .. }), "{refused}");
}

#[tokio::test]
async fn a_slow_answer_is_left_when_its_time_is_over() {
    let resolver = Resolver::start().await;
    resolver.at("www.example", &[&["127.0.0.1"]]);
    let server = Server::slow("127.0.0.1:0", ok(&"x".repeat(500)), Duration::from_millis(20)).await;
    let policy = Policy { time: Duration::from_millis(300), ..POLICY };
    let began = Instant::now();
    let refused =
        outbound(&resolver).get(&format!("http://www.example:{}/", server.port), &policy).await.unwrap_err();
    assert!(matches!(refused, OutboundError::TimedOut { .. }), "{refused}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn https_is_verified() {
    let resolver = Resolver::start().await;
    resolver.at("www.example", &[&["127.0.0.1"]]);
    let server = Server::start("127.0.0.1:0", ok("plain")).await;
    let url = format!("https://www.example:{}/", server.port);
    let refused = outbound(&resolver).get(&url, &Policy::PROVIDER).await.unwrap_err();
    assert!(matches!(refused, OutboundError::Tls { .. }), "{refused}");
}

#[tokio::test]
async fn words_say_which_address_is_refused_and_why() {
    let resolver = Resolver::start().await;
    resolver.at("inside.example", &[&["169.254.169.254"]]);
    let refused = outbound(&resolver).get("http://inside.example/", &Policy::VALIDATION).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "'inside.example' is at 169.254.169.254, which is a cloud's metadata service; \
         connections go to public addresses only, others are named in outbound.allow"
    );
}
