//! Counts that are known: of texts from tiktoken 0.14, of conversations from OpenAI's cookbook and its API.

use contract::canon::{Extra, ServerTool};
use contract::canon::{
    MediaKind, MediaSource, Message, OutputFormat, Part, PartKind, Provenance, Reasoning, Role, Tool,
    ToolResult,
};
use contract::words::Dialect;
use serde_json::json;

use super::*;

fn say(role: Role, text: &str) -> Message {
    Message::new(role, vec![Part::text(text, Provenance::User)])
}

fn ask(model: &str, messages: Vec<Message>) -> Request {
    Request { model: model.to_owned(), messages, ..Request::default() }
}

fn count(request: &Request) -> Count {
    Counter.request(request)
}

// tidy: table
#[test]
fn texts_have_the_tokens_that_tiktoken_gives() {
    for (text, o200k, cl100k) in [
        ("", 0, 0),
        ("hello world", 2, 2),
        ("Hello, world! Is it high tide yet?", 10, 10),
        ("antidisestablishmentarianism", 6, 6),
        ("2 + 2 = 4", 7, 7),
        ("123456789", 3, 3),
        ("お誕生日おめでとう", 8, 9),
        ("naïve café — “quoted”", 8, 8),
        ("\n\n\n   \t\t x", 3, 3),
        ("    indented\n        more\n", 7, 7),
        ("😀👩‍👩‍👧‍👦 emoji", 13, 21),
        ("don't I'll WE'RE", 5, 6),
        ("fn main() { println!(\"{}\", 1_000); }", 12, 12),
        // The name of a special token is text.
        ("<|endoftext|>", 7, 7),
        ("Ünïcödé ΑΒΓ абв", 10, 16),
        ("{\"a\":[1,2,3],\"b\":null}", 13, 13),
        ("https://example.com/a/b?c=d&e=f#g", 12, 12),
        ("\r\n\r\nline\r\n", 3, 3),
        ("\0\u{1}", 2, 2),
        ("ＦＵＬＬ ｗｉｄｔｈ", 17, 19),
        ("مرحبا بالعالم", 4, 10),
        ("नमस्ते दुनिया", 5, 13),
    ] {
        for (model, tokens) in [("gpt-4o", o200k), ("o3", o200k), ("gpt-4", cl100k)] {
            assert_eq!(Counter.text(model, text), Count { tokens, error_percent: 0 }, "{text} for {model}");
        }
    }
}

#[test]
fn monotonous_texts_take_no_longer_than_others() {
    // Half a megabyte each: what is not linear would take minutes. A word is cut each 4 KiB, which may add a token.
    for (piece, tokens) in [
        ("x", 65_536),
        (" ", 4_096),
        ("\n ", 131_073),
        ("é", 262_144),
        ("1", 174_763),
        ("!", 32_768),
        ("aB", 262_145),
        ("日本語", 116_508),
    ] {
        let text = piece.repeat((1 << 19) / piece.len());
        let counted = Counter.text("gpt-5", &text).tokens;
        assert!((tokens..=tokens + (1 << 19) / 4096 * 3).contains(&counted), "{piece:?}: {counted}");
    }
}

#[test]
fn conversations_are_framed_as_openai_documents() {
    // The cookbook's rule: 3 for a message, 1 for its role, 3 before the answer.
    let hello = ask("gpt-4o", vec![say(Role::User, "hello world")]);
    assert_eq!(count(&hello), Count { tokens: 2 + 4 + 3, error_percent: 0 });
    let mut named = say(Role::System, "hello world");
    named.name = Some("hello world".to_owned());
    let several =
        ask("gpt-4", vec![named, say(Role::User, "hello world"), say(Role::Assistant, "123456789")]);
    assert_eq!(count(&several), Count { tokens: 2 + 2 + 1 + 2 + 3 + 3 * 4 + 3, error_percent: 0 });
    // Harmony: 2 before the answer, a channel in each earlier one.
    let turns = |model| ask(model, vec![say(Role::User, "hello world"), say(Role::Assistant, "123456789")]);
    assert_eq!(count(&turns("gpt-5")), Count { tokens: 2 + 3 + 2 * 4 + 2 + 2, error_percent: 0 });
    assert_eq!(count(&ask("gpt-4o", Vec::new())).tokens, 3);
}

#[test]
fn functions_follow_the_cookbook_and_are_doubted() {
    let mut request = ask("gpt-4o", vec![say(Role::User, "hello world")]);
    request.tools.push(Tool::Function {
        name: "hello".to_owned(),
        description: Some("world.".to_owned()),
        parameters: Some(
            json!({"type": "object", "properties": {"a": {"type": "string", "enum": ["b", "c"]}}}),
        ),
        strict: None,
        cache: None,
        extra: Extra::default(),
    });
    let counted = count(&request);
    // 7 for the function and 3 of "hello:world", 3 for properties, 3 for one and 3 of "a:string:", 1 and 4 for the values, 12.
    assert_eq!(counted.tokens, 9 + 7 + 3 + 3 + 3 + 3 + 1 + 4 + 12);
    assert!((40..=60).contains(&counted.error_percent), "{counted:?}");
}

#[test]
fn others_are_estimated_and_say_so() {
    let request = ask("llama-3.3-70b", vec![say(Role::User, &"Low water is at four. ".repeat(500))]);
    let counted = count(&request);
    let yardstick = count(&Request { model: "gpt-4o".to_owned(), ..request.clone() });
    assert!(yardstick.is_exact());
    assert!((yardstick.tokens - 5..yardstick.tokens + 20).contains(&counted.tokens));
    assert!((10..=20).contains(&counted.error_percent));
    let mut claude = Request { model: "claude-sonnet-4-5".to_owned(), ..request };
    let calm = count(&claude).tokens;
    assert!(calm > yardstick.tokens);
    claude.reasoning = Some(Reasoning { budget: Some(1024), ..Reasoning::default() });
    assert_eq!(count(&claude).tokens, calm + 29);
    claude.reasoning = Some(Reasoning { budget: Some(0), ..Reasoning::default() });
    assert_eq!(count(&claude).tokens, calm);
}

#[test]
fn what_no_model_takes_is_not_read() {
    let text = "Low water is at four. ".repeat(800_000);
    let counted = count(&ask("gpt-4o", vec![say(Role::User, &text)]));
    assert_eq!(counted, Count { tokens: text.len() as u64 / 4 + 7, error_percent: 50 });
}

#[test]
fn what_nobody_documents_is_doubted() {
    let base = ask("gpt-4o", vec![say(Role::User, "hello world")]);
    let mut referring = base.clone();
    referring.extra.fields.insert("previous_response_id".to_owned(), json!("resp_1"));
    let mut searching = base.clone();
    searching.tools.push(Tool::Server {
        owner: Dialect::OpenaiResponses,
        tool: ServerTool::WebSearch,
        value: json!({"type": "web_search"}),
    });
    let mut shaped = base.clone();
    shaped.format = OutputFormat::JsonSchema {
        name: "a".to_owned(),
        description: None,
        schema: json!({"type": "object"}),
        strict: None,
    };
    let mut thinking = base.clone();
    thinking.messages.push(Message::new(
        Role::Assistant,
        vec![
            Part::new(PartKind::Reasoning("hello world, again and again".to_owned()), Provenance::Model),
            Part::new(PartKind::Native, Provenance::Model),
        ],
    ));
    for request in [referring, searching, shaped, thinking] {
        let counted = count(&request);
        assert!(counted.tokens > count(&base).tokens && counted.error_percent > 25, "{counted:?}");
    }
}

#[test]
fn results_of_tools_and_pictures_count() {
    let picture = |detail: &str| {
        let data = "iVBORw0KGgoAAAANSUhEUgAABAAAAAQA".to_owned();
        let source = MediaSource::Base64 { mime: "image/png".to_owned(), data };
        let part = Part::new(PartKind::Media { kind: MediaKind::Image, source }, Provenance::User);
        part.with_native(Dialect::OpenaiChat, json!({"image_url": {"detail": detail}}))
    };
    let shown = |detail| ask("gpt-4o", vec![Message::new(Role::User, vec![picture(detail)])]);
    assert_eq!(count(&shown("high")).tokens, 765 + 4 + 3);
    assert_eq!(count(&shown("low")).tokens, 85 + 4 + 3);
    assert!((20..=25).contains(&count(&shown("high")).error_percent));
    let result = ToolResult {
        call: "c".to_owned(),
        name: None,
        parts: vec![Part::text("hello world", Provenance::Tool), picture("low")],
        failed: false,
    };
    let told = Message::new(Role::Tool, vec![Part::new(PartKind::ToolResult(result), Provenance::Tool)]);
    assert_eq!(count(&ask("gpt-4o", vec![told])).tokens, 2 + 85 + 7 + 4 + 3);
}

#[test]
fn holds_are_bounds_and_pictures_do_not_inflate_them() {
    let size = |text, media, pictures| InputSize { text, media, pictures };
    assert_eq!(Counter.most("gpt-4o", size(10_000, 0, 0)), 5_512);
    assert_eq!(Counter.most("gpt-4o", size(0, 16_000, 0)), 1_512);
    // A megabyte of base64 would be half a million tokens of text.
    assert_eq!(Counter.most("claude-sonnet-4-5", size(200, 0, 1)), 16_612);
    assert_eq!(Counter.most("gpt-4o-mini", size(200, 0, 1)), 48_781);
    let huge = size(u64::MAX, u64::MAX, u64::MAX);
    assert!(Counter.most("m", huge) > u64::MAX / 2 && likely(huge) > u64::MAX / 4);
    assert_eq!(likely(size(400, 320, 1)), 100 + 1 + 1_000);
    assert_eq!(likely(InputSize::default()), 0);
}
