//! OpenAI itself. Source: <https://platform.openai.com/docs/api-reference>.

use contract::words::{Dialect, Operation};
use wire::Quirks;

use crate::listing;
use crate::profile::{Auth, List, Path, Profile, Surface};

pub(crate) const PROFILE: Profile = Profile {
    kind: "openai",
    base_url: Some("https://api.openai.com/v1"),
    needs_key: true,
    auth: Auth::Bearer,
    headers: &[],
    forwards: FORWARDS,
    surfaces: SURFACES,
    list: List { path: "/models", read: listing::openai },
    quirks: Quirks { renames: &[], refuses: &[], accepts: &[], developer_as_system: false },
};

/// `openai-organization` and `openai-project` are left out: they name the client's account, not ours.
pub(crate) const FORWARDS: &[&str] = &["openai-beta"];

pub(crate) const SURFACES: &[Surface] = &[
    Surface {
        operation: Operation::Chat,
        dialect: Dialect::OpenaiChat,
        path: Path::Fixed("/chat/completions"),
    },
    Surface {
        operation: Operation::Embeddings,
        dialect: Dialect::OpenaiEmbeddings,
        path: Path::Fixed("/embeddings"),
    },
];
