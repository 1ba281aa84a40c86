//! Ollama, through its OpenAI-compatible surface. Source: <https://docs.ollama.com/openai>.

use contract::words::{Dialect, Operation};

use crate::listing;
use crate::openai_compatible::QUIRKS;
use crate::profile::{Auth, List, Path, Profile, Surface};

pub(crate) const PROFILE: Profile = Profile {
    kind: "ollama",
    base_url: Some("http://127.0.0.1:11434"),
    needs_key: false,
    auth: Auth::Bearer,
    headers: &[],
    forwards: &[],
    surfaces: &[
        Surface {
            operation: Operation::Chat,
            dialect: Dialect::OpenaiChat,
            path: Path::Fixed("/v1/chat/completions"),
        },
        Surface {
            operation: Operation::Embeddings,
            dialect: Dialect::OpenaiEmbeddings,
            path: Path::Fixed("/v1/embeddings"),
        },
    ],
    list: List { path: "/api/tags", read: listing::ollama },
    quirks: QUIRKS,
};
