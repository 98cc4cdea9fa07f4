//! Every role of PostgreSQL and every user of NATS, on a running installation: outside its row of the one table it
//! fails (S-11), and a service that is denied something says so loudly.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::{collections::BTreeMap, fs, process::Stdio, time::Duration};

use bus::{Bus, BusOptions, User};
use chancery_tests::{
    observed::{admin, jetstream},
    world::eventually,
};
use contracts::{
    Service, Timestamp,
    service::{Row, TABLE},
};
use testkit::{Installation, ports};
use tokio_postgres::Client;
use uuid::Uuid;

const PRIVILEGES: [&str; 5] = ["select", "insert", "update", "delete", "truncate"];
/// What every service may call to read the log. What each may read with it is judged within.
const READING: [&str; 7] = ["read", "read_stream", "read_streams", "level", "head", "outcome", "may_read"];

#[tokio::test]
async fn each_role_reaches_what_its_row_says_and_nothing_else() {
    let installation = Installation::up().await;
    let admin = admin(&installation).await;
    let mut wrong = Vec::new();
    for row in TABLE {
        wrong.extend(tables(&admin, row).await);
        wrong.extend(functions(&admin, row).await);
        let role = connect(&installation, row.service).await;
        wrong.extend(categories(&role, row).await);
        wrong.extend(ways_out(&role, row).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Not only by rights: whoever owns the database is refused too, also where triggers are told to rest.
#[tokio::test]
async fn nobody_updates_deletes_or_truncates_what_is_in_the_log() {
    let installation = Installation::up().await;
    let mut roles = vec![admin(&installation).await, admin(&installation).await];
    roles[1].batch_execute("set session_replication_role = replica").await.unwrap();
    for row in TABLE {
        roles.push(connect(&installation, row.service).await);
    }
    let heads = "select (select count(*) from log.tree_head), (select count(*) from log.tile)";
    eventually("the first tree head is sealed", async || {
        (roles[0].query_one(heads, &[]).await.unwrap().get::<_, i64>(0) > 0).then_some(())
    })
    .await;
    for role in &roles {
        for table in ["event", "event_0_0", "tile", "tree_head"] {
            let statements = [
                format!("update log.{table} set shard = shard"),
                format!("delete from log.{table}"),
                format!("truncate log.{table} cascade"),
            ];
            for statement in statements {
                let done = role.batch_execute(&statement).await;
                assert!(done.is_err_and(|error| is_denied(&error)), "{statement}");
            }
        }
    }
}

/// Every privilege on every table and view that is there.
async fn tables(admin: &Client, row: &Row) -> Vec<String> {
    let sql = "select n.nspname, c.relname, p, has_schema_privilege($1, n.oid, 'usage') and has_table_privilege($1, c.oid, p) \
               from pg_class c join pg_namespace n on n.oid = c.relnamespace, unnest($2::text[]) p \
               where c.relkind in ('r', 'v', 'p', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'";
    let privileges: Vec<_> = PRIVILEGES.iter().map(ToString::to_string).collect();
    let found = admin.query(sql, &[&row.service.role(), &privileges]).await.unwrap();
    assert!(found.len() > 100);
    let wrong = found.iter().filter_map(|found| {
        let (schema, table, privilege): (&str, &str, &str) = (found.get(0), found.get(1), found.get(2));
        let (may, should) = (found.get::<_, bool>(3), may_touch(row, schema, table, privilege));
        (may != should).then(|| format!("{}: {privilege} on {schema}.{table}: {may}", row.service))
    });
    wrong.collect()
}

/// What a role may do with a table, in words of the architecture.
fn may_touch(row: &Row, schema: &str, table: &str, privilege: &str) -> bool {
    let (service, reads) = (row.service, privilege == "select");
    match schema {
        _ if row.projects && (schema == service.as_str() || schema == format!("api_{service}")) => true,
        "log" => match table {
            "epoch" | "installation" | "migration" => reads,
            "event" | "stream" => reads && service == Service::Relay,
            "tile" | "tree_head" => (reads || privilege == "insert") && service == Service::Relay,
            _ => false,
        },
        "api_keystore" if table == "checkpoint_key" && service == Service::Relay => reads,
        _ => reads && schema.starts_with("api_") && service == Service::Gateway,
    }
}

/// Every function that is ours: what an extension brings (pg_trgm compares texts) is everybody's.
async fn functions(admin: &Client, row: &Row) -> Vec<String> {
    let sql = "select n.nspname, p.proname, has_schema_privilege($1, n.oid, 'usage') and has_function_privilege($1, p.oid, 'execute') \
               from pg_proc p join pg_namespace n on n.oid = p.pronamespace \
               where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' \
               and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')";
    let found = admin.query(sql, &[&row.service.role()]).await.unwrap();
    assert!(found.len() > READING.len());
    let wrong = found.iter().filter_map(|found| {
        let (schema, function, may): (&str, &str, bool) = (found.get(0), found.get(1), found.get(2));
        let should = match (schema, function) {
            ("log", "append") => !row.writes.is_empty(),
            ("log", "add_partition" | "sweep_answers") => row.service == Service::Relay,
            ("log", function) => READING.contains(&function),
            (schema, _) => row.projects && schema == row.service.as_str(),
        };
        (may != should).then(|| format!("{}: {schema}.{function}: {may}", row.service))
    });
    wrong.collect()
}

/// Appending to, and reading, every category that somebody writes.
async fn categories(role: &Client, row: &Row) -> Vec<String> {
    let mut wrong = Vec::new();
    for category in TABLE.iter().flat_map(|row| row.writes) {
        let read =
            role.query("select * from log.read(0::smallint, 0, array[$1::text], 1)", &[category]).await;
        let should = row.reads.iter().any(|read| [*category, "*"].contains(read));
        if read.is_ok() != should || read.is_err_and(|error| !is_denied(&error)) {
            wrong.push(format!("{} reads {category}: not {should}", row.service));
        }
        let appended = append(role, category).await;
        let should = row.writes.contains(category);
        if appended.is_ok() != should || appended.is_err_and(|error| !is_denied(&error)) {
            wrong.push(format!("{} appends to {category}: not {should}", row.service));
        }
    }
    wrong
}

/// Appends an event, and takes it back.
async fn append(role: &Client, category: &str) -> Result<(), tokio_postgres::Error> {
    let id = Uuid::from_u128(u128::MAX);
    let sql = format!(
        "begin; select * from log.append(0::smallint, array['{id}'::uuid], array['{category}'], array['{id}'::uuid], array[0], \
         array['{id}'::uuid], array['\\x{zeros}'::bytea], array['{id}'::uuid], array['{id}'::uuid], array['service:test'], \
         array[null], array[1], array['{id}'::uuid], array['{category}.tested'], array[1::smallint], array['{{}}'::json], \
         array[sha256('{{}}')])",
        zeros = "00".repeat(32)
    );
    let appended = role.batch_execute(&sql).await;
    role.batch_execute("rollback").await.unwrap();
    appended
}

/// Becoming somebody else, switching off what guards the log, leaving the database.
async fn ways_out(role: &Client, row: &Row) -> Vec<String> {
    let mut statements: Vec<String> = [
        "set session_replication_role = replica",
        "alter table log.event disable trigger all",
        "create schema mine",
        "create table public.mine (x int)",
        "create table log.mine (x int)",
        "create role mine",
        "create extension dblink",
        "copy log.epoch to program 'true'",
        "select pg_read_file('PG_VERSION')",
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'chancery_admin'",
        "alter system set fsync = off",
        "vacuum full log.event",
    ]
    .map(String::from)
    .into();
    let others = Service::ALL.iter().filter(|service| **service != row.service).map(|service| service.role());
    for other in others.chain(["log_owner".into(), "chancery_admin".into()]) {
        statements.push(format!("set role {other}"));
        statements.push(format!("set session authorization {other}"));
    }
    let mut wrong = Vec::new();
    for statement in statements {
        // `vacuum` only warns where it may not.
        let before = fingerprint(role).await;
        let done = role.batch_execute(&statement).await;
        if done.is_ok() && !statement.starts_with("vacuum") || fingerprint(role).await != before {
            wrong.push(format!("{}: {statement}", row.service));
        }
    }
    wrong
}

/// Who a session is, and how it treats triggers.
async fn fingerprint(role: &Client) -> (String, String) {
    let sql = "select session_user || '/' || current_user, current_setting('session_replication_role')";
    let row = role.query_one(sql, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

fn is_denied(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| code.code() == "42501")
}

#[tokio::test]
async fn each_nats_user_may_what_its_row_says_and_nothing_else() {
    let installation = Installation::up().await;
    let (spoken, heard) = (spoken(), heard());
    let before = sequences(&installation).await;
    let mut kept = Vec::new();
    for user in User::all() {
        let bus = connect_nats(&installation, user).await;
        let (_, silent) = divided(&spoken, user);
        let (_, deaf) = divided(&heard, user);
        // The client keeps 128 events that nobody has looked at yet, and drops what comes then.
        for some in silent.chunks(64) {
            for subject in some {
                bus.client().publish((*subject).to_owned(), "{}".into()).await.unwrap();
            }
            answered(&bus).await;
        }
        let mut subscriptions = Vec::new();
        for subject in &deaf {
            subscriptions.push(bus.client().subscribe((*subject).to_owned()).await.unwrap());
        }
        answered(&bus).await;
        assert_eq!(bus.violations(), (silent.len() + deaf.len()) as u64, "{user}: each is an alarm");
        kept.push((bus, subscriptions));
    }
    assert_eq!(sequences(&installation).await, before, "nothing was written, purged or deleted");

    // The other direction comes last: whoever may delete a stream does.
    for user in User::all() {
        let bus = connect_nats(&installation, user).await;
        let (may_speak, _) = divided(&spoken, user);
        let (may_hear, _) = divided(&heard, user);
        assert!(!may_speak.is_empty() && !may_hear.is_empty(), "{user}");
        let mut subscriptions = Vec::new();
        for subject in may_hear {
            subscriptions.push(bus.client().subscribe(subject.to_owned()).await.unwrap());
        }
        for subject in may_speak {
            bus.client().publish(subject.to_owned(), "{}".into()).await.unwrap();
        }
        answered(&bus).await;
        assert_eq!(bus.violations(), 0, "{user} is denied what is its own");
    }
}

/// Subjects, and who may use them.
type Subjects = BTreeMap<String, Vec<User>>;

/// What a user may use, and what not.
fn divided(subjects: &Subjects, user: User) -> (Vec<&str>, Vec<&str>) {
    subjects.keys().map(String::as_str).partition(|subject| subjects[*subject].contains(&user))
}

fn users(services: &[Service]) -> Vec<User> {
    services.iter().copied().map(User::Service).collect()
}

/// Subjects that are published to.
fn spoken() -> Subjects {
    let nobody = || users(&[]);
    let mut subjects = BTreeMap::from([
        ("log.0.certificate.issued.3".to_owned(), users(&[Service::Relay])),
        ("evt.signer.certificate.issued.x".to_owned(), users(&[Service::Gateway])),
        ("wake.log.0".to_owned(), users(Service::ALL)),
        ("wake.other.0".to_owned(), nobody()),
        ("$JS.API.STREAM.LIST".to_owned(), nobody()),
        ("$JS.API.STREAM.CREATE.MINE".to_owned(), nobody()),
        ("$JS.API.STREAM.INFO.LOG_0".to_owned(), users(Service::ALL)),
        ("$JS.API.STREAM.INFO.CHANCERY_EVENTS".to_owned(), users(&[Service::Gateway])),
        ("$JS.ACK.LOG_0.x.1.1.1.1.0".to_owned(), nobody()),
        ("$JS.ACK.CHANCERY_EVENTS.x.1.1.1.1.0".to_owned(), vec![User::Subscriber]),
        ("$SYS.REQ.SERVER.PING".to_owned(), nobody()),
        ("$SRV.PING".to_owned(), nobody()),
        ("_INBOX.someone.x".to_owned(), nobody()),
    ]);
    for call in ["CREATE", "INFO", "MSG.NEXT", "DELETE"] {
        subjects.insert(format!("$JS.API.CONSUMER.{call}.LOG_0.x"), users(Service::ALL));
        subjects.insert(format!("$JS.API.CONSUMER.{call}.CHANCERY_EVENTS.x"), vec![User::Subscriber]);
    }
    for (stream, writer) in [("LOG_0", Service::Relay), ("CHANCERY_EVENTS", Service::Gateway)] {
        for call in ["CREATE", "UPDATE", "DELETE", "PURGE"] {
            subjects.insert(format!("$JS.API.STREAM.{call}.{stream}"), users(&[writer]));
        }
        subjects.insert(format!("$JS.API.STREAM.MSG.DELETE.{stream}"), nobody());
        subjects.insert(format!("$JS.API.CONSUMER.LIST.{stream}"), nobody());
    }
    for (answerer, name) in TABLE.iter().flat_map(|row| row.commands) {
        let senders = TABLE.iter().filter(|row| row.commands.contains(&(*answerer, *name)));
        let senders: Vec<_> = senders.map(|row| row.service).collect();
        subjects.insert(format!("cmd.{answerer}.v1.{name}"), users(&senders));
        subjects.insert(format!("cmd.{answerer}.v1.{name}.x"), nobody());
    }
    subjects
}

/// Subjects that are subscribed to.
fn heard() -> Subjects {
    let everything = [">", "cmd.>", "log.>", "evt.>", "_INBOX.>", "$JS.>", "$SYS.>", "wake.>"];
    let mut subjects: Subjects =
        everything.iter().map(|subject| ((*subject).to_owned(), users(&[]))).collect();
    for user in User::all() {
        subjects.insert(format!("_INBOX.{user}.>"), vec![user]);
    }
    for row in TABLE {
        let answerer = if row.answers { users(&[row.service]) } else { users(&[]) };
        subjects.insert(format!("cmd.{}.>", row.service), answerer);
    }
    subjects.insert("wake.log.*".to_owned(), users(Service::ALL));
    subjects.insert("$SRV.PING".to_owned(), users(Service::ALL));
    subjects
}

/// Where both streams end.
async fn sequences(installation: &Installation) -> Vec<(u64, u64)> {
    let mut sequences = Vec::new();
    for (writer, name) in [(Service::Relay, "LOG_0"), (Service::Gateway, "CHANCERY_EVENTS")] {
        let stream = jetstream(installation, writer).await.get_stream(name).await.unwrap();
        let state = &stream.cached_info().state;
        sequences.push((state.first_sequence, state.last_sequence));
    }
    sequences
}

/// Waits until the server has dealt with whatever was sent: it answers this, which the user may ask, afterwards.
async fn answered(bus: &Bus) {
    let stream = if bus.user() == User::Subscriber { "CHANCERY_EVENTS" } else { "LOG_0" };
    bus.client().request(format!("$JS.API.CONSUMER.INFO.{stream}.x"), "".into()).await.unwrap();
}

#[tokio::test]
async fn a_service_that_is_denied_a_subject_raises_an_alarm() {
    let mut installation = Installation::serve().await;
    installation.kill_service(Service::Signer);
    // It takes itself for the signer, and NATS takes it for the inventory.
    let secrets = installation.data_dir().join("secrets");
    fs::copy(secrets.join("nats-inventory.nk"), secrets.join("nats-signer.nk")).unwrap();
    let [operations] = ports::free();
    let log = installation.data_dir().join("impostor.log");
    let mut impostor = installation.command(&["serve", "signer"]);
    impostor.env("CHANCERY_SERVER__OPS_LISTEN", operations.to_string()).stdin(Stdio::null());
    impostor.stdout(Stdio::null()).stderr(fs::File::create(&log).unwrap());
    let mut impostor = impostor.spawn().unwrap();

    let alarm = async {
        loop {
            let shown = metrics(operations).await;
            let counted = shown.lines().find(|line| {
                line.starts_with("chancery_bus_permission_violations_total") && !line.ends_with(" 0")
            });
            if counted.is_some() && fs::read_to_string(&log).unwrap().contains("NATS denied a subject") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let raised = tokio::time::timeout(Duration::from_secs(60), alarm).await;
    impostor.kill().unwrap();
    impostor.wait().unwrap();
    assert!(raised.is_ok(), "{}", fs::read_to_string(&log).unwrap());
}

/// What Prometheus would read; nothing while nobody listens.
async fn metrics(operations: std::net::SocketAddr) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let Ok(mut stream) = tokio::net::TcpStream::connect(operations).await else { return String::new() };
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    let mut text = String::new();
    _ = stream.read_to_string(&mut text).await;
    text
}

async fn connect(installation: &Installation, service: Service) -> Client {
    let role = service.role();
    let password = installation.secrets().database_password(&role).unwrap();
    installation.endpoint().connect(&role, &password).await.unwrap()
}

async fn connect_nats(installation: &Installation, user: User) -> Bus {
    let seed = installation.secrets().nats_seed(user).unwrap();
    let now = || Timestamp::from_unix(1_790_000_000);
    let bus = Bus::connect(BusOptions::new(installation.nats_url(), user, seed.reveal().to_owned(), now));
    let bus = bus.await.unwrap();
    bus.connected().wait_for(|up| *up).await.unwrap();
    bus
}
