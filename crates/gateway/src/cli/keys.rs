//! `pathgate key …`. The secret of a new key goes to standard output alone, so that `KEY=$(pathgate key create ci)` works;
//! everything said about it goes to standard error.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use contract::ports::{Clock, KeyAdmin, KeyLimits, KeySource, KeySpec, KeyView, MintedKey, PageRequest};
use contract::settings::{Rate, Span};
use contract::words::{Id, IdKind, Pattern, Scope, Timestamp};
use identity::key::KeyHash;

use super::{Exit, Failure, Host, Overrides, Terminal, load_setup, setup};

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key and print it, this once.
    Create(CreateArgs),
    /// List all keys, those of the configuration file first.
    List {
        /// As a JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Give a key a new secret and print it, this once. The old one is refused from then on.
    Rotate {
        /// The key's id or name.
        key: String,
    },
    /// End a key for good.
    Revoke {
        /// The key's id or name.
        key: String,
    },
    /// Print the hash of a key for `key_hash` in the configuration file. Reads the key from standard input; no database
    /// is involved.
    Hash {
        /// Make a new key first, and print it above its hash.
        #[arg(long)]
        new: bool,
    },
}

/// A key to make.
#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// Its name, unique among keys; shown in logs and metrics.
    name: String,
    /// The organisation that pays.
    #[arg(long)]
    org: Option<String>,
    /// The team within the organisation.
    #[arg(long)]
    team: Option<String>,
    /// The app within the team.
    #[arg(long)]
    app: Option<String>,
    /// What it may be used for; may be repeated. When left out: inference.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<ScopeArg>,
    /// A model it may name, or a prefix ending in *; may be repeated. When left out: all.
    #[arg(long = "model", value_name = "PATTERN")]
    models: Vec<String>,
    /// Most requests in a window, such as 60/min.
    #[arg(long, value_name = "RATE")]
    requests: Option<Rate>,
    /// From when on it is refused: a time (2030-01-31T12:00:00Z) or a span from now (30d).
    #[arg(long, value_name = "WHEN")]
    expires: Option<Expiry>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ScopeArg {
    Inference,
    AdminRead,
    AdminWrite,
}

#[derive(Clone, Copy, Debug)]
enum Expiry {
    At(Timestamp),
    In(Span),
}

impl std::str::FromStr for Expiry {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(span) = text.parse() {
            return Ok(Self::In(span));
        }
        text.parse()
            .map(Self::At)
            .map_err(|_| "neither a time such as 2030-01-31T12:00:00Z nor a span such as 30d")
    }
}

/// Does one of the commands.
pub(super) fn run(
    command: KeyCommand,
    config: Option<PathBuf>,
    host: &dyn Host,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    if let KeyCommand::Hash { new } = command {
        return hash(new, terminal);
    }
    let setup = load_setup(setup::find(config), Overrides::default())?;
    let session = host.open_keys(&setup.config)?;
    let (keys, clock) = (&*session.keys, &*session.clock);
    session.runtime.block_on(async {
        match command {
            KeyCommand::Create(args) => {
                let minted = keys.create(spec(args, clock)).await?;
                show_secret(&minted, terminal)
            }
            KeyCommand::List { json } => show_list(&all(keys).await?, json, clock.now(), terminal),
            KeyCommand::Rotate { key } => {
                let minted = keys.rotate(find(keys, &key).await?, None).await?;
                show_secret(&minted, terminal)
            }
            KeyCommand::Revoke { key } => {
                let view = keys.revoke(find(keys, &key).await?, None).await?;
                Ok(writeln!(terminal.err, "{} ({}) is revoked.", view.spec.name, view.id)?)
            }
            KeyCommand::Hash { .. } => Ok(()),
        }
    })
}

fn spec(args: CreateArgs, clock: &dyn Clock) -> KeySpec {
    let scope = |arg: &ScopeArg| match arg {
        ScopeArg::Inference => Scope::Inference,
        ScopeArg::AdminRead => Scope::AdminRead,
        ScopeArg::AdminWrite => Scope::AdminWrite,
    };
    KeySpec {
        name: args.name,
        org: args.org,
        team: args.team,
        app: args.app,
        scopes: args.scopes.iter().map(scope).collect(),
        models: args.models.into_iter().map(Pattern::new).collect(),
        limits: KeyLimits { requests: args.requests },
        expires: args.expires.map(|expiry| match expiry {
            Expiry::At(time) => time,
            Expiry::In(span) => clock.now().plus(span.0),
        }),
    }
}

/// All keys, page by page.
async fn all(keys: &dyn KeyAdmin) -> Result<Vec<KeyView>, Failure> {
    let mut views = Vec::new();
    let mut cursor = None;
    loop {
        let page = keys.list(PageRequest { cursor, limit: 1000 }).await?;
        views.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(views);
        }
    }
}

/// The id of a key that was named by id or name. A revoked key gives its name free, so one that is not goes first.
async fn find(keys: &dyn KeyAdmin, named: &str) -> Result<Id, Failure> {
    if let Ok(id) = named.parse::<Id>()
        && id.kind() == IdKind::Key
    {
        return Ok(id);
    }
    let views = all(keys).await?;
    let found = views.iter().filter(|view| view.spec.name == named).min_by_key(|view| view.revoked.is_some());
    match found {
        Some(view) => Ok(view.id),
        None => Err(Failure::new(
            Exit::Failed,
            format!("there is no key `{named}`; `pathgate key list` shows those there are"),
        )),
    }
}

fn show_secret(minted: &MintedKey, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let view = &minted.view;
    writeln!(
        terminal.err,
        "Key {} ({}). It is shown this once; only its hash is kept:",
        view.spec.name, view.id
    )?;
    Ok(writeln!(terminal.out, "{}", minted.secret.expose())?)
}

fn show_list(
    views: &[KeyView],
    json: bool,
    now: Timestamp,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    if json {
        let text = serde_json::to_string_pretty(views).map_err(|error| Failure::new(Exit::Failed, error))?;
        return Ok(writeln!(terminal.out, "{text}")?);
    }
    if views.is_empty() {
        return Ok(writeln!(terminal.err, "There are no keys. `pathgate key create NAME` makes one.")?);
    }
    let mut rows = vec![["ID", "NAME", "KEY", "FROM", "LIMIT", "STATE"].map(str::to_owned)];
    rows.extend(views.iter().map(|view| row(view, now)));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 6] = std::array::from_fn(width);
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        writeln!(terminal.out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn row(view: &KeyView, now: Timestamp) -> [String; 6] {
    let state = match (view.revoked, view.spec.expires) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) if at <= now => format!("expired {at}"),
        (None, Some(at)) => format!("active until {at}"),
        (None, None) => "active".to_owned(),
    };
    let source = match view.source {
        KeySource::File => "file",
        KeySource::Store => "database",
    };
    [
        view.id.to_string(),
        view.spec.name.clone(),
        view.hint.as_ref().map_or_else(|| "-".to_owned(), |hint| format!("…{hint}")),
        source.to_owned(),
        view.spec.limits.requests.map_or_else(|| "-".to_owned(), |rate| rate.to_string()),
        state,
    ]
}

fn hash(new: bool, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let key = if new {
        let minted = identity::key::mint().map_err(|error| Failure::new(Exit::Failed, error))?;
        writeln!(terminal.out, "{}", minted.expose())?;
        minted.expose().to_owned()
    } else {
        let mut line = String::new();
        terminal.input.read_line(&mut line)?;
        line.trim().to_owned()
    };
    if key.is_empty() {
        return Err(Failure::new(
            Exit::BadConfiguration,
            "no key on standard input; or use `pathgate key hash --new`",
        ));
    }
    Ok(writeln!(terminal.out, "{}", KeyHash::of(&key))?)
}
