//! `chancery up` on one machine: a second one finds the first, a killed one is picked up again, and the order of stopping.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use testkit::Installation;

fn run(installation: &Installation, arguments: &[&str]) -> Output {
    installation.command(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The number in the first line of a file.
fn pid_in(path: &Path) -> u32 {
    fs::read_to_string(path).unwrap().lines().next().unwrap().trim().parse().unwrap()
}

fn server_pids(installation: &Installation) -> (u32, u32) {
    let folder = installation.data_dir();
    (pid_in(&folder.join("postgresql/postmaster.pid")), pid_in(&folder.join("nats/nats.pid")))
}

/// Whether a process runs: one that ended and was not waited for does not.
fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

#[tokio::test]
async fn a_second_up_names_the_first_and_ends_well() {
    let installation = Installation::up().await;
    let second = run(&installation, &["up"]);
    assert!(second.status.success(), "{}", text(&second.stderr));
    let (pid, address) = (installation.pid("up"), installation.address());
    assert_eq!(text(&second.stdout), format!("Chancery already runs: process {pid}, {address}\n"));
}

#[tokio::test]
async fn after_a_kill_the_servers_are_adopted_and_everything_is_as_it_was() {
    let mut installation = Installation::up().await;
    let (servers, token) = (server_pids(&installation), installation.token());
    let ca = fs::read(installation.ca_file()).ok();

    installation.kill();
    assert!(is_alive(servers.0) && is_alive(servers.1), "the servers outlive a killed parent");
    installation.start().await;
    assert_eq!(server_pids(&installation), servers, "they are adopted, not started twice");
    assert_eq!((installation.token(), fs::read(installation.ca_file()).ok()), (token, ca));

    installation.stop().await;
    assert!(!is_alive(servers.0) && !is_alive(servers.1), "an orderly end stops them");
}

#[tokio::test]
async fn what_it_started_is_stopped_when_it_cannot_go_on() {
    let mut installation = Installation::up().await;
    installation.stop().await;
    let nobody_runs = |why: &str| {
        let data_dir = installation.data_dir().display().to_string();
        let left = fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let line = fs::read(entry.ok()?.path().join("cmdline")).ok()?;
            Some(text(&line).replace('\0', " "))
                .filter(|line| line.contains(&data_dir) && !line.contains("while read"))
        });
        let left: Vec<String> = left.collect();
        assert!(left.is_empty(), "{why}: {left:#?}");
    };
    nobody_runs("it was stopped");
    let fails = |variables: &[(&str, &str)], words: &str| {
        let mut up = installation.command(&["up"]);
        // The usual port may be taken by an installation of this machine.
        up.env("CHANCERY_SERVER__OPS_LISTEN", "127.0.0.1:0").envs(variables.iter().copied());
        let mut up = up.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let waited = Instant::now();
        while up.try_wait().unwrap().is_none() {
            if waited.elapsed() > Duration::from_secs(60) {
                up.kill().unwrap();
                panic!("it runs, with {variables:?}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let output = up.wait_with_output().unwrap();
        let said = text(&output.stderr);
        assert!(!output.status.success() && said.contains(words), "{words}: {} {said}", output.status);
    };

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for variable in ["CHANCERY_SERVER__LISTEN", "CHANCERY_SERVER__OPS_LISTEN"] {
        fails(&[(variable, &address)], &address);
        nobody_runs(variable);
    }

    fails(&[("CHANCERY_DATABASE__URL", "postgresql:///chancery?host=/nowhere")], "error: PostgreSQL");
    nobody_runs("PostgreSQL is elsewhere and away");
    fails(&[("CHANCERY_NATS_SERVER", "/nowhere/nats-server"), ("PATH", "/nowhere")], "nats-server");
    nobody_runs("there is no NATS");

    let control = installation.data_dir().join("postgresql/global/pg_control");
    let kept = fs::read(&control).unwrap();
    fs::write(&control, b"").unwrap();
    fails(&[], "PostgreSQL did not start");
    nobody_runs("PostgreSQL is broken");
    fs::write(&control, kept).unwrap();
    installation.start().await;
}

#[tokio::test]
async fn a_private_server_that_dies_is_started_again() {
    let installation = Installation::up().await;
    let (postgres, nats) = server_pids(&installation);
    for pid in [postgres, nats] {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    }
    for _ in 0..600 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let files =
            ["postgresql/postmaster.pid", "nats/nats.pid"].map(|file| installation.data_dir().join(file));
        if files.iter().all(|file| file.exists()) {
            let (new_postgres, new_nats) = server_pids(&installation);
            if new_postgres != postgres && new_nats != nats && is_alive(new_postgres) && is_alive(new_nats) {
                return;
            }
        }
    }
    panic!("they were not started again:\n{}", installation.logs());
}

#[tokio::test]
async fn the_command_line_gets_a_context_that_only_its_owner_reads() {
    let installation = Installation::up().await;
    let file = installation.data_dir().join("config/chancery/contexts.toml");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let contexts = fs::read_to_string(&file).unwrap();
    assert!(
        contexts.contains("current = \"local\"") && contexts.contains(&installation.token()),
        "{contexts}"
    );
    // Neither the greeting nor the log holds the token: both may end in files that others read (K-5).
    assert!(!installation.logs().contains(&installation.token()));
    assert!(installation.logs().contains(&installation.address()));
}

#[tokio::test]
async fn a_repeated_migrate_changes_nothing_and_serve_refuses_without_servers() {
    let installation = Installation::up().await;
    for _ in 0..2 {
        let migrated = run(&installation, &["migrate"]);
        assert!(migrated.status.success(), "{}", text(&migrated.stderr));
    }
    let serve = run(&installation, &["serve", "signer"]);
    assert_eq!(serve.status.code(), Some(2));
    assert!(text(&serve.stderr).contains("set database.url and bus.url"), "{}", text(&serve.stderr));
}

#[tokio::test]
async fn each_service_runs_as_a_process_of_its_own() {
    let mut installation = Installation::serve().await;
    installation.kill_service(contracts::Service::Signer);
    installation.start().await;
    installation.stop().await;
}

#[test]
fn a_wrong_configuration_is_told_with_file_line_key_and_nearest_name() {
    let folder = testkit::Folder::new();
    let file = folder.path().join("chancery.toml");
    for (text_of_it, words) in [
        (
            "[server]\nlistn = \"127.0.0.1:1\"\n",
            "2: server.listn: unknown key; did you mean 'server.listen'?",
        ),
        ("\n[databse]\nurl = \"x\"\n", "2: databse: unknown key; did you mean 'database'?"),
        (
            "[database]\n\npool_size = \"many\"\n",
            "3: database.pool_size: expected a whole number from 1 to 1000, found 'many'",
        ),
        ("[server]\nproduction = 1\n", "2: server.production: expected true or false, found the number 1"),
        (
            "[keystore]\npassphrase_file = \"/nowhere\"\n",
            "2: keystore.passphrase_file: /nowhere cannot be read: No such file or directory (os error 2)",
        ),
    ] {
        fs::write(&file, text_of_it).unwrap();
        let expected = format!("error[configuration]: {}:{words}\n", file.display());
        for arguments in [&["config", "check"][..], &["config", "print"], &["up"], &["serve", "signer"]] {
            assert_eq!(with_configuration(arguments, &file), (Some(2), String::new(), expected.clone()));
        }
    }
    let missing = folder.path().join("missing.toml");
    for (unreadable, why) in [
        (missing.as_path(), "No such file or directory (os error 2)"),
        (folder.path(), "Is a directory (os error 21)"),
    ] {
        let expected = format!("error[configuration]: {}: cannot be read: {why}\n", unreadable.display());
        assert_eq!(with_configuration(&["up"], unreadable), (Some(2), String::new(), expected));
    }
}

#[test]
fn a_printed_configuration_shows_no_secret() {
    let folder = testkit::Folder::new();
    let file = folder.path().join("chancery.toml");
    let [passphrase, key] = ["correct horse battery staple", &"5e".repeat(32)].map(str::to_owned);
    for (provider, name, secret) in
        [("passphrase", "passphrase", &passphrase), ("environment", "master_key", &key)]
    {
        fs::write(&file, format!("[keystore]\nprovider = \"{provider}\"\n{name} = \"{secret}\"\n")).unwrap();
        let (code, printed, said) = with_configuration(&["config", "print"], &file);
        assert_eq!((code, &*said), (Some(0), ""));
        let line = printed.lines().find(|line| line.contains(&format!("{name} ="))).unwrap();
        assert!(line.contains("[redacted]") && !printed.contains(secret.as_str()), "{printed}");
    }
}

/// Exit code, standard output and standard error of `chancery` with this configuration.
fn with_configuration(arguments: &[&str], file: &Path) -> (Option<i32>, String, String) {
    let mut command = std::process::Command::new(testkit::environment::program("chancery"));
    let output = command.args(arguments).arg("--config").arg(file).output().unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}
