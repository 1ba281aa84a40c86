//! Facts about Bedrock. Sources: docs.aws.amazon.com/bedrock, "Amazon Bedrock endpoints and quotas" and "API keys".

use wire::Quirks;

use crate::betas::Betas;
use crate::request::{Auth, Facts};

pub(super) const FACTS: Facts = Facts {
    kind: "bedrock",
    base_url: None,
    version: None,
    auth: Auth::Bearer,
    keyless: true,
    headers: &[],
    // The betas of Claude's clients go into the body; the others are of `InvokeModel`.
    forwards: &[
        "anthropic-beta",
        "x-amzn-bedrock-trace",
        "x-amzn-bedrock-guardrailidentifier",
        "x-amzn-bedrock-guardrailversion",
        "x-amzn-bedrock-performanceconfig-latency",
        "x-amzn-bedrock-service-tier",
    ],
};

/// What signatures and credentials call all of Bedrock's services.
pub(super) const SERVICE: &str = "bedrock";

/// Docs: "Anthropic Claude Messages API", `anthropic_beta`; platform.claude.com, "Claude on Amazon Bedrock".
pub(super) const BETAS: Betas = Betas {
    known: &[
        "compact-",
        "computer-use-",
        "context-1m-",
        "context-management-",
        "dev-full-thinking-",
        "effort-",
        "fine-grained-tool-streaming-",
        "interleaved-thinking-",
        "output-128k-",
        "token-efficient-tools-",
        "tool-examples-",
        "tool-search-tool-",
    ],
    renamed: &[("advanced-tool-use-2025-11-20", "tool-search-tool-2025-10-19")],
};

pub(super) const QUIRKS: Quirks = Quirks::NONE;

/// The ARN of a model that anybody may call (docs: "Actions, resources, and condition keys for Amazon Bedrock").
pub(super) fn model_arn(region: &str, model: &str) -> String {
    let partition = match region {
        china if china.starts_with("cn-") => "aws-cn",
        government if government.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    format!("arn:{partition}:bedrock:{region}::foundation-model/{model}")
}

/// The host of one of Bedrock's services.
pub(super) fn host(service: &str, region: &str) -> String {
    let end = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{service}.{region}.{end}")
}
