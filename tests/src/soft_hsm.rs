//! SoftHSM 2: a PKCS #11 token in a folder of the test's own, which is taken away and put back.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use testkit::{environment, installation::Plan};

use crate::tool::{Ran, run};

/// The token's PIN.
pub const PIN: &str = "4711-open";
const LABEL: &str = "chancery-test";

/// A token.
#[derive(Debug)]
pub struct SoftHsm {
    folder: tempfile::TempDir,
    module: PathBuf,
}

impl SoftHsm {
    /// A new one, with its PIN in a file.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hsm = Self { folder, module: module() };
        fs::create_dir(hsm.tokens()).unwrap();
        let configuration = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            hsm.tokens().display()
        );
        fs::write(hsm.configuration(), configuration).unwrap();
        hsm.write_pin(PIN);
        let mut make = Command::new("softhsm2-util");
        make.args(["--init-token", "--free", "--label", LABEL, "--so-pin", "12345678", "--pin", PIN]);
        _ = run(hsm.within(make), b"").done();
        hsm
    }

    /// Lets an installation know it as `hsm`.
    #[must_use]
    pub fn given_to(&self, plan: Plan) -> Plan {
        let (module, pin) = (self.module.display(), self.pin_file());
        let uri = format!("hsm=pkcs11:token={LABEL}?module-path={module}&pin-source=file:{}", pin.display());
        let plan = plan.set("keystore.tokens", &uri);
        let plan = plan.variable("SOFTHSM2_CONF", &self.configuration().display().to_string());
        match libraries(&self.module) {
            Some(libraries) => plan.variable("LD_LIBRARY_PATH", &libraries),
            None => plan,
        }
    }

    /// Runs `pkcs11-tool`, logged in.
    #[must_use]
    pub fn tool(&self, arguments: &[&str]) -> Ran {
        let mut tool = Command::new("pkcs11-tool");
        tool.arg("--module").arg(&self.module).args(["--token-label", LABEL, "--login", "--pin", PIN]);
        run(
            self.within({
                tool.args(arguments);
                tool
            }),
            b"",
        )
    }

    /// Pulls it out.
    pub fn pull_out(&self) {
        fs::rename(self.tokens(), self.folder.path().join("pulled-out")).unwrap();
    }

    /// Puts it back.
    pub fn put_back(&self) {
        fs::rename(self.folder.path().join("pulled-out"), self.tokens()).unwrap();
    }

    /// Writes another PIN into the file that the installation reads.
    pub fn write_pin(&self, pin: &str) {
        fs::write(self.pin_file(), format!("{pin}\n")).unwrap();
        fs::set_permissions(self.pin_file(), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn within(&self, mut command: Command) -> Command {
        command.env("SOFTHSM2_CONF", self.configuration());
        command
    }

    fn tokens(&self) -> PathBuf {
        self.folder.path().join("tokens")
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path().join("softhsm2.conf")
    }

    fn pin_file(&self) -> PathBuf {
        self.folder.path().join("pin")
    }
}

impl Default for SoftHsm {
    fn default() -> Self {
        Self::new()
    }
}

const WITHIN: &str = "usr/lib/softhsm/libsofthsm2.so";

/// The library: the machine's, else of the packages that ops/test-tools.sh unpacked beside its programs.
fn module() -> PathBuf {
    let path = environment::of_test();
    let folders = path.get("PATH").unwrap_or_default().split(':').map(PathBuf::from);
    let unpacked = folders.filter_map(|folder| Some(folder.parent()?.join("debian").join(WITHIN)));
    let mut all = std::iter::once(Path::new("/").join(WITHIN)).chain(unpacked);
    all.find(|module| module.exists()).expect("SoftHSM is installed: ops/test-tools.sh")
}

/// Where an unpacked library finds those that it needs.
fn libraries(module: &Path) -> Option<String> {
    let lib = module.parent()?.parent()?;
    if lib == Path::new("/usr/lib") {
        return None;
    }
    let folders = fs::read_dir(lib).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let found = folders.filter(|path| path.to_string_lossy().ends_with("-linux-gnu"));
    Some(found.map(|path| path.display().to_string()).collect::<Vec<_>>().join(":"))
}
