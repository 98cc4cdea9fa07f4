//! A14: the certificates that a live server presents are imported; the name that is asked for decides which.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use chancery_tests::world::{Mode, World, begin};
use serde_json::{Value, json};
use testkit::{Folder, NameServer, web_server::own_address};

use crate::import::{IMPORTS, fresh, import, sums};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_one_process() {
    every_journey(Mode::OneProcess).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_process_per_service() {
    every_journey(Mode::ProcessPerService).await;
}

async fn every_journey(mode: Mode) {
    let server = TlsServer::start(&["one.live.example", "two.live.example"]);
    let zone = format!("one A {0}\ntwo A {0}\ninside A 127.0.0.1\nnowhere A {0}", server.address);
    let names = NameServer::start(&[("live.example", &zone)]).await;
    let (resolver, allowed) = (names.address().to_string(), server.address.to_string());
    let settings = [("outbound.resolver", resolver.as_str()), ("outbound.allow", allowed.as_str())];
    let world = World::start_with(mode, &settings).await;
    begin("the_name_decides_which_certificate_is_imported", mode);
    the_name_decides_which_certificate_is_imported(&world).await;
    begin("nobody_is_sent_where_nobody_may_go", mode);
    nobody_is_sent_where_nobody_may_go(&world).await;
    begin("the_cli_asks_a_server", mode);
    the_cli_asks_a_server(&world).await;
}

async fn the_name_decides_which_certificate_is_imported(world: &World) {
    for (name, url) in
        [("one.live.example", "https://one.live.example:8443"), ("two.live.example", "two.live.example:8443")]
    {
        let body = json!({"url": url, "labels": {"seen": "live"}});
        let preview = world.api().post(&format!("{IMPORTS}?dryRun=true"), &body).await.expect(200).json();
        assert_eq!(sums(&preview), (1, 0, 0), "{preview}");
        let report = import(world, body.clone()).await;
        assert_eq!(sums(&report), (1, 0, 0), "{report}");
        let item = &report["items"][0];
        assert_eq!((&item["file"], &item["recognizedAs"]), (&json!(format!("{name}:8443")), &json!("tls")));
        assert_eq!(item["certificates"][0]["subject"], format!("CN={name}"));
        let id = item["certificates"][0]["certificateId"].as_str().unwrap();
        let shown = fresh(world, &format!("/api/v1/certificates/{id}")).await.expect(200).json();
        assert_eq!((&shown["commonName"], &shown["labels"]["seen"]), (&json!(name), &json!("live")));
        assert_eq!(sums(&import(world, body).await), (0, 1, 0));
    }
}

async fn nobody_is_sent_where_nobody_may_go(world: &World) {
    for (url, code) in [
        ("inside.live.example:8443", "address_not_allowed"),
        ("https://127.0.0.1:8443", "url_invalid"),
        ("http://one.live.example:8443", "url_invalid"),
        ("file:///etc/passwd", "url_invalid"),
        ("nowhere.live.example:1", "target_unreachable"),
        ("unknown.live.example", "target_unreachable"),
    ] {
        let refused = world.api().post(IMPORTS, &json!({"url": url})).await.expect(422).json();
        assert_eq!(refused["errors"][0]["code"], code, "{url}: {refused}");
        assert_eq!(refused["errors"][0]["pointer"], "#/url");
    }
    let nothing: Value = world.api().post(IMPORTS, &json!({})).await.expect(422).json();
    assert_eq!(nothing["errors"][0]["pointer"], "#/files", "{nothing}");
}

async fn the_cli_asks_a_server(world: &World) {
    let table = world.cli(&["import", "--url", "one.live.example:8443"]).await.done();
    assert!(table.contains("CN=one.live.example") && table.contains("tls"), "{table}");
}

/// nginx with TLS at port 8443 of an address of its own: a certificate for each name.
struct TlsServer {
    child: Child,
    address: Ipv4Addr,
    _folder: Folder,
}

impl TlsServer {
    fn start(names: &[&str]) -> Self {
        let (address, folder) = (own_address(), Folder::new());
        let at = folder.path().display().to_string();
        let mut servers = String::new();
        for name in names {
            let key = rcgen::KeyPair::generate().unwrap();
            let mut wanted = rcgen::CertificateParams::new(vec![(*name).to_owned()]).unwrap();
            wanted.distinguished_name = rcgen::DistinguishedName::new();
            wanted.distinguished_name.push(rcgen::DnType::CommonName, *name);
            fs::write(folder.path().join(format!("{name}.pem")), wanted.self_signed(&key).unwrap().pem())
                .unwrap();
            fs::write(folder.path().join(format!("{name}.key")), key.serialize_pem()).unwrap();
            servers += &format!(
                "server {{ listen {address}:8443 ssl; server_name {name}; ssl_certificate {at}/{name}.pem; \
                 ssl_certificate_key {at}/{name}.key; return 204; }}\n"
            );
        }
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {at}/{kind};\n"))
            .concat();
        let text = format!(
            "daemon off; master_process off; pid {at}/nginx.pid; error_log {at}/error.log;\nevents {{ }}\n\
             http {{ access_log off;\n{temporary}{servers}}}\n"
        );
        fs::write(folder.path().join("nginx.conf"), text).unwrap();
        let child = Command::new("nginx")
            .args(["-e", &format!("{at}/error.log"), "-c", &format!("{at}/nginx.conf")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, address, _folder: folder };
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect((address, 8443)).is_err() {
            let log = fs::read_to_string(format!("{at}/error.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "nginx does not answer at {address}:\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
