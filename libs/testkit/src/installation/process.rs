//! One process of an installation.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::time::{Instant, sleep};

#[derive(Debug)]
pub(super) struct Process {
    child: Child,
}

impl Process {
    /// Starts it; what it prints is appended to `log`.
    pub(super) fn start(mut command: Command, log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log).expect("the folder is ours");
        let copy = log.try_clone().expect("a file can be shared");
        let child = command.stdin(Stdio::null()).stdout(log).stderr(copy).spawn().expect("chancery runs");
        Self { child }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn is_running(&mut self) -> bool {
        self.ended().is_none()
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    pub(super) fn signal(&self, signal: Signal) {
        _ = kill(Pid::from_raw(i32::try_from(self.pid()).expect("numbers of processes are small")), signal);
    }

    pub(super) fn kill(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }

    /// Waits until it has written `file`.
    pub(super) async fn wait_for(&mut self, file: &Path, log: &Path, patience: Duration) {
        let deadline = Instant::now() + patience;
        while !file.exists() {
            if let Some(status) = self.ended() {
                panic!("chancery ended before it was ready ({status}):\n{}", tail(log));
            }
            assert!(Instant::now() < deadline, "chancery was not ready in time:\n{}", tail(log));
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until it has written `file`, or has ended.
    pub(super) async fn wait_for_either(&mut self, file: &Path, log: &Path, patience: Duration) {
        let deadline = Instant::now() + patience;
        while !file.exists() && self.is_running() {
            assert!(Instant::now() < deadline, "chancery was not ready in time:\n{}", tail(log));
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until it has ended.
    pub(super) async fn has_ended(&mut self, log: &Path, patience: Duration) -> ExitStatus {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(Instant::now() < deadline, "chancery did not stop in time:\n{}", tail(log));
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until it has ended, with 0.
    pub(super) async fn ends_well(&mut self, log: &Path, patience: Duration) {
        let status = self.has_ended(log, patience).await;
        assert!(status.success(), "chancery stopped with {status}:\n{}", tail(log));
    }
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(40).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
