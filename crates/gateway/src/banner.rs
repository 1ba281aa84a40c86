//! What the terminal shows at start: where the gateway is and the first request to try. Never goes to the log.

use std::io::{self, Write};
use std::net::SocketAddr;

use contract::words::Secret;
use identity::FirstKeys;

/// Where things are.
pub(crate) struct Places<'a> {
    /// `http` or `https`.
    pub(crate) scheme: &'a str,
    /// Where model calls are taken.
    pub(crate) data: SocketAddr,
    /// Where the admin API is.
    pub(crate) admin: SocketAddr,
    /// Are callers without a key let in?
    pub(crate) anonymous: bool,
}

/// Prints the banner; with the secrets of the first start, this once.
///
/// # Errors
/// The terminal cannot be written to.
pub(crate) fn print(out: &mut dyn Write, places: &Places<'_>, first: Option<&FirstKeys>) -> io::Result<()> {
    let Places { scheme, data, admin, anonymous } = places;
    let key = match (first, anonymous) {
        (Some(keys), _) => keys.first.secret.clone(),
        (None, _) => Secret::new("$PATHGATE_KEY"),
    };
    writeln!(out, "\nPathgate {} is ready. Try:\n", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "  curl {scheme}://{data}/v1/chat/completions \\")?;
    if first.is_some() || !anonymous {
        writeln!(out, "    -H \"authorization: Bearer {}\" \\", key.expose())?;
    }
    writeln!(out, "    -H \"content-type: application/json\" \\")?;
    writeln!(
        out,
        "    -d '{{\"model\": \"demo/echo\", \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'\n"
    )?;
    writeln!(out, "  Admin API   {scheme}://{admin}/admin/v1")?;
    if let Some(keys) = first {
        writeln!(out, "  Admin key   {}", keys.admin.secret.expose())?;
        writeln!(out, "\n  These two keys are shown this once. Keep them: only their hashes are stored.")?;
    }
    writeln!(out)?;
    out.flush()
}
