//! `chancery log verify`: a sound log is called sound; a superuser's edit of one byte is named.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::process::Output;

use testkit::Installation;

fn verify(installation: &Installation, arguments: &[&str]) -> Output {
    installation.command(&[&["log", "verify"], arguments].concat()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits until every event is sealed, so that every row can be compared.
async fn sealed(admin: &tokio_postgres::Client) {
    let query = "select (select max(size) from log.tree_head) = (select max(position) from log.event)";
    for _ in 0..300 {
        if admin.query_one(query, &[]).await.unwrap().get::<_, Option<bool>>(0) == Some(true) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the log was not sealed");
}

#[tokio::test]
async fn one_byte_changed_by_a_superuser_is_named_online_and_in_a_dump() {
    let installation = Installation::up().await;
    let password = installation.secrets().database_password(runtime::secrets::ADMIN_ROLE).unwrap();
    let admin = installation.endpoint().connect(runtime::secrets::ADMIN_ROLE, &password).await.unwrap();
    sealed(&admin).await;

    let sound = verify(&installation, &[]);
    assert!(sound.status.success(), "{}{}", text(&sound.stdout), text(&sound.stderr));
    assert!(text(&sound.stdout).starts_with("The log is sound: "), "{}", text(&sound.stdout));

    // Nobody may change a row; a superuser who takes the guards away can.
    let refused =
        admin.execute("update log.event set actor = 'service:signer' where position = 2", &[]).await;
    assert!(refused.is_err());
    let change = "set session_replication_role = replica;
        alter table log.event_0_0 disable trigger all;
        update log.event set actor = 'service:signer' where position = 2";
    admin.batch_execute(change).await.unwrap();

    let altered = verify(&installation, &[]);
    assert_eq!(altered.status.code(), Some(10), "{}", text(&altered.stderr));
    assert!(text(&altered.stdout).contains("event 2"), "{}", text(&altered.stdout));

    let dump = installation.data_dir().join("log.sql");
    let socket = installation.data_dir().join("postgresql-socket");
    let dumped = std::process::Command::new(testkit::environment::postgres_program("pg_dump"))
        .args(["--schema=log", "--dbname=chancery", "--username", runtime::secrets::ADMIN_ROLE, "--host"])
        .arg(socket)
        .arg("--file")
        .arg(&dump)
        .env("PGPASSWORD", password)
        .output()
        .unwrap();
    assert!(dumped.status.success(), "{}", text(&dumped.stderr));
    let altered = verify(&installation, &["--dump", dump.to_str().unwrap()]);
    assert_eq!(altered.status.code(), Some(10), "{}", text(&altered.stderr));
    assert!(text(&altered.stdout).contains("event 2"), "{}", text(&altered.stdout));
}

#[tokio::test]
async fn a_rebuilt_read_model_takes_the_place_of_the_live_one() {
    let installation = Installation::up().await;
    let rebuilt = installation.command(&["rebuild", "all"]).output().unwrap();
    assert!(rebuilt.status.success(), "{}", text(&rebuilt.stderr));
    assert!(text(&rebuilt.stdout).contains("directory was built again"), "{}", text(&rebuilt.stdout));
    let unknown = installation.command(&["rebuild", "wombats"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        text(&unknown.stderr).contains("there is no projection 'wombats'; there are: "),
        "{}",
        text(&unknown.stderr)
    );
}
