//! The private servers: adopted after their parent was killed, never started twice, stopped in order.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use chancery_testkit::{Servers, environment, servers::Durability};
use runtime::{
    migrate::{MigrateError, SchemaError, ServiceSchema, check, migrate},
    secrets::{ADMIN_ROLE, Secrets},
    servers::{ServerError, nats, nats::Nats, postgres, postgres::Postgres},
};

fn postgres_at(folder: &Path) -> postgres::Options {
    postgres::Options { data_dir: folder.into(), environment: environment::of_test(), settings: vec![] }
}

fn nats_at(folder: &Path) -> nats::Options {
    nats::Options {
        data_dir: folder.into(),
        environment: environment::of_test(),
        sync_always: false,
        port: 0,
    }
}

#[tokio::test]
async fn what_a_killed_parent_left_running_is_adopted() {
    let servers = Servers::start().await;
    let folder = servers.folder.path();
    let postgres = Postgres::start(postgres_at(folder), &servers.secrets).await.unwrap();
    let nats = Nats::start(nats_at(folder), &servers.secrets).await.unwrap();
    assert!(postgres.adopted && nats.adopted);
    assert_eq!((postgres.pid(), nats.pid()), (servers.postgres.pid(), servers.nats.pid()));
    assert_eq!(nats.url(), servers.nats.url());

    postgres.stop().await;
    nats.stop().await;
    assert!(!servers.postgres.is_running() && !servers.nats.is_running());
}

#[tokio::test]
async fn a_server_that_does_not_know_us_is_named_and_left_alone() {
    let servers = Servers::start().await;
    let strangers = Secrets::at(servers.folder.path().join("other-secrets"));
    strangers.make_missing(&runtime::entropy::SystemEntropy).unwrap();
    let refused = Postgres::start(postgres_at(servers.folder.path()), &strangers).await.unwrap_err();
    assert!(
        matches!(refused, ServerError::Foreign { pid, .. } if pid == servers.postgres.pid()),
        "{refused}"
    );
    assert!(servers.postgres.is_running());
}

#[tokio::test]
async fn a_killed_server_is_started_again_with_what_it_knew() {
    let mut servers = Servers::start_with(Durability::Full).await;
    servers
        .admin()
        .await
        .batch_execute("create table kept (n int); insert into kept values (7)")
        .await
        .unwrap();
    let url = servers.nats.url();
    for pid in [servers.postgres.pid(), servers.nats.pid()] {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    }
    while servers.postgres.is_running() || servers.nats.is_running() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    servers.postgres.restart(&servers.secrets).await.unwrap();
    servers.nats.restart(&servers.secrets).await.unwrap();
    assert!(!servers.postgres.adopted && servers.nats.url() == url);
    let row = servers.admin().await.query_one("select n from kept", &[]).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 7);
}

#[tokio::test]
async fn the_cluster_is_private_and_durable() {
    let servers = Servers::start_with(Durability::Full).await;
    let admin = servers.admin().await;
    for (setting, value) in [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("data_sync_retry", "off"),
        ("listen_addresses", ""),
        ("password_encryption", "scram-sha-256"),
    ] {
        let row = admin.query_one("select current_setting($1)", &[&setting]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), value, "{setting}");
    }
    let wrong = servers.endpoint().connect(ADMIN_ROLE, "a guess").await;
    assert!(wrong.is_err());
    let mode = |name: &str| fs::metadata(servers.folder.path().join(name)).unwrap().mode() & 0o777;
    assert_eq!((mode("postgresql"), mode("postgresql-socket"), mode("nats")), (0o700, 0o700, 0o700));
    // Statements that fail may hold values: the server's log has none.
    let failed = admin.batch_execute("select 'chy_not_in_the_log' from nowhere").await;
    assert!(failed.is_err());
    let log = fs::read_to_string(servers.folder.path().join("postgresql.log")).unwrap();
    assert!(!log.contains("chy_not_in_the_log"), "{log}");
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_gets_a_short_one() {
    let servers = Servers::start().await; // for the guard over its folder
    let deep = servers.folder.path().join("a".repeat(90));
    let postgres = Postgres::start(postgres_at(&deep), &servers.secrets).await.unwrap();
    assert!(postgres.url().contains("host=/tmp/chancery-"), "{}", postgres.url());
    let socket = postgres.url().rsplit_once("host=").unwrap().1.to_owned();
    postgres.stop().await;
    fs::remove_dir_all(socket).unwrap();
}

#[tokio::test]
async fn a_repeated_migration_changes_nothing() {
    let schemas = [ServiceSchema {
        service: contracts::Service::Keystore,
        migrations: &["create table safe (n int)", "alter table safe add column m int"],
    }];
    let servers = Servers::migrated(&schemas).await;
    let state = async || {
        let query = "select string_agg(x::text, ' ' order by x::text) from (
            select oid, rolname, rolpassword from pg_authid) x";
        let roles: String = servers.admin().await.query_one(query, &[]).await.unwrap().get(0);
        let query =
            "select string_agg(concat(n.nspname, c.relname, c.relacl, c.relowner, c.oid), ' ' order by c.oid)
            from pg_class c join pg_namespace n on n.oid = relnamespace where n.nspname !~ '^pg_'";
        let tables: String = servers.admin().await.query_one(query, &[]).await.unwrap().get(0);
        (roles, tables)
    };
    let before = state().await;
    migrate(&servers.endpoint(), &servers.secrets, &schemas).await.unwrap();
    assert_eq!(state().await, before);
    let owner = "select tableowner = 'chancery_keystore' from pg_tables where tablename = 'safe'";
    assert!(servers.admin().await.query_one(owner, &[]).await.unwrap().get::<_, bool>(0));
}

#[tokio::test]
async fn a_schema_of_another_version_is_refused_with_what_to_run() {
    let service = contracts::Service::Keystore;
    let knows = |migrations| ServiceSchema { service, migrations };
    let (one, two) =
        (knows(&["create table a (n int)"]), knows(&["create table a (n int)", "create table b (n int)"]));

    let empty = Servers::start().await;
    let nothing = check(&empty.admin().await, &one).await.unwrap_err().to_string();
    assert!(nothing.contains("run `chancery migrate`"), "{nothing}");

    let servers = Servers::migrated(&[one]).await;
    let own = servers.connect(&service.role()).await;
    check(&own, &one).await.unwrap();
    let older = check(&own, &two).await.unwrap_err().to_string();
    assert_eq!(older, "the schema of keystore has version 1, this program needs 2: run `chancery migrate`");
    let newer = check(&own, &knows(&[])).await.unwrap_err();
    assert!(matches!(newer, SchemaError::Newer { found: 1, known: 0, .. }), "{newer}");
    let back = migrate(&servers.endpoint(), &servers.secrets, &[knows(&[])]).await.unwrap_err();
    assert!(matches!(back, MigrateError::Schema(SchemaError::Newer { .. })), "{back}");
    let edited = migrate(&servers.endpoint(), &servers.secrets, &[knows(&["create table a (n bigint)"])])
        .await
        .unwrap_err();
    assert!(matches!(edited, MigrateError::Edited { version: 1, .. }), "{edited}");
}

#[tokio::test]
async fn a_failing_step_leaves_nothing_behind() {
    let servers = Servers::start().await;
    let service = contracts::Service::Signer;
    let broken =
        [ServiceSchema { service, migrations: &["create table a (n int)", "create table b (n wrong)"] }];
    let error = migrate(&servers.endpoint(), &servers.secrets, &broken).await.unwrap_err().to_string();
    assert!(error.starts_with("migration 2 of signer failed:"), "{error}");
    let left = "select count(*) from pg_tables where schemaname = 'signer'";
    assert_eq!(servers.admin().await.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
}
