//! Which models an account offers: `ListFoundationModels` and `ListInferenceProfiles` (docs: Bedrock API reference).
//!
//! Many models can only be called through an inference profile (`us.anthropic.…`), so profiles are listed beside the
//! models that can be called by their own id.

use std::collections::HashMap;

use contract::ports::{Capabilities, ModelCard};
use contract::words::Operation;
use serde::Deserialize;

use crate::listing::card;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Models {
    #[serde(default)]
    model_summaries: Vec<Summary>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    model_id: String,
    #[serde(default)]
    input_modalities: Vec<String>,
    #[serde(default)]
    output_modalities: Vec<String>,
    #[serde(default)]
    inference_types_supported: Vec<String>,
    model_lifecycle: Option<Lifecycle>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lifecycle {
    end_of_life_time: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Profiles {
    #[serde(default)]
    inference_profile_summaries: Vec<Profile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    inference_profile_id: String,
    #[serde(default)]
    models: Vec<ProfileModel>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProfileModel {
    model_arn: Option<String>,
}

/// The cards of models and profiles.
pub(super) fn cards(models: &Models, profiles: &Profiles) -> Vec<ModelCard> {
    let known: HashMap<&str, &Summary> =
        models.model_summaries.iter().map(|summary| (summary.model_id.as_str(), summary)).collect();
    let own = models.model_summaries.iter().filter(|summary| summary.is_callable());
    let own = own.filter_map(|summary| summary.card(&summary.model_id));
    let through = profiles.inference_profile_summaries.iter().filter_map(|profile| {
        let arn = profile.models.iter().find_map(|model| model.model_arn.as_deref())?;
        let (_, model) = arn.rsplit_once('/')?;
        match known.get(model) {
            Some(summary) => summary.card(&profile.inference_profile_id),
            None => operation(model).map(|operation| card(profile.inference_profile_id.as_str(), operation)),
        }
    });
    own.chain(through).collect()
}

/// What a model does, by its id where the list does not say; none for what no operation of ours does.
fn operation(model: &str) -> Option<Operation> {
    if model.contains("rerank") {
        return Some(Operation::Rerank);
    }
    Some(if model.contains("embed") { Operation::Embeddings } else { Operation::Chat })
}

impl Summary {
    fn is_callable(&self) -> bool {
        let types = &self.inference_types_supported;
        types.is_empty() || types.iter().any(|kind| kind == "ON_DEMAND")
    }

    fn card(&self, name: &str) -> Option<ModelCard> {
        let gives = |modality: &str| self.output_modalities.iter().any(|word| word == modality);
        let takes = |modality: &str| self.input_modalities.iter().any(|word| word == modality);
        let operation = match operation(&self.model_id)? {
            _ if gives("EMBEDDING") => Operation::Embeddings,
            // Pictures, films and speech are made by operations of their own.
            Operation::Chat if !self.output_modalities.is_empty() && !gives("TEXT") => return None,
            other => other,
        };
        // A date and a time; the date is enough.
        let end = self.model_lifecycle.as_ref().and_then(|cycle| cycle.end_of_life_time.as_deref());
        let images = (!self.input_modalities.is_empty()).then(|| takes("IMAGE"));
        Some(ModelCard {
            capabilities: Capabilities { images, ..Capabilities::default() },
            deprecated: end.and_then(|end| end.get(..10)).map(str::to_owned),
            ..card(name, operation)
        })
    }
}
