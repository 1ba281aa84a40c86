//! Anthropic itself. Source: <https://docs.claude.com/en/api/overview>.

use contract::words::{Dialect, Operation};
use wire::Quirks;

use crate::listing;
use crate::profile::{Auth, List, Path, Profile, Surface};

pub(crate) const PROFILE: Profile = Profile {
    kind: "anthropic",
    base_url: Some("https://api.anthropic.com"),
    needs_key: true,
    auth: Auth::Header("x-api-key"),
    headers: &[("anthropic-version", "2023-06-01")],
    forwards: &["anthropic-version", "anthropic-beta"],
    surfaces: &[Surface {
        operation: Operation::Chat,
        dialect: Dialect::AnthropicMessages,
        path: Path::Fixed("/v1/messages"),
    }],
    list: List { path: "/v1/models?limit=1000", read: listing::anthropic },
    quirks: Quirks { renames: &[], refuses: &[], accepts: &[], developer_as_system: false },
};
