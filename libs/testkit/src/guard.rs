//! Cleans up after a test, however it ends.
//!
//! A shell waits at a pipe that only this process holds open. When the pipe closes, because the guard was dropped or
//! the test was killed, it kills what runs on the folder and removes it.

use std::{
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::Mutex,
};

/// Each line it reads is the whole list of processes to kill; the two servers name themselves in files. Numbers of
/// processes come again, so one counts only while its arguments name the folder.
const SCRIPT: &str = r#"
while read -r line; do pids=$line; done
for file in "$0"/postgresql/postmaster.pid "$0"/nats/nats.pid; do
  pids="$pids $(head -n 1 "$file" 2>/dev/null)"
done
for pid in $pids; do
  grep -qF "$0" "/proc/$pid/cmdline" 2>/dev/null && kill -9 "$pid"
done
for again in 1 2 3 4 5 6 7 8 9; do rm -rf "$0" 2>/dev/null && exit; sleep 0.1; done
"#;

/// Guards a folder and processes.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
    pipe: Mutex<Option<ChildStdin>>,
}

impl Guard {
    pub(crate) fn over(folder: &Path) -> Self {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("/bin/sh runs");
        let pipe = Mutex::new(shell.stdin.take());
        Self { shell, pipe }
    }

    /// These processes, and no others, are to be killed.
    pub(crate) fn watch(&self, pids: &[u32]) {
        let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
        if let Some(pipe) = &mut *self.pipe.lock().expect("no panic while it is held") {
            writeln!(pipe, "{}", pids.join(" ")).expect("the guard reads");
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.pipe.lock().map(|mut pipe| pipe.take()));
        _ = self.shell.wait();
    }
}
