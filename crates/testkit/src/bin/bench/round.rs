//! One round: every phase against every target, in turn.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};

use crate::load::{CHAT, Found};
use crate::plan::{PHASES, Phase, Plan};
use crate::process::pinned;
use crate::proxies::{LOAD_CORE, Stage, Target, with_gateway};

/// What one phase showed of one target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) found: Found,
    /// CPU time of the proxy per request, in microseconds; 0 for the upstream itself.
    pub(crate) cpu_us: f64,
    /// Resident memory of the proxy after the phase, in MB.
    pub(crate) rss_mb: f64,
}

/// The samples of a round: one row per phase, in it one per target.
pub(crate) type Round = Vec<Vec<Sample>>;

pub(crate) fn play(plan: &Plan, stage: &Stage) -> Result<Round> {
    PHASES
        .iter()
        .map(|phase| {
            let sample = |target| {
                measure(plan, phase, target).with_context(|| format!("{} on {}", phase.name, target.name))
            };
            stage.targets.iter().map(sample).collect()
        })
        .collect()
}

/// Every phase against the gateway alone, in the dialect that passes through and in one that is translated: what a profile
/// for the compiler is taken of.
pub(crate) fn train(plan: &Plan) -> Result<()> {
    with_gateway(plan, |target| {
        for path in [CHAT, "/v1/messages"] {
            for phase in &PHASES {
                load(plan, phase, target, path)?;
            }
        }
        Ok(())
    })
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn measure(plan: &Plan, phase: &Phase, target: &Target) -> Result<Sample> {
    let before = target.proxy.as_ref().map(crate::process::Pinned::cpu_us_at_rest).transpose()?;
    let found = load(plan, phase, target, CHAT)?;
    let (mut cpu_us, mut rss_mb) = (0.0, 0.0);
    if let (Some(proxy), Some(before)) = (&target.proxy, before) {
        cpu_us = (proxy.cpu_us_at_rest()? - before) as f64 / found.requests.max(1) as f64;
        rss_mb = proxy.rss_mb()?;
    }
    Ok(Sample { found, cpu_us, rss_mb })
}

fn load(plan: &Plan, phase: &Phase, target: &Target, path: &str) -> Result<Found> {
    let own = std::env::current_exe()?;
    let mut command = pinned(LOAD_CORE, own.as_os_str());
    command.arg("load").arg("--address").arg(target.address.to_string()).arg("--key").arg(&target.key);
    command.arg("--path").arg(path);
    command.arg("--connections").arg(phase.connections.to_string());
    command.arg("--body").arg(phase.body.to_string());
    command.arg("--seconds").arg((plan.seconds * f64::from(phase.share) / 100.0).to_string());
    if phase.stream {
        command.arg("--stream");
    }
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "the load generator failed");
    Ok(serde_json::from_slice(&output.stdout)?)
}
