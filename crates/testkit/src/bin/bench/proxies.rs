//! What stands on the stage: the upstream, nginx and Pathgate, all running for the whole bench. Who is not under load
//! is idle.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use http::Method;
use serde_json::json;
use tempfile::TempDir;
use testkit::client::Client;

use crate::now;
use crate::plan::Plan;
use crate::process::{Pinned, free_address, pinned};

/// Load and upstream.
pub(crate) const LOAD_CORE: u32 = 0;
/// The proxy under test.
const PROXY_CORE: u32 = 1;
const ADMIN_KEY: &str = "the-admin-key-of-the-bench";
/// Fresh starts that are timed.
const STARTS: usize = 5;

/// A target of the load.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    /// None for the upstream itself, whose CPU time is not asked for.
    pub(crate) proxy: Option<Pinned>,
    /// The key to send. Only gateways look at it; the others get one as long.
    pub(crate) key: String,
}

/// Everything that runs.
pub(crate) struct Stage {
    /// In the order of the table: direct, nginx, pathgate, and the build before if there is one.
    pub(crate) targets: Vec<Target>,
    _upstream: Pinned,
    _dir: TempDir,
}

fn upstream() -> Result<(SocketAddr, Pinned)> {
    let address = free_address()?;
    let own = std::env::current_exe()?;
    let mut command = pinned(LOAD_CORE, own.as_os_str());
    let mut running = Pinned::spawn(command.arg("upstream").arg("--listen").arg(address.to_string()))?;
    reachable("the upstream", address, &mut running)?;
    Ok((address, running))
}

/// Gives `work` a gateway in front of the upstream, and ends it in order.
pub(crate) fn with_gateway(plan: &Plan, work: impl FnOnce(&Target) -> Result<()>) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (upstream, _running) = upstream()?;
    let mut target = Gateway::start(&plan.gateway, dir.path(), upstream)?.into_target("pathgate")?;
    work(&target)?;
    target.proxy.take().map_or(Ok(()), Pinned::end)
}

impl Stage {
    pub(crate) fn set(plan: &Plan) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let (upstream, running) = upstream()?;
        let nginx = nginx(dir.path(), upstream)?;
        let start = |name, binary: &Path| Gateway::start(binary, dir.path(), upstream)?.into_target(name);
        let ours = start("pathgate", &plan.gateway)?;
        let bare = |name, address, proxy| Target { name, address, proxy, key: ours.key.clone() };
        let mut targets = vec![bare("direct", upstream, None), bare("nginx", nginx.0, Some(nginx.1)), ours];
        if let Some(binary) = &plan.before {
            targets.push(start("before", binary)?);
        }
        Ok(Self { targets, _upstream: running, _dir: dir })
    }
}

fn block_on<F: Future>(future: F) -> Result<F::Output> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future))
}

fn reachable(name: &str, address: SocketAddr, process: &mut Pinned) -> Result<()> {
    let start = now();
    while std::net::TcpStream::connect(address).is_err() {
        process.check(name)?;
        if start.elapsed() > Duration::from_secs(10) {
            bail!("{name} does not listen");
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// nginx as a plain reverse proxy: one worker, kept-alive connections to the upstream, nothing buffered to disk or held
/// back, no log. It is spared what a gateway does: no key, no limit, no parsing.
fn nginx(dir: &Path, upstream: SocketAddr) -> Result<(SocketAddr, Pinned)> {
    let address = free_address()?;
    let home = dir.join("nginx");
    fs::create_dir(&home)?;
    let config = format!(
        "worker_processes 1;
pid {home}/pid;
error_log {home}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    tcp_nodelay on;
    keepalive_timeout 600s;
    keepalive_requests 1000000000;
    client_max_body_size 16m;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    upstream model {{
        server {upstream};
        keepalive 128;
        keepalive_requests 1000000000;
        keepalive_timeout 600s;
    }}
    server {{
        listen {address};
        location / {{
            proxy_pass http://model;
            proxy_http_version 1.1;
            proxy_set_header connection \"\";
            proxy_buffering off;
            proxy_request_buffering off;
        }}
    }}
}}
",
        home = home.display()
    );
    let file = home.join("nginx.conf");
    fs::write(&file, config)?;
    let mut command = pinned(PROXY_CORE, OsStr::new("nginx"));
    command.arg("-p").arg(&home).arg("-e").arg(home.join("error.log")).arg("-c").arg(&file);
    let mut process = Pinned::spawn(command.args(["-g", "daemon off;"]))?;
    reachable("nginx", address, &mut process)?;
    Ok((address, process))
}

struct Gateway {
    address: SocketAddr,
    process: Pinned,
    started: Instant,
}

impl Gateway {
    /// Starts one with a database of its own: keys, ledger, log and metrics on.
    fn start(binary: &Path, dir: &Path, upstream: SocketAddr) -> Result<Self> {
        let home = tempfile::tempdir_in(dir)?.keep();
        let address = free_address()?;
        let config = format!(
            "server:\n  listen: {address}\nstorage:\n  database: sqlite://{home}/pathgate.db\n\
             auth:\n  admin_key: {ADMIN_KEY}\n  anonymous: false\nproviders:\n  bench:\n    kind: openai-compatible\n    \
             base_url: http://{upstream}/v1\n    api_key: sk-bench\n",
            home = home.display()
        );
        let file = home.join("pathgate.yaml");
        fs::write(&file, config)?;
        let output = |name: &str| fs::File::create(home.join(name));
        let mut command = pinned(PROXY_CORE, binary.as_os_str());
        command.arg("serve").arg("--config").arg(&file).current_dir(&home);
        command.stdout(output("stdout")?).stderr(output("stderr")?);
        let started = now();
        let process = Pinned::spawn(&mut command)?;
        let mut gateway = Self { address, process, started };
        gateway.ready().with_context(|| fs::read_to_string(home.join("stderr")).unwrap_or_default())?;
        Ok(gateway)
    }

    /// Waits for the first 200 on `/readyz`.
    fn ready(&mut self) -> Result<()> {
        let client = Client::new(self.address);
        loop {
            let answer = block_on(client.try_send(Method::GET, "/readyz", bytes::Bytes::new()))?;
            if answer.is_ok_and(|answer| answer.status.is_success()) {
                return Ok(());
            }
            self.process.check("the gateway")?;
            if self.started.elapsed() > Duration::from_secs(20) {
                bail!("the gateway is not ready after 20 s");
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn into_target(self, name: &'static str) -> Result<Target> {
        let key = block_on(self.key())??;
        Ok(Target { name, address: self.address, proxy: Some(self.process), key })
    }

    /// Makes a key with a request limit that no bench reaches.
    async fn key(&self) -> Result<String> {
        let client = Client::new(self.address).bearer(ADMIN_KEY);
        let spec = json!({ "name": "bench", "limits": { "requests": "1000M/min" } });
        let answer = client.post("/admin/v1/keys", &spec).await.json().await;
        answer["secret"].as_str().map(str::to_owned).with_context(|| format!("no secret in {answer}"))
    }
}

/// From spawning the gateway with an empty directory to the first 200 on `/readyz`, in milliseconds; several times.
pub(crate) fn ready_times(plan: &Plan) -> Result<Vec<f64>> {
    let dir = tempfile::tempdir()?;
    let nobody = free_address()?;
    (0..STARTS)
        .map(|_| {
            let gateway = Gateway::start(&plan.gateway, dir.path(), nobody)?;
            Ok(gateway.started.elapsed().as_secs_f64() * 1_000.0)
        })
        .collect()
}
