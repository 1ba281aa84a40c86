//! What is measured: the phases, how long, how often.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::flag;

/// One kind of load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Phase {
    /// Its name in the table and the JSON line.
    pub(crate) name: &'static str,
    /// What it is, for the reader of the table.
    pub(crate) title: &'static str,
    /// Requests in flight at any time.
    pub(crate) connections: usize,
    /// Size of the request body.
    pub(crate) body: usize,
    /// Streamed answers?
    pub(crate) stream: bool,
    /// Its share of the time of a phase, in percent. Latency needs less than CPU, which is counted in ticks of 10 ms.
    pub(crate) share: u32,
}

pub(crate) const PHASES: [Phase; 5] = [
    Phase {
        name: "1k",
        title: "1 KB requests, 64 at a time",
        connections: 64,
        body: 1_024,
        stream: false,
        share: 100,
    },
    Phase {
        name: "100k",
        title: "100 KB requests, 64 at a time",
        connections: 64,
        body: 102_400,
        stream: false,
        share: 100,
    },
    Phase {
        name: "stream",
        title: "streams of 50 chunks, 32 at a time",
        connections: 32,
        body: 1_024,
        stream: true,
        share: 100,
    },
    Phase {
        name: "latency",
        title: "1 KB requests, one at a time",
        connections: 1,
        body: 1_024,
        stream: false,
        share: 50,
    },
    Phase {
        name: "ttft",
        title: "streams of 50 chunks, one at a time",
        connections: 1,
        body: 1_024,
        stream: true,
        share: 50,
    },
];

/// How long and how often, and where the gateway is.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Rounds; the figures are medians over them.
    pub(crate) rounds: usize,
    /// Length of a full phase, for each of the targets.
    pub(crate) seconds: f64,
    /// The binary under test.
    pub(crate) gateway: PathBuf,
    /// Another build of it, to be compared with.
    pub(crate) before: Option<PathBuf>,
}

impl Plan {
    pub(crate) fn from_arguments(arguments: &[String]) -> Result<Self> {
        let quick = arguments.iter().any(|argument| argument == "--quick");
        let (rounds, seconds) = if quick { (2, 1.0) } else { (5, 4.0) };
        let beside = std::env::current_exe()?.with_file_name("pathgate");
        Ok(Self {
            rounds: flag(arguments, "--rounds").map_or(Ok(rounds), str::parse).context("--rounds")?,
            seconds: flag(arguments, "--seconds").map_or(Ok(seconds), str::parse).context("--seconds")?,
            gateway: flag(arguments, "--gateway").map_or(beside, PathBuf::from),
            before: flag(arguments, "--before").map(PathBuf::from),
        })
    }
}
