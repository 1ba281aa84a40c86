//! The binary: reads the command line and starts what it names.
//!
//! `cli` parses, `config` loads, `wiring` builds the features and hands them to each other, `serve` runs them, `reload` puts
//! a changed configuration in. This crate is the only one that knows every name.

mod banner;
mod cli;
mod clock;
mod config;
mod discovery;
mod environment;
mod reload;
mod serve;
mod snapshot;
mod wiring;

use std::io;
use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Failure, Host, KeySession, Setup, Terminal};
use config::Config;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // TLS has one crypto library. This fails only if a default was set before, which is the same one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, with code 0.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let mut terminal =
        Terminal { out: &mut io::stdout().lock(), err: &mut io::stderr(), input: &mut io::stdin().lock() };
    cli::run(cli, &Program, &mut terminal).into()
}

/// The rest of the program, as the command line sees it.
struct Program;

impl Host for Program {
    fn serve(&self, setup: Setup) -> Result<(), Failure> {
        serve::run(setup)
    }

    fn open_keys(&self, config: &Config) -> Result<KeySession, Failure> {
        wiring::open_keys(config)
    }
}
