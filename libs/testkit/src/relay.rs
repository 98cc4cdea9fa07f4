//! A real mail server, OpenSMTPD, that hands on what it takes.

use std::{
    fs::{self, File},
    io::Read as _,
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::Folder;

/// How long it may take to start, or to wait until another test's is gone.
const PATIENCE: Duration = Duration::from_secs(120);

/// OpenSMTPD; gone with its folder when dropped. It starts as root, as on CI, and knows one queue and one control socket, so
/// there is one at a time on a machine.
#[derive(Debug)]
pub struct Relay {
    child: Child,
    _folder: Folder,
    _alone: File,
}

impl Relay {
    /// Starts it at a port. It takes mail for one domain, and hands it to the server at another port; other recipients it
    /// refuses. It offers no TLS: that of Debian 12 cannot (its keys are apart from its handshakes, in a way that OpenSSL 3
    /// no longer goes along with).
    #[must_use]
    pub fn start(port: u16, domain: &str, next: u16) -> Self {
        let alone = File::create(std::env::temp_dir().join("chancery-smtpd.lock")).expect("a lock file");
        alone.lock().expect("the lock is free in time");
        let folder = Folder::new();
        let (configuration, log) = (folder.path().join("smtpd.conf"), folder.path().join("smtpd.log"));
        let text = format!(
            "listen on 127.0.0.1 port {port} hostname relay.example\n\
             action \"on\" relay host \"smtp://127.0.0.1:{next}\" helo relay.example\n\
             match from any for domain \"{domain}\" action \"on\"\n"
        );
        fs::write(&configuration, text).expect("the folder is writable");
        let output = File::create(&log).expect("the folder is writable");
        let child = Command::new("smtpd")
            .args(["-d", "-f"])
            .arg(&configuration)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a handle"))
            .stderr(output)
            .spawn()
            .expect("smtpd runs; ops/test-tools.sh brings it");
        folder.guard.watch(&[child.id()]);
        let deadline = Instant::now() + PATIENCE;
        while !greets(port) {
            let log = fs::read_to_string(&log).unwrap_or_default();
            assert!(Instant::now() < deadline, "smtpd does not answer:\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { child, _folder: folder, _alone: alone }
    }
}

fn greets(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let mut greeting = [0; 4];
    stream.read_exact(&mut greeting).is_ok() && &greeting == b"220 "
}

impl Drop for Relay {
    fn drop(&mut self) {
        // Its parts end when it does.
        _ = nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(self.child.id().try_into().expect("a process id")),
            nix::sys::signal::Signal::SIGTERM,
        );
        _ = self.child.wait();
    }
}
