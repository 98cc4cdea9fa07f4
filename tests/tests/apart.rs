//! The commands of docker-compose.yml as plain processes: each with its container's environment and secrets and with
//! nothing else, on the files that `chancery config init --compose` makes, NATS with the configuration made there.

#![allow(clippy::unwrap_used)] // a test that cannot read what it checks fails

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use contracts::Service;
use runtime::{
    secrets::Secrets,
    servers::postgres::{Options, Postgres},
};
use serde_yaml_ng::Value;
use testkit::{Folder, environment, ports};
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};

#[tokio::test]
async fn services_apart_issue_a_certificate_with_the_rights_of_their_containers() {
    let apart = Apart::start().await;
    let issue = ["issue", "--dns", "apart.example.com", "--output", "json"];
    let certificate: Value = serde_yaml_ng::from_str(&apart.client(&issue).await).unwrap();
    assert_eq!(certificate["status"], "active");
    assert_eq!(certificate["sans"][0]["value"], "apart.example.com");
    let events = apart.client(&["watch", "certificate.*", "--after", "0", "--count", "1"]).await;
    assert!(events.contains("chancery.certificate.issued.v1"), "{events}");
}

#[tokio::test]
async fn a_service_cannot_run_on_the_secrets_of_another() {
    let folder = Folder::new();
    let made = initialised(folder.path()).await;
    let mut container = Container::read("signer", &made, folder.path());
    container.set("CHANCERY_SERVER__OPS_LISTEN", "127.0.0.1:0".to_owned());
    fs::rename(container.secrets.join("db-chancery_signer"), container.secrets.join("db-chancery_inventory"))
        .unwrap();
    let output = container.command().args(&container.arguments).output();
    let output = timeout(Duration::from_secs(30), output).await.unwrap().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("db-chancery_signer"), "{said}");
}

/// Everything that `docker compose up` starts, without containers.
struct Apart {
    address: String,
    ca_file: PathBuf,
    token: String,
    _processes: Vec<Child>,
    _postgres: Postgres,
    folder: Folder,
}

impl Apart {
    async fn start() -> Self {
        let folder = Folder::new();
        let made = initialised(folder.path()).await;
        let secrets = Secrets::at(made.join("secrets"));
        let token = fs::read_to_string(made.join("secrets/first.token")).unwrap().trim().to_owned();

        let data_dir = folder.path().to_path_buf();
        let options = Options { data_dir, environment: environment::of_test(), settings: Vec::new() };
        let postgres = Postgres::start(options, &secrets).await.unwrap();
        let [nats, gateway] = ports::free();
        let mut processes = vec![start_nats(&made, folder.path(), nats)];

        let place = |name: &str| {
            let mut container = Container::read(name, &made, folder.path());
            container.set("CHANCERY_DATABASE__URL", postgres.url());
            container.set("CHANCERY_BUS__URL", format!("nats://{nats}"));
            container.set("CHANCERY_SERVER__LISTEN", gateway);
            container.set("CHANCERY_SERVER__PUBLIC_URL", format!("https://localhost:{}", gateway.port()));
            container
        };
        let migrate = place("migrate");
        assert!(migrate.command().args(&migrate.arguments).status().await.unwrap().success());
        let mut operations = Vec::new();
        for service in Service::ALL {
            let [port] = ports::free();
            let mut container = place(service.as_str());
            container.set("CHANCERY_SERVER__OPS_LISTEN", port);
            processes.push(container.command().args(&container.arguments).spawn().unwrap());
            operations.push((service, port));
        }
        for (service, port) in operations {
            let ready = timeout(Duration::from_secs(60), ready(port)).await;
            assert!(
                ready.is_ok(),
                "{service} is not ready; its log is {}",
                log(folder.path(), service.as_str()).display()
            );
        }
        Self {
            address: format!("https://localhost:{}", gateway.port()),
            ca_file: folder.path().join("gateway/data/transport-ca.pem"),
            token,
            _processes: processes,
            _postgres: postgres,
            folder,
        }
    }

    /// Runs a command of the client, and gives what it printed.
    async fn client(&self, arguments: &[&str]) -> String {
        let mut command = program();
        command.args(arguments).env("HOME", self.folder.path());
        command.env("CHANCERY_SERVER", &self.address).env("CHANCERY_TOKEN", &self.token);
        command.env("CHANCERY_CA_FILE", &self.ca_file);
        let output = timeout(Duration::from_secs(60), command.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "chancery {}: {said}", arguments.join(" "));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// What docker-compose.yml says of one container.
struct Container {
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    /// Its own secrets and no other's.
    secrets: PathBuf,
    log: PathBuf,
}

impl Container {
    fn read(name: &str, made: &Path, folder: &Path) -> Self {
        let text = fs::read_to_string(root().join("docker-compose.yml")).unwrap();
        let mut compose: Value = serde_yaml_ng::from_str(&text).unwrap();
        compose.apply_merge().unwrap();
        let service = &compose["services"][name];
        let secrets = folder.join(name).join("secrets");
        fs::create_dir_all(&secrets).unwrap();
        for secret in serde_yaml_ng::from_value::<Vec<String>>(service["secrets"].clone()).unwrap() {
            fs::copy(made.join("secrets").join(&secret), secrets.join(&secret)).unwrap();
        }
        let given: BTreeMap<String, String> =
            serde_yaml_ng::from_value(service["environment"].clone()).unwrap();
        let mut container = Self {
            arguments: serde_yaml_ng::from_value(service["command"].clone()).unwrap(),
            environment: given.into_iter().map(|(name, value)| (name, default_of(&value))).collect(),
            secrets,
            log: log(folder, name),
        };
        container.set("CHANCERY_SERVER__SECRETS_DIR", container.secrets.display().to_string());
        container.set("CHANCERY_SERVER__DATA_DIR", folder.join(name).join("data").display());
        container
    }

    fn set(&mut self, variable: &str, value: impl ToString) {
        self.environment.insert(variable.into(), value.to_string());
    }

    fn command(&self) -> Command {
        let mut command = program();
        command.env_clear().envs(&self.environment).stdout(Stdio::null());
        command.stderr(fs::File::create(&self.log).unwrap());
        command
    }
}

/// `chancery config init --compose` in a folder; the folder `compose` that it made.
async fn initialised(folder: &Path) -> PathBuf {
    let output =
        program().args(["config", "init", "--compose", "--folder"]).arg(folder).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let environment = fs::read_to_string(folder.join(".env")).unwrap();
    assert!(
        environment.starts_with("CHANCERY_USER=") && !environment.starts_with("CHANCERY_USER=0"),
        "{environment}"
    );
    let secrets = folder.join("compose/secrets");
    for secret in fs::read_dir(&secrets).unwrap().map(Result::unwrap) {
        assert_eq!(secret.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", secret.path());
    }
    folder.join("compose")
}

fn start_nats(made: &Path, folder: &Path, address: SocketAddr) -> Child {
    let made = fs::read_to_string(made.join("nats.conf")).unwrap();
    let store = folder.join("nats-store").display().to_string();
    let [monitor] = ports::free::<1>();
    let places =
        [("0.0.0.0:4222", address.to_string()), ("127.0.0.1:8222", monitor.to_string()), ("/data", store)];
    let text = places.iter().fold(made, |text, (container, here)| {
        assert!(text.contains(container), "nats.conf does not name {container}");
        text.replace(container, here)
    });
    let file = folder.join("nats.conf");
    fs::write(&file, text).unwrap();
    let named = environment::of_test().get("CHANCERY_NATS_SERVER").unwrap_or("nats-server").to_owned();
    let mut command = Command::new(named);
    command.arg("--config").arg(file).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command.spawn().unwrap()
}

/// Returns when the health check of the containers says so.
async fn ready(operations: SocketAddr) {
    let check = root().join("ops/ready");
    loop {
        let mut command = Command::new(&check);
        command.arg(operations.port().to_string()).stderr(Stdio::null());
        if command.status().await.unwrap().success() {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

fn program() -> Command {
    let mut command = Command::new(environment::program("chancery"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// `${NAME:-default}` as it is when nobody sets the name.
fn default_of(value: &str) -> String {
    let inner = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    inner.and_then(|inner| inner.split_once(":-")).map_or(value, |(_, default)| default).to_owned()
}

fn log(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.log"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
