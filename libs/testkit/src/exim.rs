//! A real mail server, Exim, that takes mail from who signs in over TLS and hands it on.

use std::{
    fs,
    net::TcpStream,
    os::unix::fs::{PermissionsExt as _, chown},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::unistd::User;

use crate::{Folder, ports};

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// Exim; gone with its folder when dropped. The user is `pki`, the password `correct horse`; recipients `refused@…` are
/// refused.
#[derive(Debug)]
pub struct Exim {
    child: Child,
    /// STARTTLS.
    pub starttls: u16,
    /// TLS from the first byte.
    pub implicit: u16,
    /// Its certificate for `localhost`, which is its own CA (PEM).
    pub certificate: String,
    _folder: Folder,
}

impl Exim {
    /// Starts it. What it takes goes to the server at another port. It starts as root, as on CI, and drops its rights.
    #[must_use]
    pub fn start(next: u16) -> Self {
        let [starttls, implicit] = ports::free().map(|address| address.port());
        let folder = Folder::new();
        let file = |name: &str| folder.path().join(name);
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let certificate = made.cert.pem();
        let user = User::from_name("Debian-exim").ok().flatten();
        let user = user.expect("there is a user Debian-exim; ops/test-tools.sh makes it");
        for (name, text) in
            [("certificate.pem", &certificate), ("key.pem", &made.signing_key.serialize_pem())]
        {
            fs::write(file(name), text).expect("the folder is writable");
            fs::set_permissions(file(name), fs::Permissions::from_mode(0o644)).expect("the file is ours");
        }
        fs::create_dir(file("spool")).expect("the folder is writable");
        chown(file("spool"), Some(user.uid.as_raw()), Some(user.gid.as_raw())).expect("root runs this");
        let program = program();
        let filled = [
            ("{program}", program.display().to_string()),
            ("{folder}", folder.path().display().to_string()),
            ("{starttls}", starttls.to_string()),
            ("{implicit}", implicit.to_string()),
            ("{next}", next.to_string()),
        ];
        let text = filled
            .iter()
            .fold(include_str!("exim.conf").to_owned(), |text, (name, value)| text.replace(name, value));
        fs::write(file("exim.conf"), text).expect("the folder is writable");
        let output = fs::File::create(file("exim.log")).expect("the folder is writable");
        let child = Command::new(&program)
            .arg("-C")
            .arg(file("exim.conf"))
            .arg("-bdf")
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a handle"))
            .stderr(output)
            .spawn()
            .expect("exim4 runs");
        folder.guard.watch(&[child.id()]);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", starttls)).is_err() {
            let log = fs::read_to_string(file("exim.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "exim does not answer:\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { child, starttls, implicit, certificate, _folder: folder }
    }
}

/// Where it is: it starts itself again for each mail, by this path.
fn program() -> PathBuf {
    let found = Command::new("sh").args(["-c", "command -v exim4"]).output().expect("there is a shell");
    assert!(found.status.success(), "exim4 is not there; ops/test-tools.sh brings it");
    String::from_utf8(found.stdout).expect("a path").trim().into()
}

impl Drop for Exim {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
