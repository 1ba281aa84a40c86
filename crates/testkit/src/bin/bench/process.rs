//! Child processes: pinned to a core, their CPU time and memory read from `/proc` (proc(5)), killed at the end.

use std::ffi::OsStr;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::now;

/// Microseconds of one tick: Linux reports CPU time to user space in hundredths of a second, whatever the kernel's HZ.
const TICK_US: u64 = 10_000;
/// A process is at rest when its CPU time stands still this long.
const REST: Duration = Duration::from_millis(400);
/// The longest a process may take to come to rest.
const REST_LIMIT: Duration = Duration::from_secs(30);

/// A child on a core of its own; killed when dropped.
pub(crate) struct Pinned(Child);

/// A command that will run on this core. `taskset` replaces itself by the command, so the process id stays.
pub(crate) fn pinned(core: u32, program: &OsStr) -> Command {
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg(program).stdin(Stdio::null());
    command
}

/// A free port on loopback.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

impl Pinned {
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        Ok(Self(command.spawn().with_context(|| format!("cannot start {:?}", command.get_program()))?))
    }

    /// Has it ended although it should not?
    pub(crate) fn check(&mut self, name: &str) -> Result<()> {
        match self.0.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{name} ended: {status}"),
        }
    }

    /// Asks it to end and waits until it has.
    pub(crate) fn end(mut self) -> Result<()> {
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        let status = self.0.wait()?;
        if status.success() { Ok(()) } else { bail!("a proxy ended: {status}") }
    }

    /// CPU time of it and its children so far, user and system, in microseconds.
    pub(crate) fn cpu_us(&self) -> Result<u64> {
        let mut total = 0;
        for pid in tree(self.0.id())? {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
            // The name in brackets may contain anything; the fields behind it are numbered from 3.
            let fields: Vec<&str> =
                stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
            let ticks = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<u64>().ok());
            total += ticks(14).context("utime")? + ticks(15).context("stime")?;
        }
        Ok(total * TICK_US)
    }

    /// CPU time once nothing is going on any more: what was put off until later counts too.
    pub(crate) fn cpu_us_at_rest(&self) -> Result<u64> {
        let start = now();
        let mut last = self.cpu_us()?;
        loop {
            thread::sleep(REST);
            let cpu = self.cpu_us()?;
            // One tick may be housekeeping.
            if cpu - last <= TICK_US {
                return Ok(cpu);
            }
            if start.elapsed() > REST_LIMIT {
                bail!("a proxy is still busy {REST_LIMIT:?} after its last request");
            }
            last = cpu;
        }
    }

    /// Resident memory of it and its children, in megabytes (10⁶ bytes).
    pub(crate) fn rss_mb(&self) -> Result<f64> {
        let mut total = 0.0;
        for pid in tree(self.0.id())? {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
            let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
            total += kilobytes * 1_024.0 / 1e6;
        }
        Ok(total)
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // Children first: a killed master of nginx would leave its worker behind.
        for pid in tree(self.0.id()).unwrap_or_default().into_iter().rev() {
            let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
            if let Some(pid) = pid {
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
            }
        }
        self.0.wait().ok();
    }
}

/// A process and all that descend from it.
fn tree(root: u32) -> Result<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // A process may end while the list is read.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        parents.extend(parent.map(|parent: u32| (pid, parent)));
    }
    let mut found = vec![root];
    let mut next = 0;
    while next < found.len() {
        let of = found[next];
        found.extend(parents.iter().filter(|(_, parent)| *parent == of).map(|(pid, _)| *pid));
        next += 1;
    }
    Ok(found)
}
