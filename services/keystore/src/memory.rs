//! Keeping key bytes off the disk (K-4): locked memory, no core dumps, no debugger.

use nix::{
    errno::Errno,
    sys::{
        mman::{MlockAllFlags, mlockall},
        prctl,
        resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit},
    },
    unistd::geteuid,
};

/// Why the memory of this process is not protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// Dumps cannot be turned off.
    #[error("core dumps cannot be turned off")]
    Dumps(#[source] Errno),
    /// The limit would stop the process later, in the middle of its work.
    #[error(
        "at most {0} bytes of memory may be locked; keystore needs LimitMEMLOCK=infinity (ulimit -l unlimited)"
    )]
    Limit(u64),
    /// Locking failed.
    #[error("memory cannot be locked")]
    Lock(#[source] Errno),
}

/// Turns off core dumps, and reading of this process by others of the same user.
pub fn forbid_dumps() -> Result<(), MemoryError> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(MemoryError::Dumps)?;
    prctl::set_dumpable(false).map_err(MemoryError::Dumps)
}

/// Keeps every page of this process, now and later, out of swap.
///
/// Only without a limit: under one, an allocation far later would fail instead of this call.
pub fn lock() -> Result<(), MemoryError> {
    let (_, limit) = getrlimit(Resource::RLIMIT_MEMLOCK).map_err(MemoryError::Lock)?;
    if limit != RLIM_INFINITY && !geteuid().is_root() {
        return Err(MemoryError::Limit(limit));
    }
    setrlimit(Resource::RLIMIT_MEMLOCK, limit, limit).map_err(MemoryError::Lock)?;
    mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE).map_err(MemoryError::Lock)
}

/// Whether pages can be written to a disk: any swap but compressed memory.
#[must_use]
pub fn has_disk_swap() -> bool {
    let swaps = std::fs::read_to_string("/proc/swaps").unwrap_or_default();
    swaps.lines().skip(1).any(|line| !line.starts_with("/dev/zram"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_core_is_dumped() {
        forbid_dumps().unwrap();
        assert_eq!(getrlimit(Resource::RLIMIT_CORE), Ok((0, 0)));
        assert_eq!(prctl::get_dumpable(), Ok(false));
    }
}
