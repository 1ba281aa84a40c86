//! What some models of a target refuse that its others take. Data of the provider kinds, applied by [`crate::outgoing`].
//!
//! What the catalogue knows of a model, and what a provider says of one nobody knows, is in [`crate::left_out`].

use contract::canon::{Effort, Reasoning};

use crate::Quirks;
use crate::effort;

/// What is known of the models with these names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelQuirks {
    /// The names, without what stands before their last `/`; `*` stands for anything.
    pub names: &'static [&'static str],
    /// Fields that they refuse, in the words of the target's dialect; `reasoning_effort` in any.
    pub refuses: &'static [&'static str],
    /// Fields that they refuse only when they are told to think.
    pub refuses_thinking: &'static [&'static str],
    /// The levels of thinking that they have, weakest first; all when there are none.
    pub levels: &'static [Effort],
}

/// The field that says how hard to think, whatever the dialect calls it.
pub(crate) const EFFORT: &str = "reasoning_effort";

impl Quirks {
    /// What is known of a model: the first row that one of its names fits.
    pub(crate) fn of_model(&self, model: &str) -> Option<&'static ModelQuirks> {
        let name = model.rsplit('/').next().unwrap_or(model);
        self.models.iter().find(|row| row.names.iter().any(|pattern| fits(pattern, name)))
    }
}

impl ModelQuirks {
    /// Is this field refused of a model that is told to think, or is not?
    pub(crate) fn refuses(&self, field: &str, thinks: bool) -> bool {
        self.refuses.contains(&field) || (thinks && self.refuses_thinking.contains(&field))
    }

    /// The level that comes nearest: the next one up, else the highest.
    pub(crate) fn nearest(&self, level: Effort) -> Effort {
        let up = self.levels.iter().find(|it| **it >= level);
        up.or(self.levels.last()).copied().unwrap_or(level)
    }
}

/// Is it told to think?
pub(crate) fn thinks(reasoning: Option<&Reasoning>) -> bool {
    reasoning.is_some_and(|asked| effort::level(asked) != Some(Effort::None))
}

/// Does a name fit a pattern?
fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*') {
        let Some((_, behind)) = name.split_once(piece) else { return false };
        name = behind;
    }
    name.ends_with(last)
}

#[cfg(test)]
mod tests {
    use contract::canon::Receipt;
    use contract::words::Dialect;
    use serde_json::{Value, json};

    use super::*;

    const THINKERS: Quirks = Quirks {
        models: &[
            ModelQuirks { names: &["a-*-chat*"], refuses: &[EFFORT], refuses_thinking: &[], levels: &[] },
            ModelQuirks {
                names: &["a*", "b"],
                refuses: &["stop", "logit_bias"],
                refuses_thinking: &["temperature", "top_p", "logprobs", "top_logprobs"],
                levels: &[Effort::Low, Effort::High],
            },
        ],
        most_stops: 2,
        ..Quirks::NONE
    };

    /// What is sent of these settings, and what is lost.
    fn sent(target: Dialect, model: &str, settings: &Value) -> (Value, String) {
        let mut body = json!({ "model": model, "messages": [{ "role": "user", "content": "Hi" }] });
        body.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let asked = crate::read_request(Dialect::OpenaiChat, body.to_string().as_bytes()).unwrap();
        let mut receipt = Receipt::default();
        let body = crate::write_request(target, &asked, &THINKERS, &mut receipt).unwrap();
        let mut body: Value = serde_json::from_slice(&body).unwrap();
        for name in ["model", "messages", "input", "store", "include"] {
            body.as_object_mut().unwrap().remove(name);
        }
        (body, receipt.to_string())
    }

    #[test]
    fn a_model_is_not_sent_what_it_refuses() {
        let asked = json!({ "reasoning_effort": "low", "temperature": 0.5, "top_p": 1, "stop": ["x"],
            "logprobs": true, "logit_bias": { "7": 1 } });
        for (target, model, expected, lost) in [
            (
                Dialect::OpenaiChat,
                "of/a-1",
                json!({ "reasoning_effort": "low" }),
                "temperature, stop, logprobs, logit_bias",
            ),
            (Dialect::OpenaiChat, "c", asked.clone(), ""),
            (
                Dialect::OpenaiResponses,
                "b",
                json!({ "reasoning": { "effort": "low" } }),
                "stop, logprobs, temperature, logit_bias",
            ),
        ] {
            let (mut sent, receipt) = sent(target, model, &asked);
            if sent["top_p"] == 1.0 {
                sent["top_p"] = json!(1);
            }
            assert_eq!(sent, expected, "{model}");
            let sorted = |text: &str| {
                let mut names: Vec<String> = text.split(", ").map(str::to_owned).collect();
                names.sort();
                names
            };
            assert_eq!(sorted(&receipt), sorted(lost), "{model}");
        }
    }

    #[test]
    fn one_that_does_not_think_takes_more() {
        let asked = json!({ "reasoning_effort": "none", "temperature": 0.5 });
        let row = THINKERS.of_model("a").unwrap();
        assert!(!row.refuses("temperature", false) && row.refuses("stop", false));
        // It has no such level: the nearest is said, and named.
        let expected = json!({ "reasoning_effort": "low", "temperature": 0.5 });
        assert_eq!(sent(Dialect::OpenaiChat, "a", &asked), (expected, EFFORT.to_owned()));
    }

    #[test]
    fn levels_that_a_model_has_not_become_its_nearest() {
        for (asked, sent_as) in [("minimal", "low"), ("low", "low"), ("medium", "high"), ("max", "high")] {
            for (target, path) in
                [(Dialect::OpenaiChat, "/reasoning_effort"), (Dialect::OpenaiResponses, "/reasoning/effort")]
            {
                let (body, lost) = sent(target, "a", &json!({ "reasoning_effort": asked }));
                assert_eq!(body.pointer(path), Some(&json!(sent_as)), "{asked}");
                assert_eq!(lost.is_empty(), asked == sent_as, "{asked}");
            }
        }
        let (body, lost) =
            sent(Dialect::OpenaiChat, "a-1-chat-latest", &json!({ "reasoning_effort": "low" }));
        assert_eq!((body, lost.as_str()), (json!({}), EFFORT));
    }

    #[test]
    fn more_texts_that_end_an_answer_than_are_taken_are_named() {
        let (body, lost) = sent(Dialect::OpenaiChat, "c", &json!({ "stop": ["x", "y", "z"] }));
        assert_eq!((body, lost.as_str()), (json!({ "stop": ["x", "y"] }), "stop"));
        let (body, lost) = sent(Dialect::OpenaiChat, "c", &json!({ "stop": ["x", "y"] }));
        assert_eq!((body, lost.as_str()), (json!({ "stop": ["x", "y"] }), ""));
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("a-*-b*", "a-1-b-2", true),
            ("a-*-b*", "a-1", false),
            ("a*b", "acb", true),
            ("a*b", "abc", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
