//! Processes that live longer than who started them.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    os::unix::{ffi::OsStrExt as _, fs::OpenOptionsExt as _},
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    process::{Child, Command},
    sync::watch,
    time::{Instant, sleep},
};

use super::{Runner, ServerError};
use crate::config::Environment;

/// A process that was started here or found running.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) pid: i32,
    /// How it ended, for one that was started here.
    ended: Option<watch::Receiver<Option<ExitStatus>>>,
}

impl Process {
    /// A process found running.
    pub(super) const fn found(pid: i32) -> Self {
        Self { pid, ended: None }
    }

    /// Starts `command` as `runner` with an empty environment and in a process group of its own, so that Ctrl-C in
    /// our terminal does not reach it before its turn. What it says is appended to `log`.
    pub(super) fn start(
        mut command: Command,
        runner: &Runner,
        environment: &Environment,
        log: &Path,
    ) -> Result<Self, ServerError> {
        let output = append_to(log)?;
        let copy = output.try_clone().map_err(ServerError::file(log))?;
        clear_environment(&mut command, environment);
        runner.run(&mut command);
        command.process_group(0).current_dir("/").stdin(Stdio::null()).stdout(output).stderr(copy);
        let program = command.as_std().get_program().to_owned();
        let child = command.spawn().map_err(ServerError::file(program))?;
        // A child that was not waited for yet has a number.
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
        let (report, ended) = watch::channel(None);
        tokio::spawn(reap(child, report));
        Ok(Self { pid, ended: Some(ended) })
    }

    /// Whether it still runs. Once it was waited for, its number may be another's.
    pub(super) fn is_running(&self) -> bool {
        let waited_for = self.ended.as_ref().is_some_and(|ended| ended.borrow().is_some());
        !waited_for && is_alive(self.pid)
    }

    /// Sends a signal; one that no longer runs needs none.
    pub(super) fn signal(&self, signal: Signal) {
        if self.is_running() {
            _ = kill(Pid::from_raw(self.pid), signal);
        }
    }

    /// Whether it ends by itself before `patience` is over.
    pub(super) async fn ends_within(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.is_running() && Instant::now() < deadline {
            sleep(Duration::from_millis(20)).await;
        }
        !self.is_running()
    }

    /// Asks it to end by `signal`, and kills it after `patience`.
    pub(super) async fn stop(&self, signal: Signal, patience: Duration) {
        self.signal(signal);
        if !self.ends_within(patience).await {
            self.signal(Signal::SIGKILL);
        }
    }
}

async fn reap(mut child: Child, report: watch::Sender<Option<ExitStatus>>) {
    let status = child.wait().await.unwrap_or_default();
    report.send_replace(Some(status));
}

fn append_to(log: &Path) -> Result<File, ServerError> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(log).map_err(ServerError::file(log))
}

/// A child gets nothing of our environment but what programs need to be found and to run (K-2).
pub(super) fn clear_environment(command: &mut Command, environment: &Environment) {
    command.env_clear().env("LC_ALL", "C").env("TZ", "UTC");
    for name in ["PATH", "LD_LIBRARY_PATH"] {
        if let Some(value) = environment.get(name) {
            command.env(name, value);
        }
    }
}

/// The process named in the first line of a file, if it was started on `folder`: numbers of processes come again.
pub(super) fn named_in(file: &Path, folder: &Path) -> Option<i32> {
    let pid: i32 = fs::read_to_string(file).ok()?.lines().next()?.trim().parse().ok()?;
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let on_folder = arguments
        .split(|byte| *byte == 0)
        .any(|argument| Path::new(OsStr::from_bytes(argument)).starts_with(folder));
    (on_folder && is_alive(pid)).then_some(pid)
}

/// Whether a process runs; one that ended and was not waited for does not.
fn is_alive(pid: i32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    let state = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    !state.is_empty() && !state.starts_with(['Z', 'X'])
}

/// The last lines of a log, for a message.
pub(super) fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    // What children of a killed server say as they go is not the reason why this one did not start.
    let farewell = |line: &&str| line.contains("unexpected postmaster exit");
    let lines: Vec<&str> = text.lines().rev().filter(|line| !farewell(line)).take(8).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
}
