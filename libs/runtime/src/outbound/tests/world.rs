//! A resolver and servers that say what a test wants, on this machine.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hickory_resolver::proto::{
    op::Message,
    rr::{RData, Record, RecordType},
};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, UdpSocket},
};

use super::super::*;

/// What the resolver answers for a name: one list of addresses per time it is asked, the last for good.
type Zone = Arc<Mutex<BTreeMap<String, Vec<Vec<IpAddr>>>>>;

/// A resolver whose answers change as a test says.
pub struct Resolver {
    pub address: SocketAddr,
    zone: Zone,
}

impl Resolver {
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let zone = Zone::default();
        let answers = zone.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            let mut asked: BTreeMap<(String, RecordType), usize> = BTreeMap::new();
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let mut message = Message::from_vec(&buffer[..length]).unwrap();
                let query = message.queries[0].clone();
                let name = query.name().to_lowercase().to_ascii().trim_end_matches('.').to_owned();
                let times = asked.entry((name.clone(), query.query_type())).or_default();
                let turns = answers.lock().get(&name).cloned().unwrap_or_default();
                let turn = turns.get(*times).or(turns.last()).cloned().unwrap_or_default();
                *times += 1;
                let fits = |address: &IpAddr| address.is_ipv4() == (query.query_type() == RecordType::A);
                message.metadata.message_type = hickory_resolver::proto::op::MessageType::Response;
                message.answers = turn
                    .into_iter()
                    .filter(fits)
                    .map(|address| Record::from_rdata(query.name().clone(), 0, RData::from(address)))
                    .collect();
                message.additionals.clear();
                socket.send_to(&message.to_vec().unwrap(), from).await.unwrap();
            }
        });
        Self { address, zone }
    }

    /// Says where a name is, the first time, the second, and so on.
    pub fn at(&self, name: &str, turns: &[&[&str]]) {
        let turns = turns.iter().map(|turn| turn.iter().map(|text| text.parse().unwrap()).collect());
        self.zone.lock().insert(name.to_owned(), turns.collect());
    }
}

/// A web server that answers every request with the same bytes.
pub struct Server {
    pub port: u16,
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub async fn start(at: &str, answer: impl Into<Vec<u8>>) -> Self {
        Self::slow(at, answer, Duration::ZERO).await
    }

    /// One that sends byte by byte, with a pause before each.
    pub async fn slow(at: &str, answer: impl Into<Vec<u8>>, pause: Duration) -> Self {
        let listener = TcpListener::bind(at).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, seen) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Vec<String>>>::default());
        let answer = answer.into();
        let (count, log) = (connections.clone(), seen.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (answer, log) = (answer.clone(), log.clone());
                tokio::spawn(async move {
                    let mut request = vec![0; 8192];
                    let length = stream.read(&mut request).await.unwrap_or(0);
                    log.lock().push(String::from_utf8_lossy(&request[..length]).into_owned());
                    if pause.is_zero() {
                        _ = stream.write_all(&answer).await;
                    } else {
                        for byte in answer {
                            tokio::time::sleep(pause).await;
                            if stream.write_all(&[byte]).await.is_err() {
                                break;
                            }
                        }
                    }
                    _ = stream.shutdown().await;
                });
            }
        });
        Self { port, connections, seen }
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn requests(&self) -> Vec<String> {
        self.seen.lock().clone()
    }
}

/// An answer with a body.
pub fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// An answer that sends on.
pub fn redirect(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
}

/// A way out that asks this resolver and may reach 127.0.0.1, and nothing else of this machine.
pub fn outbound(resolver: &Resolver) -> Outbound {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let tls = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Outbound {
        dns: Dns::new(Some(resolver.address)),
        allow: vec!["127.0.0.1".parse().unwrap()],
        strict: false,
        tls: Arc::new(tls),
    }
}

/// As for a validation, at the ports that a test was given.
pub const POLICY: Policy = Policy { ports: Ports::Any, ..Policy::VALIDATION };
