//! A real DNS server, BIND 9, that is the authority for a test's zones.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use runtime::outbound::Dns;
use tokio::time::{Instant, sleep};

use crate::{Folder, ports};

/// How long it may take to start, or to take up what changed.
const PATIENCE: Duration = Duration::from_secs(60);

/// BIND 9 on a free port; gone with its folder when dropped.
#[derive(Debug)]
pub struct NameServer {
    child: Child,
    address: SocketAddr,
    zones: BTreeMap<String, Vec<String>>,
    serial: u32,
    folder: Folder,
}

impl NameServer {
    /// Starts it with these zones, each with its records as a zone file has them: `("shop.example", "@ A 192.0.2.1")`.
    pub async fn start(zones: &[(&str, &str)]) -> Self {
        let [address] = ports::free::<1>();
        let folder = Folder::new();
        let zones: BTreeMap<String, Vec<String>> = zones
            .iter()
            .map(|(zone, records)| ((*zone).to_owned(), records.lines().map(str::to_owned).collect()))
            .collect();
        let at = folder.path().display();
        let mut text = format!(
            "options {{ directory \"{at}\"; listen-on port {} {{ {}; }}; listen-on-v6 {{ none; }}; recursion no;\n\
             pid-file \"{at}/named.pid\"; session-keyfile \"{at}/session.key\"; dnssec-validation no; }};\n\
             controls {{ }};\n",
            address.port(),
            address.ip()
        );
        for zone in zones.keys() {
            _ = writeln!(text, "zone \"{zone}\" {{ type primary; file \"{at}/{zone}.zone\"; }};");
        }
        let configuration = folder.path().join("named.conf");
        fs::write(&configuration, text).expect("the folder is writable");
        let mut server = Self { child: nobody(), address, zones, serial: 0, folder };
        server.write();
        server.child = Command::new("named")
            .args(["-g", "-n", "1", "-c"])
            .arg(&configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(server.folder.path().join("named.log")).expect("the folder is writable"))
            .spawn()
            .expect("named runs; ops/test-tools.sh brings it");
        server.folder.guard.watch(&[server.child.id()]);
        server.wait().await;
        server
    }

    /// Where it answers.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a record to a zone, and waits until it is answered.
    pub async fn publish(&mut self, zone: &str, record: &str) {
        self.zones.get_mut(zone).expect("a zone of this server").push(record.to_owned());
        self.reload().await;
    }

    /// Takes every record of a name out of a zone, and waits until that is so.
    pub async fn withdraw(&mut self, zone: &str, name: &str) {
        let records = self.zones.get_mut(zone).expect("a zone of this server");
        records.retain(|record| record.split_whitespace().next() != Some(name));
        self.reload().await;
    }

    async fn reload(&mut self) {
        self.write();
        let pid = Pid::from_raw(self.child.id().try_into().expect("a process id"));
        kill(pid, Signal::SIGHUP).expect("named runs");
        self.wait().await;
    }

    /// Writes the zones under the next serial number, which `_serial` tells.
    fn write(&mut self) {
        self.serial += 1;
        for (zone, records) in &self.zones {
            let mut text = format!(
                "$TTL 0\n$ORIGIN {zone}.\n@ SOA ns hostmaster {} 3600 600 86400 0\n@ NS ns\nns A 127.0.0.1\n\
                 _serial TXT \"{}\"\n",
                self.serial, self.serial
            );
            for record in records {
                _ = writeln!(text, "{record}");
            }
            fs::write(self.folder.path().join(format!("{zone}.zone")), text).expect("the folder is writable");
        }
    }

    /// Waits until every zone is answered as it was last written.
    async fn wait(&self) {
        let (dns, serial) = (Dns::new(Some(self.address)), self.serial.to_string().into_bytes());
        let deadline = Instant::now() + PATIENCE;
        for zone in self.zones.keys() {
            while dns.texts(&format!("_serial.{zone}")).await.ok().as_deref()
                != Some(std::slice::from_ref(&serial))
            {
                let log = fs::read_to_string(self.folder.path().join("named.log")).unwrap_or_default();
                assert!(Instant::now() < deadline, "named does not answer for {zone}:\n{log}");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A process that is over, until the real one runs.
fn nobody() -> Child {
    Command::new("true").spawn().expect("true runs")
}
