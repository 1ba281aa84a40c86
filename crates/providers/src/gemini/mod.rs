//! Google AI Studio. Source: <https://ai.google.dev/api/generate-content>.

use contract::words::{Dialect, Operation};
use wire::Quirks;

use crate::listing;
use crate::profile::{Auth, List, Path, Profile, Surface};

pub(crate) const PROFILE: Profile = Profile {
    kind: "gemini",
    base_url: Some("https://generativelanguage.googleapis.com/v1beta"),
    needs_key: true,
    auth: Auth::Header("x-goog-api-key"),
    headers: &[],
    forwards: &[],
    surfaces: &[
        Surface {
            operation: Operation::Chat,
            dialect: Dialect::GeminiGenerate,
            path: Path::Model {
                before: "/models/",
                whole: ":generateContent",
                stream: ":streamGenerateContent?alt=sse",
            },
        },
        Surface {
            operation: Operation::Embeddings,
            dialect: Dialect::GeminiEmbed,
            path: Path::Model {
                before: "/models/",
                whole: ":batchEmbedContents",
                stream: ":batchEmbedContents",
            },
        },
    ],
    list: List { path: "/models?pageSize=1000", read: listing::gemini },
    quirks: Quirks { renames: &[], refuses: &[], accepts: &[], developer_as_system: false },
};
