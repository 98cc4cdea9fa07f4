//! The log's tables against those who would change them, and migration.

mod support;

use chancery_eventlog::{
    Expected, ReadError,
    schema::{self, MigrateError, roles_sql, service_schemas_sql},
};
use contracts::Service;
use support::{
    events::{append, fresh, single},
    postgres::Postgres,
};

#[tokio::test]
async fn nobody_changes_what_is_recorded() {
    let postgres = Postgres::start().await;
    postgres.appender(Service::Directory).append(single()).await.unwrap();
    let changes = [
        "update log.event set actor = 'x'",
        "delete from log.event",
        "truncate log.event",
        "update log.event_0_0 set actor = 'x'",
        "delete from log.event_0_0",
        "truncate log.event_0_0",
        "truncate log.event_0_20000000",
        "insert into log.event select * from log.event",
    ];
    let mut roles: Vec<String> = Service::ALL.iter().map(|service| service.role()).collect();
    roles.push("chancery_admin".into());
    for role in &roles {
        let client = postgres.connect(role).await;
        for change in changes {
            let refused = client.batch_execute(change).await.unwrap_err();
            // 42501: no privilege. chancery_admin, a member of the owner, meets the trigger or the primary key.
            let code = refused.code().unwrap().code().to_owned();
            assert!(
                code == "42501" || role == "chancery_admin" && code == "23505",
                "{role}: {change}: {code}"
            );
        }
    }
    // A superuser meets the triggers, whatever the replication role.
    let admin = postgres.admin().await;
    for setting in ["origin", "replica"] {
        admin.batch_execute(&format!("set session_replication_role = {setting}")).await.unwrap();
        for change in &changes[..7] {
            let refused = admin.batch_execute(change).await.unwrap_err();
            assert_eq!(refused.code().unwrap().code(), "42501", "{setting}: {change}");
        }
        for table in ["tile", "tree_head"] {
            for change in ["update log.# set shard = 1", "delete from log.#", "truncate log.#"] {
                let refused = admin.batch_execute(&change.replace('#', table)).await.unwrap_err();
                assert_eq!(refused.code().unwrap().code(), "42501", "{setting}: {change} {table}");
            }
        }
    }
    assert_eq!(postgres.reader().head().await.unwrap(), 1);
}

#[tokio::test]
async fn a_service_reads_only_its_categories() {
    let postgres = Postgres::start().await;
    let stream = fresh();
    postgres.appender(Service::Directory).append(append(stream, Expected::Version(0), 2)).await.unwrap();
    let keystore = chancery_eventlog::Reader::new(postgres.pool(Service::Keystore));
    assert_eq!(keystore.read(0, Some(&["organization"]), 10).await.unwrap().len(), 2);
    assert_eq!(keystore.read_stream(stream, 1).await.unwrap().len(), 1);
    assert_eq!(keystore.read_streams(&[stream, fresh()]).await.unwrap().len(), 2);
    assert_eq!(keystore.head().await.unwrap(), 2);
    assert_eq!(keystore.epoch().await.unwrap(), 1);
    assert!(!keystore.level(0, 2, &["organization"]).await.unwrap());
    assert!(keystore.level(2, 2, &["organization"]).await.unwrap());
    assert!(keystore.level(0, 2, &["key"]).await.unwrap());
    let denied = |result: Result<Vec<_>, ReadError>| match result {
        Err(ReadError::Database(error)) => error.code().unwrap().code() == "42501",
        _ => false,
    };
    assert!(denied(keystore.read(0, None, 10).await));
    assert!(denied(keystore.read(0, Some(&["organization", "denial"]), 10).await));
    let admin = postgres.admin().await;
    admin
        .execute("delete from log.reader where category = 'organization' and role = 'chancery_keystore'", &[])
        .await
        .unwrap();
    assert!(denied(keystore.read_stream(stream, 0).await));
    assert!(denied(keystore.read_streams(&[stream]).await));
}

#[tokio::test]
async fn a_repeated_migration_changes_nothing() {
    let postgres = Postgres::start().await;
    let admin = postgres.admin().await;
    let state = "select string_agg(t::text, ';' order by t::text) from (
        select (version, sha256, at)::text from log.migration union all select (role, category, xmin)::text from log.writer
        union all select (proname, proacl, xmin)::text from pg_proc where pronamespace = 'log'::regnamespace
        union all select (relname, relacl, xmin)::text from pg_class where relnamespace = 'log'::regnamespace) t(t)";
    let before: String = admin.query_one(state, &[]).await.unwrap().get(0);
    admin.batch_execute(&roles_sql()).await.unwrap();
    schema::migrate(&admin).await.unwrap();
    schema::migrate(&postgres.connect("chancery_admin").await).await.unwrap();
    let after: String = admin.query_one(state, &[]).await.unwrap().get(0);
    assert_eq!(before, after);
}

#[tokio::test]
async fn chancery_admin_migrates_an_empty_database_without_being_superuser() {
    let postgres = Postgres::start().await;
    let admin = postgres.admin().await;
    admin.batch_execute("drop schema log cascade").await.unwrap();
    let migrator = postgres.connect("chancery_admin").await;
    schema::migrate(&migrator).await.unwrap();
    for service in Service::ALL {
        for _ in 0..2 {
            migrator.batch_execute(&service_schemas_sql(*service)).await.unwrap();
        }
    }
    postgres.appender(Service::Directory).append(single()).await.unwrap();
    let signer = postgres.connect("chancery_signer").await;
    signer.batch_execute("create view api_signer.answer as select 42 as answer").await.unwrap();
    let gateway = postgres.connect("chancery_gateway").await;
    let row = gateway.query_one("select answer from api_signer.answer", &[]).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 42);
    assert!(gateway.batch_execute("create table signer.mine (id int)").await.is_err());
}

#[tokio::test]
async fn a_newer_or_an_edited_schema_is_refused() {
    let postgres = Postgres::start().await;
    let admin = postgres.admin().await;
    admin.batch_execute("insert into log.migration values (999, 'later', '')").await.unwrap();
    assert!(matches!(schema::migrate(&admin).await, Err(MigrateError::Newer { found: 999, .. })));
    admin.batch_execute("delete from log.migration where version = 999").await.unwrap();
    admin.batch_execute("update log.migration set sha256 = '' where version = 2").await.unwrap();
    assert!(matches!(schema::migrate(&admin).await, Err(MigrateError::Edited { name: "0002_append_only" })));
}
