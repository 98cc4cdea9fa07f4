//! A corporate CA as OpenSSL makes one: client certificates of every kind, and a CRL.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use chancery_tests::tool::run;

/// What `openssl ca` is told. Where extensions are named, a section of that name says which.
const CONFIGURATION: &str = "
[ca]
default_ca = corporate
[corporate]
dir = .
database = index.txt
serial = serial
crlnumber = crlnumber
new_certs_dir = issued
certificate = ca.pem
private_key = ca.key
default_md = sha256
default_days = 30
default_crl_days = 30
policy = any
unique_subject = no
[any]
commonName = supplied
[client]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
";

/// A CA in a folder of its own.
pub struct CorporateCa {
    folder: tempfile::TempDir,
}

/// Somebody's certificate and key, PEM files.
#[derive(Clone, Debug)]
pub struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Identity {
    /// The certificate.
    pub fn pem(&self) -> String {
        fs::read_to_string(&self.certificate).unwrap()
    }

    /// What OpenSSL says that its hash is.
    pub fn fingerprint(&self, hash: &str) -> String {
        let mut openssl = Command::new("openssl");
        openssl.args(["x509", "-noout", "-fingerprint", hash, "-in"]).arg(&self.certificate);
        run(openssl, b"").done().trim().rsplit_once('=').unwrap().1.to_owned()
    }

    /// Both in a PKCS #12 file.
    pub fn p12(&self, password: &str) -> PathBuf {
        let file = self.certificate.with_extension("p12");
        let mut openssl = Command::new("openssl");
        openssl.args(["pkcs12", "-export", "-passout", &format!("pass:{password}")]);
        openssl.arg("-in").arg(&self.certificate).arg("-inkey").arg(&self.key).arg("-out").arg(&file);
        _ = run(openssl, b"").done();
        file
    }
}

impl CorporateCa {
    pub fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ca = Self { folder };
        fs::create_dir(ca.path("issued")).unwrap();
        for (file, content) in
            [("index.txt", ""), ("serial", "1000"), ("crlnumber", "01"), ("openssl.cnf", CONFIGURATION)]
        {
            fs::write(ca.path(file), content).unwrap();
        }
        ca.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj /CN={name} -keyout ca.key \
             -out ca.pem -addext keyUsage=critical,keyCertSign,cRLSign"
        ));
        ca.publish_crl();
        ca
    }

    /// Its certificate.
    pub fn certificate(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// Its CRL.
    pub fn crl(&self) -> PathBuf {
        self.path("crl.pem")
    }

    /// A certificate for clients.
    pub fn client(&self, name: &str) -> Identity {
        self.issue(name, "client", "")
    }

    /// One with the extensions of a section, and more arguments of `openssl ca`.
    pub fn issue(&self, name: &str, extensions: &str, more: &str) -> Identity {
        let file = format!("{name}-{extensions}{}", more.len());
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} -keyout {file}.key -out {file}.csr"
        ));
        self.openssl(&format!(
            "ca -batch -notext -config openssl.cnf -extensions {extensions} {more} -in {file}.csr -out {file}.pem"
        ));
        Identity { certificate: self.path(&format!("{file}.pem")), key: self.path(&format!("{file}.key")) }
    }

    /// A certificate that somebody signed themselves.
    pub fn self_signed(&self, name: &str) -> Identity {
        self.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN={name} -keyout self.key \
             -out self.pem -addext extendedKeyUsage=clientAuth"
        ));
        Identity { certificate: self.path("self.pem"), key: self.path("self.key") }
    }

    /// Takes a certificate back and says so.
    pub fn revoke(&self, identity: &Identity) {
        self.openssl(&format!("ca -config openssl.cnf -revoke {}", identity.certificate.display()));
        self.publish_crl();
    }

    fn publish_crl(&self) {
        self.openssl("ca -config openssl.cnf -gencrl -out crl.pem");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, arguments: &str) {
        let mut openssl = Command::new("openssl");
        openssl.args(arguments.split_whitespace()).current_dir(self.folder.path());
        _ = run(openssl, b"").done();
    }
}

/// curl with somebody's certificate, on a path of the API; `more` are arguments of its own.
pub fn curl(address: &str, ca: &Path, identity: Option<&Identity>, path: &str, more: &[&str]) -> Command {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--cacert"]).arg(ca);
    if let Some(Identity { certificate, key }) = identity {
        curl.arg("--cert").arg(certificate).arg("--key").arg(key);
    }
    curl.args(more).arg(format!("{address}{path}"));
    curl
}
