//! B8: nothing secret is built in. Without a master key the keystore does not start, and says what to do; no two
//! installations have a secret in common, and none lies in the program.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::{collections::BTreeMap, fs, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chancery_tests::{
    tool::{Ran, run_with},
    world::{Mode, World},
};
use contracts::Service;
use http::Method;
use regex::bytes::Regex;
use testkit::{Installation, environment};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_master_key_nothing_starts_in_place_of_it() {
    let mut world = World::start(Mode::ProcessPerService).await;
    world.kill_service(Service::Keystore);
    fs::remove_file(world.secrets().master_key_file()).unwrap();
    for production in ["false", "true"] {
        refused_with_an_instruction(&started(&world, &["serve", "keystore"], production).await);
    }

    let mut world = World::start(Mode::OneProcess).await;
    world.stop().await;
    fs::remove_file(world.secrets().master_key_file()).unwrap();
    for production in ["false", "true"] {
        refused_with_an_instruction(&started(&world, &["up"], production).await);
        assert!(!world.secrets().master_key_file().exists(), "no other key is made in its place");
    }
}

async fn started(world: &World, arguments: &[&str], production: &str) -> Ran {
    let mut command = world.command(arguments);
    command.env("CHANCERY_SERVER__PRODUCTION", production);
    command.env("CHANCERY_KEYSTORE__ALLOW_UNLOCKED_MEMORY", "true");
    // A start that is not refused goes on: it must not outlive the test.
    let mut limited = Command::new("timeout");
    limited.arg("60").arg(command.get_program()).args(command.get_args()).current_dir(world.data_dir());
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    run_with(limited, b"").await
}

fn refused_with_an_instruction(ran: &Ran) {
    assert!(![0, -1, 124].contains(&ran.code), "{ran:?}"); // 124: still running after a minute
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(said.contains("no master key") && said.contains("openssl rand -hex 32"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_anybody_elses() {
    let (one, other) = tokio::join!(Installation::up(), Installation::up());
    let (ours, theirs) = (secrets(&one), secrets(&other));
    assert!(ours.len() > 10 && ours.keys().eq(theirs.keys()), "{:?}", ours.keys());
    let program = fs::read(environment::program("chancery")).unwrap();
    let built_in =
        Regex::new(&ours.values().map(|secret| regex::escape(secret)).collect::<Vec<_>>().join("|"));
    assert!(!built_in.unwrap().is_match(&program), "a secret is built in");
    for (name, secret) in &ours {
        assert!(!theirs.values().any(|known| known == secret), "{name} is the same in another installation");
        assert!(secret.len() >= 32, "{name} can be guessed");
    }
    // Before anybody was given anything, nobody gets in by a name and a password.
    let nobody = one.https().with_token(None);
    for password in ["", "admin", "password", "chancery", "changeme", "master"] {
        for name in ["admin", "administrator", "master", "root", "chancery"] {
            let basic = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
            let bearer = format!("Bearer {password}");
            for header in [basic, bearer] {
                let headers = [("authorization", header.as_str())];
                let answer = nobody.request(Method::GET, "/api/v1/me", &headers, bytes::Bytes::new()).await;
                assert_eq!(answer.unwrap().status, 401, "{header}");
            }
        }
    }
}

/// The first line of each secret that says something.
fn secrets(installation: &Installation) -> BTreeMap<String, String> {
    let entries = fs::read_dir(installation.secrets().folder()).unwrap().map(|entry| entry.unwrap().path());
    let told = entries.filter(|path| path.is_file()).map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        // The first lines of private keys of one kind are alike: their body is what counts.
        let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
        (path.file_name().unwrap().to_string_lossy().into_owned(), body)
    });
    told.collect()
}
