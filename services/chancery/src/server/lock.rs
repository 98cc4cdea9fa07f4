//! One `up` per data folder: the lock names who has it.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::Duration,
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};

use super::failure::Failure;

/// The lock, held until dropped: also by a kill.
#[derive(Debug)]
pub(super) struct Lock {
    _file: Flock<File>,
}

/// Who holds the lock.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Holder {
    /// Its process.
    pub(super) pid: u32,
    /// Its address.
    pub(super) address: String,
}

/// What came of trying.
#[derive(Debug)]
pub(super) enum Attempt {
    /// It is ours.
    Ours(Lock),
    /// Another has it.
    Theirs(Holder),
}

impl Lock {
    /// Takes the lock of a data folder, or says who has it.
    pub(super) async fn take(data_dir: &Path, address: &str) -> Result<Attempt, Failure> {
        let path = data_dir.join("chancery.lock");
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o644);
        let file = options.open(&path).map_err(Failure::file(&path))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut file) => {
                file.set_len(0)
                    .and_then(|()| write!(file, "{}\n{address}\n", std::process::id()))
                    .map_err(Failure::file(&path))?;
                Ok(Attempt::Ours(Self { _file: file }))
            }
            Err((mut file, Errno::EWOULDBLOCK)) => loop {
                // Whoever has it writes within a moment.
                if let Some(holder) = read(&mut file) {
                    return Ok(Attempt::Theirs(holder));
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            },
            Err((_, error)) => Err(Failure::Other(format!("{}: {error}", path.display()))),
        }
    }
}

fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).ok()?;
    let (pid, rest) = text.split_once('\n')?;
    Some(Holder { pid: pid.parse().ok()?, address: rest.strip_suffix('\n')?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_learns_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path(), "https://localhost:8443").await.unwrap();
        let Attempt::Theirs(holder) = Lock::take(folder.path(), "https://other").await.unwrap() else {
            panic!("both have it");
        };
        assert_eq!(holder, Holder { pid: std::process::id(), address: "https://localhost:8443".into() });
        drop(first);
        assert!(matches!(Lock::take(folder.path(), "https://other").await.unwrap(), Attempt::Ours(_)));
    }
}
