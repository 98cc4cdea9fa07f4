//! A real web server, nginx, at port 80 of an address of this machine that is the test's own.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use runtime::entropy::{Entropy as _, SystemEntropy};

use crate::Folder;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// nginx; gone with its folder when dropped.
#[derive(Debug)]
pub struct WebServer {
    child: Child,
    address: Ipv4Addr,
    folder: Folder,
}

impl WebServer {
    /// Starts it. It serves the files that are put there, whatever the host; the hosts named here it sends on instead:
    /// `("moved.example", "http://www.example$request_uri")`. Port 80 needs root, as on CI.
    #[must_use]
    pub fn start(redirects: &[(&str, &str)]) -> Self {
        let address = own_address();
        let folder = Folder::new();
        let at = folder.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {at}/{kind};\n"))
            .concat();
        let elsewhere: String = redirects
            .iter()
            .map(|(host, to)| {
                format!("server {{ listen {address}:80; server_name {host}; return 302 {to}; }}\n")
            })
            .collect();
        let text = format!(
            "daemon off; master_process off; pid {at}/nginx.pid; error_log {at}/error.log;\nevents {{ }}\n\
             http {{ access_log off; default_type text/plain;\n{temporary}\
             server {{ listen {address}:80 default_server; root {at}/files; }}\n{elsewhere}}}\n"
        );
        let configuration = folder.path().join("nginx.conf");
        fs::create_dir(folder.path().join("files")).expect("the folder is writable");
        fs::write(&configuration, text).expect("the folder is writable");
        let child = Command::new("nginx")
            .arg("-e")
            .arg(folder.path().join("error.log"))
            .arg("-c")
            .arg(&configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("nginx runs; ops/test-tools.sh brings it");
        folder.guard.watch(&[child.id()]);
        let server = Self { child, address, folder };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((address, 80)).is_err() {
            let log = fs::read_to_string(server.folder.path().join("error.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "nginx does not answer at {address}:\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// Where it is.
    #[must_use]
    pub const fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Puts a file at a path such as `/.well-known/x.txt`.
    pub fn put(&self, path: &str, content: &str) {
        let file: PathBuf = self.folder.path().join("files").join(path.trim_start_matches('/'));
        fs::create_dir_all(file.parent().expect("a file is in a folder")).expect("the folder is writable");
        fs::write(file, content).expect("the folder is writable");
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// An address of this machine whose port 80 nobody has. Any of 127.0.0.0/8 is one.
#[must_use]
pub fn own_address() -> Ipv4Addr {
    for _ in 0..100 {
        let mut drawn = [0; 2];
        SystemEntropy.fill(&mut drawn);
        let address = Ipv4Addr::new(127, 80, drawn[0], drawn[1].clamp(1, 254));
        if TcpListener::bind((address, 80)).is_ok() {
            return address;
        }
    }
    panic!("port 80 cannot be listened on: a test of HTTP validation runs as root, as on CI");
}
