//! docker-compose.yml: every service in a container of its own, with its own secrets and no other's.
//!
//! No container engine is needed. The types below refuse a key they do not know, so a slip of the pen in the file fails
//! here; where `docker compose` is installed, it validates the file as well.

#![allow(clippy::unwrap_used)] // a test that cannot read what it checks fails

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use contracts::Service;
use serde::Deserialize;

#[test]
fn every_service_runs_in_a_container_of_its_own() {
    let compose = compose();
    for service in Service::ALL {
        let container = &compose.services[service.as_str()];
        assert_eq!(container.command, ["serve", service.as_str()]);
        assert_eq!(container.depends_on["migrate"].condition, "service_completed_successfully", "{service}");
        assert_eq!(container.depends_on["postgres"].condition, "service_healthy", "{service}");
        assert_eq!(container.depends_on["nats"].condition, "service_healthy", "{service}");
        assert!(container.healthcheck.is_some(), "{service} has no health check");
    }
    assert_eq!(compose.services["migrate"].command, ["migrate"]);
    assert_eq!(compose.services["migrate"].depends_on["postgres"].condition, "service_healthy");
}

#[test]
fn a_container_holds_its_own_secrets_only() {
    let compose = compose();
    for service in Service::ALL {
        let own = [format!("db-{}", service.role()), format!("nats-{service}.nk")];
        let mut expected = BTreeSet::from(own);
        expected.insert("nats-gateway.pub".into());
        expected.extend(match service {
            Service::Gateway => vec!["transport-ca.key".to_owned(), "gateway-tls.key".to_owned()],
            Service::Directory => vec!["first.token".to_owned()],
            Service::Keystore => vec!["keystore-master.key".to_owned()],
            Service::Inventory | Service::Signer | Service::Notifier | Service::Relay => vec![],
        });
        assert_eq!(compose.services[service.as_str()].secrets, expected, "{service}");
    }
    let passwords = Service::ALL.iter().map(|service| format!("db-{}", service.role()));
    let passwords: BTreeSet<_> = passwords.chain(["db-chancery_admin".to_owned()]).collect();
    assert_eq!(compose.services["migrate"].secrets, passwords);
    assert_eq!(compose.services["postgres"].secrets, BTreeSet::from(["db-chancery_admin".to_owned()]));
    for (name, container) in &compose.services {
        for secret in &container.secrets {
            let file = &compose.secrets[secret].file;
            assert_eq!(*file, format!("compose/secrets/{secret}"), "{name}");
        }
        let known = name == "migrate" || name == "postgres" || name.parse::<Service>().is_ok();
        assert!(known || container.secrets.is_empty(), "{name} needs no secret");
        for variable in container.environment.keys() {
            let secret = ["PASSWORD", "SECRET", "TOKEN", "PASSPHRASE", "MASTER_KEY"].iter().any(|word| {
                variable.contains(word) && !variable.ends_with("_FILE") && !variable.ends_with("_DIR")
            });
            assert!(!secret, "{name} gets a secret by its environment: {variable}");
        }
    }
}

#[test]
fn containers_can_do_little_and_are_reached_from_this_machine_alone() {
    let compose = compose();
    for (name, container) in &compose.services {
        assert!(container.read_only, "{name} can write to its own file system");
        assert_eq!(container.cap_drop, ["ALL"], "{name}");
        assert_eq!(container.security_opt, ["no-new-privileges:true"], "{name}");
        for port in &container.ports {
            assert!(port.starts_with("127.0.0.1:"), "{name} publishes {port}");
        }
        let reaches_out = container.networks.iter().any(|network| network != "inside");
        // The notifier talks to a mail server; everything else that leaves is reached from outside, too.
        let expected = !container.ports.is_empty() || name == "notifier";
        assert_eq!(reaches_out, expected, "{name}: {:?}", container.networks);
        let ours = container.build.is_some();
        assert!(ours || pinned(&container.image), "{name}: {} is not one version", container.image);
        assert!(container.user.is_some() || !ours && container.secrets.is_empty(), "{name} runs as root");
        for volume in &container.volumes {
            let (source, _) = volume.split_once(':').unwrap();
            let named = compose.volumes.contains_key(source);
            assert!(named || volume.ends_with(":ro"), "{name} writes to {source} of this machine");
            let generated = source == "./compose/nats.conf"; // by `chancery config init --compose`
            assert!(named || generated || root().join(source).is_file(), "{name} mounts {source}");
        }
    }
    assert!(compose.networks["inside"].internal);
}

#[test]
fn prometheus_scrapes_every_service() {
    let text = std::fs::read_to_string(root().join("ops/prometheus/prometheus.yml")).unwrap();
    let configuration: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).unwrap();
    let targets = &configuration["scrape_configs"][0]["static_configs"][0]["targets"];
    let targets: Vec<String> = serde_yaml_ng::from_value(targets.clone()).unwrap();
    let expected: Vec<_> = Service::ALL.iter().map(|service| format!("{service}:9464")).collect();
    assert_eq!(targets, expected);
    let listen = &compose().services["signer"].environment["CHANCERY_SERVER__OPS_LISTEN"];
    assert_eq!(listen, "0.0.0.0:9464");
}

#[test]
fn docker_compose_accepts_the_file_where_it_is_installed() {
    let compose = |arguments: &[&str]| {
        let mut command = Command::new("docker");
        command.arg("compose").args(arguments).env("CHANCERY_USER", "65532:65532").current_dir(root());
        command.output().is_ok_and(|output| {
            assert!(
                output.status.success() || arguments == ["version"],
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            output.status.success()
        })
    };
    if compose(&["version"]) {
        assert!(compose(&["--profile", "observability", "config", "--quiet"]));
    }
}

/// Whether an image's tag is a whole version.
fn pinned(image: &str) -> bool {
    let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
    tag.trim_start_matches('v').split(['.', '-']).take(2).all(|part| part.parse::<u32>().is_ok())
}

fn compose() -> Compose {
    let text = std::fs::read_to_string(root().join("docker-compose.yml")).unwrap();
    let mut value: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).unwrap();
    value.apply_merge().unwrap();
    serde_yaml_ng::from_value(value).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The file, as far as it uses what the Compose specification offers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // read to know that they may stand there
struct Compose {
    name: String,
    #[serde(rename = "x-service")]
    x_service: serde_yaml_ng::Value,
    #[serde(rename = "x-environment")]
    x_environment: serde_yaml_ng::Value,
    #[serde(rename = "x-after-migrate")]
    x_after_migrate: serde_yaml_ng::Value,
    #[serde(rename = "x-healthcheck")]
    x_healthcheck: serde_yaml_ng::Value,
    services: BTreeMap<String, Container>,
    networks: BTreeMap<String, Network>,
    volumes: BTreeMap<String, Nothing>,
    secrets: BTreeMap<String, Secret>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Container {
    image: String,
    build: Option<Build>,
    restart: String,
    user: Option<String>,
    command: Vec<String>,
    #[serde(default)]
    profiles: Vec<String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    secrets: BTreeSet<String>,
    #[serde(default)]
    depends_on: BTreeMap<String, Dependency>,
    #[serde(default)]
    volumes: Vec<String>,
    #[serde(default)]
    tmpfs: Vec<String>,
    #[serde(default)]
    ports: Vec<String>,
    networks: BTreeSet<String>,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    cap_drop: Vec<String>,
    #[serde(default)]
    security_opt: Vec<String>,
    ulimits: Option<BTreeMap<String, i64>>,
    shm_size: Option<String>,
    stop_grace_period: Option<String>,
    logging: Option<Logging>,
    healthcheck: Option<Healthcheck>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Build {
    context: String,
    dockerfile: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dependency {
    condition: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Logging {
    driver: String,
    options: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Healthcheck {
    test: Vec<String>,
    interval: String,
    timeout: String,
    start_period: Option<String>,
    retries: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Network {
    #[serde(default)]
    internal: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    file: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}
