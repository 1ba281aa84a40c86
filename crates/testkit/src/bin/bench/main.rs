//! `make bench`: Pathgate, nginx and no proxy at all, in front of the same scripted upstream, in interleaved rounds.
//!
//! Without a subcommand it directs the run and prints the table; `upstream` and `load` are the two processes it starts
//! beside the proxies, `train` is the load that a profile for the compiler is taken of. Load and upstream share core 0, the
//! proxy under test has core 1 for itself. What is measured is in [`plan`], how in [`round`], what comes out of it in
//! [`report`].

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is the product of this program")]

mod load;
mod plan;
mod process;
mod proxies;
mod report;
mod round;
mod upstream;

use std::time::Instant;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("upstream") => upstream::run(&arguments[1..]),
        Some("load") => load::run(&arguments[1..]),
        Some("train") => round::train(&plan::Plan::from_arguments(&arguments[1..])?),
        Some("--help" | "-h") => {
            println!("usage: bench [--quick] [--rounds N] [--seconds S] [--gateway FILE] [--before FILE]");
            Ok(())
        }
        _ => direct(&arguments),
    }
}

fn direct(arguments: &[String]) -> Result<()> {
    let plan = plan::Plan::from_arguments(arguments)?;
    if std::thread::available_parallelism()?.get() < 2 {
        bail!("the bench needs two cores: one for the proxy, one for load and upstream");
    }
    let ready = proxies::ready_times(&plan)?;
    let stage = proxies::Stage::set(&plan)?;
    let mut runs = Vec::new();
    for number in 1..=plan.rounds {
        eprintln!("round {number} of {}", plan.rounds);
        runs.push(round::play(&plan, &stage)?);
    }
    let figures = report::Figures::from_rounds(&runs, ready);
    print!("{}", figures.table());
    println!("{}", figures.json());
    match figures.errors() {
        0 => Ok(()),
        errors => bail!("{errors} requests failed: the figures mean nothing"),
    }
}

/// The value behind a flag.
fn flag<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1).map(String::as_str)
}

#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
fn now() -> Instant {
    Instant::now()
}
