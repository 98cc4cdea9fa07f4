//! The files of CAs and CRLs, read again when they change.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use runtime::{error::words, health::Dependency};
use rustls::DistinguishedName;
use tokio_util::sync::CancellationToken;

use super::trust::{Refused, Trust, TrustError};

/// How often it is looked whether a file changed: CRLs come anew all the time.
const ROUND: Duration = Duration::from_secs(5);

/// The files, and the trust they give.
#[derive(Debug)]
pub struct TrustFiles {
    authorities: Option<PathBuf>,
    crls: Option<PathBuf>,
    current: ArcSwap<Result<Trust, String>>,
    seen: parking_lot::Mutex<Option<Seen>>,
}

/// What tells a file from what it was: when it was written and how long it is. `None`: it cannot be read.
type Seen = [Option<(SystemTime, u64)>; 2];

/// A file that nothing can be trusted by.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("{key} is not given")]
    Missing { key: &'static str },
    #[error("{key}: cannot read {}", path.display())]
    Io {
        key: &'static str,
        path: PathBuf,
        #[source]
        reason: io::Error,
    },
    #[error("{key}: {} cannot be used", path.display())]
    Content {
        key: &'static str,
        path: PathBuf,
        #[source]
        reason: TrustError,
    },
}

impl TrustFiles {
    /// Files that were not read yet: nothing is trusted.
    #[must_use]
    pub fn new(authorities: Option<PathBuf>, crls: Option<PathBuf>) -> Self {
        let current = ArcSwap::from_pointee(Err("the files were not read yet".to_owned()));
        Self { authorities, crls, current, seen: parking_lot::Mutex::default() }
    }

    /// What is trusted now.
    pub fn current(&self) -> Result<Trust, Refused> {
        (**self.current.load()).clone().map_err(Refused::Untrusted)
    }

    /// The names of the CAs that are trusted now.
    #[must_use]
    pub fn names(&self) -> Vec<DistinguishedName> {
        self.current().map(|trust| trust.names().to_vec()).unwrap_or_default()
    }

    /// Reads the files if they changed. What cannot be read is not replaced by what was: then nothing is trusted.
    pub fn read(&self, state: &Dependency) {
        let now = [self.authorities.as_deref(), self.crls.as_deref()].map(|file| file.and_then(stamp));
        let before = self.seen.lock().replace(now);
        if before == Some(now) {
            return;
        }
        let trust = self.load().map_err(|error| words(&error));
        match &trust {
            Ok(_) => state.set_ready(),
            Err(reason) => state.set_failing(format!("no client certificate counts: {reason}")),
        }
        self.current.store(Arc::new(trust));
    }

    /// Reads them again whenever they change, until told to stop.
    pub async fn keep_fresh(self: Arc<Self>, state: Dependency, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(ROUND)).await.is_some() {
            let (files, state) = (self.clone(), state.clone());
            _ = tokio::task::spawn_blocking(move || files.read(&state)).await;
        }
    }

    fn load(&self) -> Result<Trust, FileError> {
        let key = "auth.client_ca_file";
        let path = self.authorities.as_deref().ok_or(FileError::Missing { key })?;
        let roots = Trust::read_authorities(&open(key, path)?).map_err(content(key, path))?;
        let Some(file) = self.crls.as_deref() else {
            return Trust::new(roots, None).map_err(content(key, path));
        };
        let key = "auth.client_crl_file";
        let crls = Trust::read_crls(&open(key, file)?).map_err(content(key, file))?;
        Trust::new(roots, Some(crls)).map_err(content(key, file))
    }
}

fn open(key: &'static str, path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(|reason| FileError::Io { key, path: path.into(), reason })
}

fn content(key: &'static str, path: &Path) -> impl FnOnce(TrustError) -> FileError {
    move |reason| FileError::Content { key, path: path.into(), reason }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
