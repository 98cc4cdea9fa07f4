//! The master key in a file: 64 hexadecimal digits that only the keystore's user reads.
//!
//! A new one is written beside it under its own name and is durable before anything refers to it; only a rename puts it
//! into its place, so that at any moment the file is whole and holds one of the two.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use uuid::Uuid;
use zeroize::Zeroizing;

use super::MasterKeyError;
use crate::{SecretBytes, wrapping::KEY};

/// Reads the key. Others may not read the file, and it is ours.
pub(super) fn read(path: &Path) -> Result<SecretBytes, MasterKeyError> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => MasterKeyError::Missing(path.into()),
        _ => MasterKeyError::Unreadable(path.into(), error),
    };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    let (mode, owner, user) = (metadata.mode() & 0o7777, metadata.uid(), nix::unistd::geteuid().as_raw());
    if mode & 0o077 != 0 {
        return Err(MasterKeyError::Open { path: path.into(), mode });
    }
    if owner != user {
        return Err(MasterKeyError::Owner { path: path.into(), owner, user });
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(unreadable)?);
    from_digits(&text, &path.display().to_string())
}

/// Reads 64 hexadecimal digits.
pub(super) fn from_digits(text: &str, place: &str) -> Result<SecretBytes, MasterKeyError> {
    let mut key = Zeroizing::new([0; KEY]);
    hex::decode_to_slice(text.trim(), &mut *key).map_err(|_| MasterKeyError::Content(place.to_owned()))?;
    Ok(SecretBytes::copy_of(&*key))
}

/// Where a new key stands until it is put into its place.
pub(super) fn beside(path: &Path, id: Uuid) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".next-{id}"));
    name.into()
}

/// Writes a new key beside the one in use. It is on the disk when this returns.
pub(super) fn write_beside(path: &Path, id: Uuid, key: &SecretBytes) -> Result<(), MasterKeyError> {
    let digits = Zeroizing::new(format!("{}\n", *Zeroizing::new(hex::encode(key.expose()))));
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside(path, id))?;
        file.write_all(digits.as_bytes())?;
        file.sync_all()?;
        sync_folder(path)
    };
    write().map_err(|error| MasterKeyError::Unwritable(path.into(), error))
}

/// Puts the key beside into its place. What was there is overwritten once no name leads to it any more; a file system
/// that copies what it writes, or a disk that moves it, may keep it all the same.
pub(super) fn replace(path: &Path, id: Uuid) -> Result<(), MasterKeyError> {
    let replace = || {
        let old = OpenOptions::new().write(true).open(path)?;
        fs::rename(beside(path, id), path)?;
        sync_folder(path)?;
        overwrite(&old)
    };
    replace().map_err(|error| MasterKeyError::Unwritable(path.into(), error))
}

/// Overwrites and removes a key beside.
pub(super) fn discard(path: &Path, id: Uuid) -> Result<(), MasterKeyError> {
    let beside = beside(path, id);
    let discard = || {
        overwrite(&OpenOptions::new().write(true).open(&beside)?)?;
        fs::remove_file(&beside)?;
        sync_folder(path)
    };
    match discard() {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(MasterKeyError::Unwritable(path.into(), error))
        }
        _ => Ok(()),
    }
}

fn overwrite(mut file: &File) -> io::Result<()> {
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(0).min(1 << 16);
    file.write_all(&vec![0; length])?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
