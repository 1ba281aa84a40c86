//! `usageMetadata` ↔ canon's usage. Canon's counts are taken out; what else Google says there (counts by modality, the
//! traffic type, the tier) stays in the answer's extra.

use contract::words::Usage;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::usage::{Count, Gemini};

/// The counts that canon has.
const COUNTS: [&str; 4] =
    ["promptTokenCount", "cachedContentTokenCount", "candidatesTokenCount", "thoughtsTokenCount"];
const TOTAL: &str = "totalTokenCount";
const BY_TOOLS: &str = "toolUsePromptTokenCount";

/// Takes the counts out. None where there are none: early frames of a stream may tell the traffic type alone.
pub(super) fn take(counts: &mut Map<String, Value>) -> Option<Usage> {
    let read = Value::Object(std::mem::take(counts));
    let usage = Gemini::deserialize(&read).ok().and_then(|counts| counts.reported());
    let Value::Object(read) = read else { return usage };
    *counts = read;
    counts.retain(|_, value| !value.is_null());
    if let Some(usage) = &usage {
        COUNTS.iter().for_each(|name| {
            counts.shift_remove(*name);
        });
        // Kept where it is not the sum of the others.
        let total = counts.get(TOTAL).map(|total| Count::deserialize(total).unwrap_or_default());
        if total.is_none_or(|total| total.0 == Some(usage.total())) {
            counts.shift_remove(TOTAL);
        }
    }
    usage
}

/// Writes the counts, with what is left of Google's own.
pub(super) fn write(usage: Option<&Usage>, left: Option<&Map<String, Value>>) -> Map<String, Value> {
    let mut counts = Map::new();
    if let Some(usage) = usage {
        let tools = left.and_then(|left| left.get(BY_TOOLS)?.as_u64()).unwrap_or_default();
        let candidates = usage.output_total().saturating_sub(usage.reasoning);
        put(&mut counts, "promptTokenCount", usage.input_total().saturating_sub(tools));
        put(&mut counts, "candidatesTokenCount", candidates);
        put(&mut counts, "cachedContentTokenCount", usage.cached);
        put(&mut counts, "thoughtsTokenCount", usage.reasoning);
        // One count is always told, so that none means that nothing was counted.
        counts.insert(TOTAL.to_owned(), usage.total().into());
        let inputs = [("AUDIO", usage.audio_input), ("IMAGE", usage.image_input)];
        let outputs = [("AUDIO", usage.audio_output), ("IMAGE", usage.image_output)];
        detail(&mut counts, "promptTokensDetails", usage.input_total(), inputs);
        detail(&mut counts, "candidatesTokensDetails", candidates, outputs);
    }
    counts.extend(left.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
    counts
}

/// Zeros are left out, as protobuf's JSON mapping does.
fn put(counts: &mut Map<String, Value>, name: &str, count: u64) {
    if count > 0 {
        counts.insert(name.to_owned(), count.into());
    }
}

/// How much of a count is sound or pictures, if any.
fn detail(counts: &mut Map<String, Value>, name: &str, all: u64, others: [(&str, u64); 2]) {
    let sum = others.iter().map(|(_, count)| count).sum();
    if sum > 0 {
        let all = [("TEXT", all.saturating_sub(sum))].into_iter().chain(others);
        let entry = |(modality, count): (&str, u64)| json!({"modality": modality, "tokenCount": count});
        let list = all.filter(|(_, count)| *count > 0).map(entry).collect();
        counts.insert(name.to_owned(), list);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_taken_and_come_back() {
        let recorded = json!({"promptTokenCount": 10, "cachedContentTokenCount": 4, "candidatesTokenCount": 5,
            "thoughtsTokenCount": 3, "toolUsePromptTokenCount": 2, "totalTokenCount": 20, "trafficType": "ON_DEMAND"});
        let Value::Object(mut counts) = recorded.clone() else { panic!() };
        let usage = take(&mut counts).unwrap();
        assert_eq!((usage.input, usage.cached, usage.output, usage.reasoning), (8, 4, 8, 3));
        assert_eq!(
            Value::from(counts.clone()),
            json!({"toolUsePromptTokenCount": 2, "trafficType": "ON_DEMAND"})
        );
        assert_eq!(Value::from(write(Some(&usage), Some(&counts))), recorded);
    }

    #[test]
    fn a_report_without_counts_is_none() {
        let Value::Object(mut counts) = json!({"trafficType": "ON_DEMAND"}) else { panic!() };
        assert_eq!(take(&mut counts), None);
        assert_eq!(counts.len(), 1);
    }

    #[test]
    fn sound_comes_back() {
        let usage = Usage { input: 3, audio_input: 7, output: 1, audio_output: 5, ..Usage::default() };
        let mut counts = write(Some(&usage), None);
        assert_eq!(take(&mut counts), Some(usage));
    }
}
