//! The built gateway as a child process: a directory of its own, a free port, its output kept, killed at the end.
//!
//! The path of the binary comes from the test (`env!("CARGO_BIN_EXE_pathgate")`), so this crate need not depend on it.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::client::Client;

/// How often a state of the child is looked at again while a test waits for it.
const LOOK: Duration = Duration::from_millis(5);

/// What to start. In configuration, arguments and variables `{listen}` stands for the address to listen on and `{dir}` for the directory.
#[derive(Clone, Debug)]
pub struct Launch {
    binary: PathBuf,
    config: Option<String>,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
}

impl Launch {
    /// This binary, without a configuration file.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        Self { binary: binary.into(), config: None, environment: Vec::new(), arguments: Vec::new() }
    }

    /// With this configuration file.
    #[must_use]
    pub fn config(mut self, yaml: &str) -> Self {
        self.config = Some(yaml.to_owned());
        self
    }

    /// With this variable; of its parent's environment the child sees nothing.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this argument behind `serve`.
    #[must_use]
    pub fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Starts it in a fresh directory and waits until it is ready.
    pub async fn start(self) -> Gateway {
        let mut gateway = self.begin();
        gateway.ready().await;
        gateway
    }

    /// Starts it in a fresh directory and waits for nothing.
    #[must_use]
    pub fn begin(self) -> Gateway {
        let dir = tempfile::tempdir().expect("a temporary directory");
        self.spawn(dir, free_address())
    }

    /// Starts it in a fresh directory and waits until it has ended by itself: for configurations that must be refused.
    pub async fn run_to_end(self) -> (ExitStatus, String) {
        let mut gateway = self.begin();
        let status = gateway.exited().await;
        let output = format!("{}{}", gateway.stdout(), gateway.stderr());
        (status, output)
    }

    /// Any command of the binary, in this directory and with its variables only.
    fn command(&self, dir: &Path, address: SocketAddr) -> Command {
        let mut command = Command::new(&self.binary);
        command.env_clear().current_dir(dir).kill_on_drop(true).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, fill(value, address, dir))));
        command
    }

    fn spawn(self, dir: TempDir, address: SocketAddr) -> Gateway {
        let fill = |text: &str| fill(text, address, dir.path());
        let mut command = self.command(dir.path(), address);
        command.arg("serve");
        if let Some(yaml) = &self.config {
            let path = dir.path().join("pathgate.yaml");
            std::fs::write(&path, fill(yaml)).expect("the temporary directory is writable");
            command.arg("--config").arg(path);
        }
        command.args(self.arguments.iter().map(|argument| fill(argument)));
        command.stdout(append(dir.path(), "stdout")).stderr(append(dir.path(), "stderr"));
        let child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.binary.display()));
        Gateway { child, address, dir, launch: self }
    }
}

fn fill(text: &str, address: SocketAddr, dir: &Path) -> String {
    text.replace("{listen}", &address.to_string()).replace("{dir}", &dir.display().to_string())
}

/// Output is appended, so that it outlives a restart.
fn append(dir: &Path, name: &str) -> File {
    let file = File::options().create(true).append(true).open(dir.join(name));
    file.expect("the temporary directory is writable")
}

/// Ports below those that systems give to clients (Linux: from 32768 on), so that no connection takes the port before the
/// child does.
const PORTS: std::ops::Range<u32> = 10_000..32_000;

/// A port that is free now. Test processes that run side by side begin at different ones.
fn free_address() -> SocketAddr {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id().wrapping_mul(191);
    for _ in PORTS {
        let next = begin.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + next % (PORTS.end - PORTS.start);
        let port = u16::try_from(port).expect("a port is that small");
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener.local_addr().expect("a bound socket has an address");
        }
    }
    panic!("loopback has no free port");
}

/// A running gateway; killed when dropped.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    address: SocketAddr,
    dir: TempDir,
    launch: Launch,
}

impl Gateway {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client of it without a key.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Its working directory, where `pathgate.yaml`, `stdout` and `stderr` lie too.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its process id while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// What it has printed to standard output.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.read("stdout")
    }

    /// What it has printed to standard error.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.read("stderr")
    }

    fn read(&self, name: &str) -> String {
        let bytes = std::fs::read(self.dir.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until `/readyz` says 200.
    ///
    /// # Panics
    /// With its output, when it ends or does not get ready.
    pub async fn ready(&mut self) {
        let client = self.client();
        self.until("the gateway to get ready", async || {
            let answer = client.try_send(http::Method::GET, "/readyz", bytes::Bytes::new()).await;
            answer.is_ok_and(|answer| answer.status.is_success())
        })
        .await;
    }

    /// Waits until its standard output or error contains this text.
    ///
    /// # Panics
    /// With its output, when it ends before or the text does not come.
    pub async fn says(&mut self, text: &str) {
        let files = ["stdout", "stderr"].map(|name| self.dir.path().join(name));
        self.until(text, async || {
            files
                .iter()
                .any(|file| String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).contains(text))
        })
        .await;
    }

    /// Looks again and again until `done`, the child's end or the end of patience.
    async fn until(&mut self, what: &str, mut done: impl AsyncFnMut() -> bool) {
        let mut ticks = tokio::time::interval(LOOK);
        let watch = async {
            loop {
                ticks.tick().await;
                if done().await {
                    return Ok(());
                }
                if let Ok(Some(status)) = self.child.try_wait() {
                    return Err(format!("ended with {status}"));
                }
            }
        };
        let failure = match tokio::time::timeout(crate::PATIENCE, watch).await {
            Ok(Ok(())) => return,
            Ok(Err(status)) => status,
            Err(_) => "is still running".to_owned(),
        };
        panic!(
            "waited in vain for {what}: it {failure}\nstdout: {}\nstderr: {}",
            self.stdout(),
            self.stderr()
        );
    }

    /// Replaces its configuration file; the running gateway notices by itself.
    pub fn rewrite_config(&self, yaml: &str) {
        let yaml = fill(yaml, self.address, self.dir.path());
        let (fresh, path) = (self.dir.path().join("fresh.yaml"), self.dir.path().join("pathgate.yaml"));
        // In one step, as editors and Kubernetes do it, so that half a file is never read.
        std::fs::write(&fresh, yaml)
            .and_then(|()| std::fs::rename(&fresh, &path))
            .expect("a writable directory");
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends SIGHUP.
    pub fn reload(&self) {
        self.signal(Signal::HUP);
    }

    /// Sends SIGSTOP: it does nothing until it is [thawed](Self::thaw).
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Sends SIGCONT.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        kill_process(pid.expect("the gateway is running"), signal).expect("its own child may be signalled");
    }

    /// Runs another command of the same program to its end, in its directory and with its variables.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.launch.command(self.dir.path(), self.address);
        crate::soon("a command to end", command.args(arguments).output()).await.expect("the program starts")
    }

    /// Waits until it has ended.
    pub async fn exited(&mut self) -> ExitStatus {
        crate::soon("the gateway to end", self.child.wait()).await.expect("a child can be waited for")
    }

    /// Kills it with SIGKILL: no handler runs, nothing is flushed.
    pub async fn kill(&mut self) {
        crate::soon("the gateway to die", self.child.kill()).await.expect("its own child may be killed");
    }

    /// Starts it again in the same directory on the same port, after it has ended, and waits until it is ready.
    pub async fn restart(self) -> Self {
        let Self { mut child, address, dir, launch } = self;
        crate::soon("the gateway to die", child.kill()).await.ok();
        let mut gateway = launch.spawn(dir, address);
        gateway.ready().await;
        gateway
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn a_child_gets_its_files_its_variables_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("pathgate");
        std::fs::write(&script, "#!/bin/sh\n/bin/cat \"$3\"\necho \"$1 $4 [$OURS] [$HOME]\" >&2\nexit 2\n")
            .unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let launch =
            Launch::new(&script).config("listen: {listen}\n").arg("--to={dir}").env("OURS", "{listen}");
        let (status, output) = launch.run_to_end().await;
        assert_eq!(status.code(), Some(2));
        let address = output.strip_prefix("listen: ").and_then(|rest| rest.lines().next()).unwrap();
        assert!(address.parse::<SocketAddr>().is_ok(), "{output}");
        assert!(output.contains(&format!("[{address}] []")) && output.contains("serve --to=/"), "{output}");
    }
}
