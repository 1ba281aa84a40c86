//! What the kernel knows of this process. Linux only: elsewhere the figures are left out.

use std::fs;

/// Ticks per second of the times in `/proc/self/stat`: fixed at 100 for user space on every Linux architecture we build for
/// (`USER_HZ`, proc(5)).
const TICKS: f64 = 100.0;

/// Resident memory in bytes.
pub(super) fn resident_memory() -> Option<u64> {
    parse_resident(&fs::read_to_string("/proc/self/status").ok()?)
}

/// User and system time in seconds.
pub(super) fn cpu_seconds() -> Option<f64> {
    parse_cpu(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// Open file descriptors.
pub(super) fn open_files() -> Option<u64> {
    // The descriptor this very look needs is not counted.
    let count = fs::read_dir("/proc/self/fd").ok()?.count();
    u64::try_from(count).ok()?.checked_sub(1)
}

fn parse_resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[expect(clippy::cast_precision_loss, reason = "a metric is read to a few digits")]
fn parse_cpu(stat: &str) -> Option<f64> {
    // The second field is the name in parentheses and may hold anything; utime and stime are fields 14 and 15.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_texts_are_read() {
        assert_eq!(parse_resident("Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t1\n"), Some(2 << 20));
        assert_eq!(parse_resident("Name:\tx\n"), None);
        let stat = "1 (a) b) S 0 1 1 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 1 0 1 1 1";
        assert_eq!(parse_cpu(stat), Some(3.0));
        assert_eq!(parse_cpu(""), None);
    }
}
