//! What the makers of models on Bedrock accept, told from the model's id.
//!
//! Bedrock refuses with a `ValidationException` what a model does not take. Sources, all of the Bedrock user guide:
//! "Supported models and model features" (tools, caching), "Get validated JSON results from models", "Inference request
//! parameters and response fields"; `ToolChoice` and `ToolResultBlock` of the API reference. Ids that tell nothing (an
//! inference profile of the account's own) may be any model: they get everything.

use crate::anthropic::Claude;

/// The maker of a model, as far as it makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Anthropic's Claude.
    Claude(Claude),
    /// Amazon's Nova; the second generation reasons.
    Nova {
        /// Is it Nova 2?
        reasons: bool,
    },
    /// OpenAI's open models.
    Gpt,
    /// Mistral's.
    Mistral {
        /// Does it take a schema for its answer?
        schema: bool,
    },
    /// Cohere's Command.
    Cohere,
    /// Makers whose models take tools but no choice of them: Meta, AI21, Writer, Amazon's Titan.
    Plain,
    /// Other open models: Qwen, DeepSeek, Gemma, Nemotron, MiniMax, Kimi, GLM.
    Open,
    /// Nobody knows.
    Opaque,
}

/// Which tool choices a model takes beside `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choices {
    /// None.
    Auto,
    /// `any`.
    Any,
    /// `any` and `tool`.
    Tool,
}

/// When a model takes tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tools {
    /// Never.
    No,
    /// In an answer at once, not in a stream.
    Whole,
    /// In any answer.
    Any,
}

// tidy: table
/// Models of [`Family::Mistral`], [`Family::Cohere`] and [`Family::Plain`] that take tools, by a part of their id.
const TOOLS: &[(&str, Tools)] = &[
    ("jamba-1-5", Tools::Any),
    ("command-r", Tools::Any),
    ("llama3-1", Tools::Whole),
    ("llama3-2-11b", Tools::Whole),
    ("llama3-2-90b", Tools::Whole),
    ("llama3-3", Tools::Whole),
    ("llama4", Tools::Whole),
    ("mistral-large", Tools::Whole),
    ("mistral-small", Tools::Whole),
    ("pixtral-large", Tools::Whole),
    ("palmyra-x", Tools::Whole),
];

/// Where a number of candidates per token is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TopK {
    /// A field of this name.
    Field(&'static str),
    /// `inferenceConfig.topK`, Nova's own.
    Within,
    /// Nowhere.
    Nowhere,
}

impl Family {
    /// The maker of the model of this id, whatever region or ARN stands before it.
    pub(super) fn of(model: &str) -> Self {
        let model = model.to_ascii_lowercase();
        let has = |part: &str| model.contains(part);
        let any = |parts: &[&str]| parts.iter().any(|part| model.contains(part));
        if has("claude") {
            Self::Claude(Claude::of(&model))
        } else if has("amazon.nova") {
            Self::Nova { reasons: has("nova-2") }
        } else if any(&["openai.", "gpt-oss"]) {
            Self::Gpt
        } else if any(&["mistral.", "mistral-", "mixtral"]) {
            let old = any(&["mistral-7b", "mixtral", "mistral-large-24", "mistral-small-24", "pixtral"]);
            Self::Mistral { schema: !old }
        } else if has("cohere.") {
            Self::Cohere
        } else if any(&["meta.", "ai21.", "writer.", "amazon.titan", "deepseek.r1"]) {
            Self::Plain
        } else if any(&["qwen.", "deepseek.", "google.", "nvidia.", "minimax.", "moonshot", "zai."]) {
            Self::Open
        } else {
            Self::Opaque
        }
    }

    /// Does it take cache points?
    pub(super) const fn caches(self) -> bool {
        matches!(self, Self::Claude(_) | Self::Nova { .. } | Self::Opaque)
    }

    /// Does it cite documents, and take texts as such?
    pub(super) const fn cites(self) -> bool {
        matches!(self, Self::Claude(_) | Self::Opaque)
    }

    /// Which tool choices it takes.
    pub(super) const fn choices(self) -> Choices {
        match self {
            Self::Claude(_) | Self::Nova { .. } | Self::Opaque => Choices::Tool,
            Self::Mistral { .. } | Self::Gpt | Self::Open => Choices::Any,
            Self::Cohere | Self::Plain => Choices::Auto,
        }
    }

    /// Does it take a schema for its answer and strict tools?
    pub(super) const fn structures(self, model_has_schema: bool) -> bool {
        match self {
            Self::Claude(_) => model_has_schema,
            Self::Gpt | Self::Open | Self::Opaque => true,
            Self::Mistral { schema } => schema,
            Self::Nova { .. } | Self::Cohere | Self::Plain => false,
        }
    }

    /// When this model takes tools.
    pub(super) fn tools(self, model: &str) -> Tools {
        match self {
            Self::Mistral { .. } | Self::Cohere | Self::Plain => {
                let found = TOOLS.iter().find(|(part, _)| model.contains(part));
                found.map_or(Tools::No, |(_, tools)| *tools)
            }
            _ => Tools::Any,
        }
    }

    /// Where `top_k` is said.
    pub(super) const fn top_k(self) -> TopK {
        match self {
            Self::Claude(_) | Self::Mistral { .. } | Self::Open | Self::Opaque => TopK::Field("top_k"),
            Self::Nova { .. } => TopK::Within,
            Self::Cohere => TopK::Field("k"),
            Self::Gpt | Self::Plain => TopK::Nowhere,
        }
    }
}

/// Does this model take a schema for its answer and strict tools? Claude does from 4.5 on.
pub(super) fn structures(family: Family, model: &str) -> bool {
    let early = ["claude-3", "claude-v2", "claude-instant", "sonnet-4-2025", "opus-4-2025", "opus-4-1"];
    family.structures(!early.iter().any(|part| model.contains(part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makers_are_told_from_ids_of_every_form() {
        for (model, choices, caches, schema) in [
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", Choices::Tool, true, true),
            ("anthropic.claude-3-haiku-20240307-v1:0", Choices::Tool, true, false),
            ("us.anthropic.claude-sonnet-4-20250514-v1:0", Choices::Tool, true, false),
            ("eu.amazon.nova-lite-v1:0", Choices::Tool, true, false),
            (
                "arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-8b-instruct-v1:0",
                Choices::Auto,
                false,
                false,
            ),
            ("mistral.mistral-large-2402-v1:0", Choices::Any, false, false),
            ("mistral.ministral-3-8b-instruct", Choices::Any, false, true),
            ("openai.gpt-oss-120b-1:0", Choices::Any, false, true),
            ("qwen.qwen3-32b-v1:0", Choices::Any, false, true),
            (
                "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc",
                Choices::Tool,
                true,
                true,
            ),
        ] {
            let family = Family::of(model);
            let found = (family.choices(), family.caches(), structures(family, model));
            assert_eq!(found, (choices, caches, schema), "{model}");
        }
    }
}
