//! As whom a private server runs: ourselves, or an unprivileged user when we are root.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
};

use nix::unistd::{Gid, Uid, User, getegid, geteuid};

use super::ServerError;

/// The user of a server's process.
#[derive(Clone, Debug)]
pub struct Runner {
    /// Its name, for messages.
    pub name: String,
    uid: Uid,
    gid: Gid,
}

impl Runner {
    /// Root's servers run as `postgres`, else `nobody`; anybody else's as themselves.
    #[must_use]
    pub fn choose() -> Self {
        if geteuid().is_root() {
            let known =
                ["postgres", "nobody"].into_iter().find_map(|name| User::from_name(name).ok().flatten());
            if let Some(user) = known {
                return Self { name: user.name, uid: user.uid, gid: user.gid };
            }
        }
        let name =
            User::from_uid(geteuid()).ok().flatten().map_or_else(|| geteuid().to_string(), |user| user.name);
        Self { name, uid: geteuid(), gid: getegid() }
    }

    /// Whether it is not the user of this process.
    #[must_use]
    pub fn is_other(&self) -> bool {
        self.uid != geteuid()
    }

    /// Makes `command` run as this user.
    pub(super) fn run(&self, command: &mut tokio::process::Command) {
        if self.is_other() {
            command.uid(self.uid.as_raw()).gid(self.gid.as_raw());
        }
    }

    /// Makes a folder that is this user's alone (0700), or refuses one that is another's.
    pub(super) fn own_folder(&self, folder: &Path) -> Result<(), ServerError> {
        fs::create_dir_all(folder).map_err(ServerError::file(folder))?;
        self.own(folder, 0o700)
    }

    /// Gives a file or folder to this user.
    pub(super) fn own(&self, path: &Path, mode: u32) -> Result<(), ServerError> {
        let fail = |reason| ServerError::File { path: path.into(), reason };
        let metadata = fs::symlink_metadata(path).map_err(fail)?;
        if metadata.is_symlink() {
            return Err(fail(io::Error::other("is a symbolic link")));
        }
        if metadata.uid() != self.uid.as_raw() {
            if !geteuid().is_root() {
                return Err(fail(io::Error::other(format!("belongs to another user than '{}'", self.name))));
            }
            chown(path, Some(self.uid.as_raw()), Some(self.gid.as_raw())).map_err(fail)?;
        }
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(fail)
    }

    /// The first folder above `path` that this user cannot enter.
    pub(super) fn barrier(&self, path: &Path) -> Option<PathBuf> {
        if !self.is_other() {
            return None;
        }
        let mut folders: Vec<&Path> = path.ancestors().skip(1).collect();
        folders.reverse();
        folders
            .into_iter()
            .find(|folder| fs::metadata(folder).is_ok_and(|found| !self.may_enter(&found)))
            .map(Into::into)
    }

    fn may_enter(&self, folder: &fs::Metadata) -> bool {
        let bit = match folder {
            found if found.uid() == self.uid.as_raw() => 0o100,
            found if found.gid() == self.gid.as_raw() => 0o010,
            _ => 0o001,
        };
        folder.mode() & bit != 0
    }
}
