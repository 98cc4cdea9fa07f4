//! PostgreSQL in a temporary directory, on a Unix socket.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use chancery_eventlog::{Appender, Reader, schema};
use contracts::Service;
use deadpool_postgres::{Manager, Pool, Runtime};
use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls};

pub struct Postgres {
    directory: TempDir,
    server: Option<Child>,
    settings: &'static [&'static str],
}

impl Postgres {
    /// A server with an empty log.
    pub async fn start() -> Self {
        Self::start_with(&["fsync=off"]).await
    }

    pub async fn start_with(settings: &'static [&'static str]) -> Self {
        let directory = TempDir::new().unwrap();
        let mut postgres = Self { directory, server: None, settings };
        if let Some((uid, gid)) = owner() {
            std::os::unix::fs::chown(postgres.directory.path(), Some(uid), Some(gid)).unwrap();
        }
        let data = postgres.data();
        let initdb = postgres
            .command("initdb")
            .args(["-U", "postgres", "-A", "trust", "-N", "--locale=C.UTF-8", "-D"])
            .arg(data)
            .output()
            .unwrap();
        assert!(initdb.status.success(), "{}", String::from_utf8_lossy(&initdb.stderr));
        postgres.boot().await;
        let admin = postgres.admin().await;
        admin.batch_execute(&schema::roles_sql()).await.unwrap();
        schema::migrate(&admin).await.unwrap();
        postgres
    }

    /// Starts the server on its data and waits until it answers.
    pub async fn boot(&mut self) {
        _ = fs::remove_file(self.data().join("postmaster.pid"));
        let settings = self.settings.iter().flat_map(|setting| ["-c", setting]);
        let log =
            fs::File::options().create(true).append(true).open(self.directory.path().join("log")).unwrap();
        let server = self
            .command("postgres")
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.directory.path())
            .args(["-c", "listen_addresses="])
            .args(settings)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.server = Some(server);
        for _ in 0..600 {
            if self.config("postgres").connect(NoTls).await.is_ok() {
                return;
            }
            // Backends of a killed server hold its memory for a moment: the new one gives up, try again.
            if self.server.as_mut().is_some_and(|server| server.try_wait().unwrap().is_some()) {
                tokio::time::sleep(Duration::from_millis(200)).await;
                return Box::pin(self.boot()).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!(
            "PostgreSQL did not start: {}",
            fs::read_to_string(self.directory.path().join("log")).unwrap()
        );
    }

    /// `kill -9` of the server.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// Processor time that the server's processes took so far (Linux, 100 ticks a second).
    pub fn processor_time(&self) -> Duration {
        let server = self.server.as_ref().map_or(0, Child::id);
        let of = |entry: fs::DirEntry| -> Option<u64> {
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
            (fields[1] == server.to_string())
                .then_some(fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?)
        };
        let ticks: u64 = fs::read_dir("/proc").unwrap().flatten().filter_map(of).sum();
        Duration::from_millis(ticks * 10)
    }

    pub fn config(&self, user: &str) -> Config {
        let mut config = Config::new();
        config.host_path(self.directory.path()).user(user).dbname("postgres");
        config
    }

    /// A superuser's connection.
    pub async fn admin(&self) -> Client {
        self.connect("postgres").await
    }

    pub async fn connect(&self, user: &str) -> Client {
        let (client, connection) = self.config(user).connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    pub fn pool(&self, service: Service) -> Pool {
        let manager = Manager::new(self.config(&service.role()), NoTls);
        Pool::builder(manager)
            .max_size(8)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(Duration::from_secs(5)))
            .create_timeout(Some(Duration::from_secs(5)))
            .build()
            .unwrap()
    }

    pub fn appender(&self, service: Service) -> Appender {
        Appender::start(self.pool(service), |_| {})
    }

    /// Reads everything.
    pub fn reader(&self) -> Reader {
        Reader::new(self.pool(Service::Relay))
    }

    /// A plain-text dump of the log's schema.
    pub fn dump(&self) -> PathBuf {
        let path = self.directory.path().join("dump.sql");
        let dump = self
            .command("pg_dump")
            .args(["-Fp", "--schema=log", "-U", "postgres", "-d", "postgres", "-h"])
            .arg(self.directory.path())
            .arg("-f")
            .arg(&path)
            .output()
            .unwrap();
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        path
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(binaries().join(program));
        command.current_dir(self.directory.path());
        if let Some((uid, gid)) = owner() {
            command.uid(uid).gid(gid);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The newest PostgreSQL of a Debian-like machine, or whatever is on the path.
fn binaries() -> PathBuf {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = installed.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    newest.map_or_else(PathBuf::new, |version| {
        Path::new("/usr/lib/postgresql").join(version.to_string()).join("bin")
    })
}

/// PostgreSQL refuses to run as root: then the user `postgres` runs it.
fn owner() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| -> u32 {
        let output = Command::new("id").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    };
    (id(&["-u"]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])))
}
