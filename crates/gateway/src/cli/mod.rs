//! The command line: what was typed, and which piece of the program does it.
//!
//! Commands print to the handles they are given and nowhere else. What needs the whole gateway (serving, opening the
//! database) is asked of a [`Host`], which `wiring` implements.

mod exit;
mod keys;
mod reference;
mod setup;

#[cfg(test)]
mod tests;

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use contract::ports::{Clock, KeyAdmin};
use edge::Socket;

pub(crate) use exit::{Exit, Failure};
pub(crate) use setup::{Overrides, Setup, load_setup};

use crate::config::Config;

/// Pathgate: one gateway in front of every model.
#[derive(Debug, Parser)]
#[command(name = "pathgate", version, max_term_width = 110, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the gateway.
    Serve(ServeArgs),
    /// Check a configuration file without starting anything or calling anybody; print all that is wrong.
    Check {
        /// The file. When left out: ./pathgate.yaml, or else the file that $PATHGATE_CONFIG names.
        file: Option<PathBuf>,
    },
    /// Make, list and end virtual keys.
    Key(KeyArgs),
    /// Print a reference that is generated from the program.
    #[command(hide = true)]
    Schema {
        /// Which one.
        what: reference::Reference,
    },
    /// Print the version.
    Version,
}

#[derive(Args, Debug)]
struct ConfigArg {
    /// The configuration file. When left out: ./pathgate.yaml, or else the file that $PATHGATE_CONFIG names, or else
    /// none: all settings have defaults, and providers are taken from the environment.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct ServeArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// An address to listen on, in place of `server.listen`; may be repeated.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Vec<Socket>,
}

#[derive(Args, Debug)]
struct KeyArgs {
    #[command(flatten)]
    config: ConfigArg,
    #[command(subcommand)]
    command: keys::KeyCommand,
}

/// Where a command reads and writes.
pub(crate) struct Terminal<'a> {
    /// Results.
    pub(crate) out: &'a mut dyn Write,
    /// Everything said about the results, and failures.
    pub(crate) err: &'a mut dyn Write,
    /// What is piped in.
    pub(crate) input: &'a mut dyn BufRead,
}

/// What a command asks of the rest of the program.
pub(crate) trait Host {
    /// Serves until told to stop.
    fn serve(&self, setup: Setup) -> Result<(), Failure>;
    /// Opens the database of a configuration to work on its keys.
    fn open_keys(&self, config: &Config) -> Result<KeySession, Failure>;
}

/// The keys of an opened database.
pub(crate) struct KeySession {
    /// Runs the work.
    pub(crate) runtime: tokio::runtime::Runtime,
    /// The keys.
    pub(crate) keys: Arc<dyn KeyAdmin>,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
}

/// Does what was typed. Failures are printed here; the result is only the code to end with.
pub(crate) fn run(cli: Cli, host: &dyn Host, terminal: &mut Terminal<'_>) -> Exit {
    match execute(cli.command, host, terminal) {
        Ok(()) => Exit::Ok,
        Err(failure) => {
            // When even this cannot be written, the code still tells.
            let _ = writeln!(terminal.err, "{failure}");
            failure.exit
        }
    }
}

fn execute(command: Command, host: &dyn Host, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => {
            let overrides = Overrides { listen: args.listen };
            host.serve(load_setup(setup::find(args.config.config), overrides)?)
        }
        Command::Check { file } => check(file, terminal),
        Command::Key(args) => keys::run(args.command, args.config.config, host, terminal),
        Command::Schema { what } => Ok(terminal.out.write_all(what.text()?.as_bytes())?),
        Command::Version => Ok(writeln!(terminal.out, "pathgate {}", env!("CARGO_PKG_VERSION"))?),
    }
}

fn check(file: Option<PathBuf>, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let Some(file) = setup::find(file) else {
        let message =
            "no configuration file: there is no ./pathgate.yaml; name a file or set PATHGATE_CONFIG";
        return Err(Failure::new(Exit::BadConfiguration, message));
    };
    let setup = load_setup(Some(file.clone()), Overrides::default())?;
    Ok(writeln!(terminal.out, "{} is valid: {}", file.display(), setup.config.summary())?)
}
