//! Programs of others that tests run: OpenSSL, curl, Python.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use testkit::environment;

/// How a program ended, and what it said.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its exit code; -1 when a signal ended it.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it told people.
    pub stderr: String,
}

impl Ran {
    /// What it printed; panics unless it ended well.
    #[must_use]
    pub fn done(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }

    /// What it printed, as JSON.
    #[must_use]
    pub fn json(self) -> serde_json::Value {
        let text = self.done();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

/// Runs a program to its end; other tasks run on meanwhile.
pub async fn run_with(command: Command, input: &[u8]) -> Ran {
    let bytes = input.to_vec();
    tokio::task::spawn_blocking(move || run(command, &bytes)).await.unwrap()
}

/// Runs a program to its end.
#[must_use]
pub fn run(mut command: Command, input: &[u8]) -> Ran {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap_or_else(
            |error| {
                panic!("{:?} does not run: {error}", command.get_program());
            },
        );
    let (mut pipe, input) = (child.stdin.take().unwrap(), input.to_vec());
    // A program that does not read to the end closes the pipe: that is its business.
    let writer = std::thread::spawn(move || _ = pipe.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Python with the packages of `ops/test-requirements.txt`.
#[must_use]
pub fn python() -> Command {
    Command::new(in_venv("python"))
}

/// Python with the packages of `ops/openid-requirements.txt`.
#[must_use]
pub fn openid_python() -> Command {
    let beside = in_venv("").ancestors().nth(2).map(Path::to_owned).unwrap_or_default();
    Command::new(beside.join("venv-openid/bin/python"))
}

/// A program that one of the packages of `ops/test-requirements.txt` brings.
#[must_use]
pub fn in_venv(program: &str) -> PathBuf {
    let environment = environment::of_test();
    let python =
        environment.get("CHANCERY_TEST_PYTHON").expect("ops/test-tools.sh was run and .private/env read");
    Path::new(python).with_file_name(program)
}
