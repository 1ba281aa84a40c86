//! From the command line to a configuration: which file, what stands above it. Reloading comes through here again.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use edge::{Listen, Socket};

use super::{Exit, Failure};
use crate::config::{self, Config, Source};
use crate::environment::{self, Looks, look_at};

/// The file that is taken when it exists and none is named.
const DEFAULT_FILE: &str = "pathgate.yaml";
/// The variable that names a file when there is none of that name.
const FILE_VARIABLE: &str = "PATHGATE_CONFIG";
/// Most bytes a file with a secret may have.
const MOST_SECRET_BYTES: usize = 64 << 10;
/// Most bytes of a configuration file that are read; the loader refuses less than that with a better message.
const MOST_CONFIG_BYTES: usize = 16 << 20;

/// What the command line says in place of the file; stays in force over reloads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overrides {
    /// In place of `server.listen`, when there are any.
    pub(crate) listen: Vec<Socket>,
}

/// A configuration and what is needed to load it again.
#[derive(Debug)]
pub(crate) struct Setup {
    /// The settings, overrides included.
    pub(crate) config: Config,
    /// The file; none when everything is at its default.
    pub(crate) file: Option<PathBuf>,
    /// Every file whose change is a change of the configuration, as it looked before it was read.
    pub(crate) looks: Looks,
    /// What stands above the file.
    pub(crate) overrides: Overrides,
}

/// The configuration file to use: the one that is named, or else `./pathgate.yaml` when it exists, or else the one that
/// `PATHGATE_CONFIG` names.
pub(crate) fn find(named: Option<PathBuf>) -> Option<PathBuf> {
    let default = || Some(PathBuf::from(DEFAULT_FILE)).filter(|file| file.exists());
    let variable = || environment::variable(FILE_VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from);
    named.or_else(default).or_else(variable)
}

/// Reads and checks a configuration file, or the defaults when there is none.
///
/// # Errors
/// The file cannot be read, or all that is wrong with it; both with [`Exit::BadConfiguration`].
pub(crate) fn load_setup(file: Option<PathBuf>, overrides: Overrides) -> Result<Setup, Failure> {
    let looks = RefCell::new(Looks::new());
    let read = |path: &Path, most| {
        looks.borrow_mut().insert(path.to_owned(), look_at(path));
        environment::read_text(path, most)
    };
    let text = match &file {
        None => String::new(),
        Some(path) => read(path, MOST_CONFIG_BYTES).map_err(|error| {
            let message = format!("cannot read the configuration file {}: {error}", path.display());
            Failure::new(Exit::BadConfiguration, message)
        })?,
    };
    let name = file.as_deref().map_or_else(|| "defaults".to_owned(), |path| path.display().to_string());
    let source = Source {
        name: &name,
        text: &text,
        folder: file.as_deref().and_then(Path::parent).unwrap_or(Path::new("")),
        env: &environment::variable,
        read: &|path| read(path, MOST_SECRET_BYTES),
        check_text: config::check_text,
    };
    let loaded = config::load(source, |config: &mut Config, faults| {
        if !overrides.listen.is_empty() {
            config.server.listen = Listen(overrides.listen.clone());
        }
        config::check(config, faults);
    });
    let config = loaded.map_err(|error| Failure::new(Exit::BadConfiguration, error))?;
    let mut looks = looks.into_inner();
    // These are read later than this, by those who use them.
    looks.extend(config::files(&config).into_iter().map(|path| (path.clone(), look_at(&path))));
    Ok(Setup { config, file, looks, overrides })
}
