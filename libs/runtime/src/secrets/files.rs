//! Files that only their owner reads, written whole or not at all.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use zeroize::Zeroizing;

use super::SecretError;

/// Makes a folder 0700 (and what is missing above it), or closes one that exists to others.
pub(super) fn private_folder(folder: &Path) -> Result<(), SecretError> {
    let fail = |reason| SecretError::File { path: folder.into(), reason };
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).map_err(fail)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(fail(error)),
        _ => fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(fail),
    }
}

/// Writes a file 0600 unless it exists: beside it first, synced, then linked to its name, which fails when another
/// process was faster. So the file is whole whenever it is there, and never replaced.
pub(super) fn make_once(
    path: &Path,
    content: impl FnOnce() -> io::Result<Zeroizing<String>>,
) -> Result<(), SecretError> {
    let fail = |reason| SecretError::File { path: path.into(), reason };
    if path.try_exists().map_err(fail)? {
        return Ok(());
    }
    let draft = draft_beside(path);
    let written = (|| {
        let text = content()?;
        write_private(&draft, text.as_bytes())?;
        match fs::hard_link(&draft, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    })();
    _ = fs::remove_file(&draft);
    written.and_then(|()| sync_folder(path)).map_err(fail)
}

/// A name that no other process or thread uses.
fn draft_beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    path.with_extension(format!("draft-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)))
}

fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.write_all(b"\n")?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Reads a file, which nobody but its owner (and a group that may only read) may open.
pub(super) fn read(path: &Path) -> Result<Zeroizing<String>, SecretError> {
    let fail = |reason| SecretError::File { path: path.into(), reason };
    let mode = fs::metadata(path).map_err(fail)?.mode() & 0o7777;
    if mode & 0o027 != 0 {
        return Err(SecretError::Open { path: path.into(), mode });
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(fail)?);
    Ok(Zeroizing::new(text.trim_end().to_owned()))
}
