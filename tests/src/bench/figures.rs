//! Figures of the benchmarks: percentiles, CPU time of processes, the time a disk needs to sync.

use std::{
    fs,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

/// Times of many calls.
#[derive(Clone, Debug, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Adds times.
    pub fn extend(&mut self, times: impl IntoIterator<Item = Duration>) {
        self.0.extend(times);
    }

    /// The time that `share` (0.5, 0.99) of the calls did not exceed.
    pub fn percentile(&mut self, share: f64) -> Duration {
        self.0.sort_unstable();
        // The index is within the list because `share` is at most 1.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let index = ((self.0.len() as f64 * share).ceil() as usize).clamp(1, self.0.len().max(1)) - 1;
        self.0.get(index).copied().unwrap_or_default()
    }
}

/// CPU seconds (user and system) that the processes whose command line holds one of `names` have used so far, and
/// those of their children that have ended.
pub fn cpu_seconds(names: &[&str]) -> f64 {
    processes(names).iter().map(|pid| cpu_of(*pid)).sum()
}

/// Resident memory of one process in MiB.
#[must_use]
pub fn resident_mib(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}

/// Processes whose command line holds one of `names`.
pub fn processes(names: &[&str]) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return vec![] };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            let command =
                fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default().replace('\0', " ");
            names.iter().any(|name| command.contains(name))
        })
        .collect()
}

fn cpu_of(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // After the name in parentheses: state is field 3, utime 14, stime 15, cutime 16, cstime 17.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 =
        after.split_whitespace().skip(11).take(4).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / 100.0 // USER_HZ, 100 on every Linux
}

/// Median time of a 4 KiB write with `fdatasync` in `folder`.
pub fn sync_time(folder: &Path) -> std::io::Result<Duration> {
    let file = folder.join("sync-time");
    let mut times = Latencies::default();
    let mut writer = fs::File::create(&file)?;
    for _ in 0..100 {
        let began = Instant::now();
        writer.write_all(&[0; 4096])?;
        writer.sync_data()?;
        times.extend([began.elapsed()]);
    }
    fs::remove_file(file)?;
    Ok(times.percentile(0.5))
}
