//! A folder of a test's own.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::guard::Guard;

/// A temporary folder that PostgreSQL's user may enter; gone with all that runs on it when dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    pub(crate) guard: Guard,
}

impl Folder {
    /// Makes one. Its path is short enough for Unix sockets in it.
    #[must_use]
    pub fn new() -> Self {
        let path =
            tempfile::Builder::new().prefix("chancery-").tempdir_in("/tmp").expect("/tmp is writable").keep();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("the folder is ours");
        Self { guard: Guard::over(&path), path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}
