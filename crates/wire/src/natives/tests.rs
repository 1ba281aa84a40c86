//! What is kept of a conversation, found again in it and in no other.

use contract::canon::{Message, Provenance, Role, ToolResult};
use serde_json::json;

use super::*;

const TARGET: Dialect = Dialect::AnthropicMessages;
/// An id such as servers draw.
const DRAWN: &str = "toolu_01A09q90qw90lq917835lq9Z";

fn thought(text: &str, signature: &str) -> Part {
    Part::new(PartKind::Reasoning(text.to_owned()), Provenance::Model)
        .with_native(TARGET, json!({"signature": signature}))
}

fn text(text: &str) -> Part {
    Part::text(text, Provenance::Model)
}

fn calls(id: &str, arguments: &str) -> Part {
    let (id, name, arguments) = (id.to_owned(), "f".to_owned(), arguments.to_owned());
    Part::new(PartKind::ToolCall { id, name, arguments, custom: false }, Provenance::Model)
}

fn call(id: &str) -> Part {
    calls(id, "{}")
}

fn asks(words: &str) -> Message {
    Message::new(Role::User, vec![Part::text(words, Provenance::User)])
}

fn system(words: &str) -> Message {
    Message::new(Role::System, vec![Part::text(words, Provenance::System)])
}

fn says(parts: Vec<Part>) -> Message {
    Message::new(Role::Assistant, parts)
}

fn returns(call: &str, words: &str) -> Message {
    let parts = vec![Part::text(words, Provenance::Tool)];
    let result = ToolResult { call: call.to_owned(), name: None, parts, failed: false };
    Message::new(Role::Tool, vec![Part::new(PartKind::ToolResult(result), Provenance::Tool)])
}

fn talk(messages: Vec<Message>) -> Request {
    Request { messages, ..Request::default() }
}

fn maker(dialect: Dialect) -> Maker {
    Maker { dialect, account: "one".to_owned(), family: None }
}

/// What is kept of an answer to a conversation.
fn kept(before: &[Message], answer: &[Part]) -> Remembered {
    kept_of(&maker(TARGET), before, answer)
}

fn kept_of(maker: &Maker, before: &[Message], answer: &[Part]) -> Remembered {
    let (trail, _) = Trail::of(&talk(before.to_vec()));
    let choice = Choice { parts: answer.to_vec(), ..Choice::default() };
    remember(&trail, &choice, maker).unwrap()
}

/// A conversation with what is put back into it.
fn put(request: &mut Request, kept: &[Remembered], target: Dialect) -> Restored {
    put_for(request, kept, Target { account: &maker(target), refused: false })
}

fn put_for(request: &mut Request, kept: &[Remembered], target: Target<'_>) -> Restored {
    let (_, spots) = Trail::of(request);
    let found: Vec<(Anchor, Bytes)> = kept
        .iter()
        .flat_map(|kept| kept.anchors.iter().map(|anchor| (*anchor, kept.body.clone())))
        .filter(|(anchor, _)| spots.iter().any(|spot| spot.anchors.contains(anchor)))
        .collect();
    restore(request, &spots, &found, target)
}

/// The last message of the model, once this is sent after an answer to `before`.
fn comes_back(before: &[Message], answer: &[Part], sent: Vec<Message>) -> Vec<Part> {
    let mut request = talk(sent);
    put(&mut request, &[kept(before, answer)], TARGET);
    request.messages.into_iter().rfind(|message| message.role == Role::Assistant).unwrap().parts
}

fn again(answer: &[Part], sent: Vec<Part>) -> Vec<Part> {
    comes_back(&[asks("q")], answer, vec![asks("q"), says(sent)])
}

#[test]
fn thoughts_come_back_before_the_call_they_led_to() {
    let answer = vec![thought("hm", "sig"), text("let me see"), call("c1"), call("c2")];
    let sent = vec![text("let me see"), call("c1"), call("c2")];
    assert_eq!(again(&answer, sent), answer);
}

#[test]
fn the_same_words_in_another_conversation_find_nothing() {
    let answer = [thought("about Ann", "sig"), text("Yes.")];
    let ann = [system("s"), asks("Is Ann at home?")];
    let other = vec![system("s"), asks("Is Bob at home?"), says(vec![text("Yes.")])];
    assert_eq!(comes_back(&ann, &answer, other), [text("Yes.")]);
    // Nor where the operator says something else.
    let other = vec![system("of Bob"), asks("Is Ann at home?"), says(vec![text("Yes.")])];
    assert_eq!(comes_back(&ann, &answer, other), [text("Yes.")]);
    // Nor where an earlier turn differs.
    let earlier = [asks("I am Ann."), says(vec![text("Hello.")]), asks("ok?")];
    let other = vec![asks("I am Bob."), says(vec![text("Hello.")]), asks("ok?"), says(vec![text("Yes.")])];
    assert_eq!(comes_back(&earlier, &answer, other), [text("Yes.")]);
}

#[test]
fn counted_ids_find_nothing_in_another_conversation() {
    for id in
        ["functions.weather:0", "call_1", "call_g_1", "call_00f1a2b3c4d5e6f7_1", "get_weather_forecast_2"]
    {
        let answer = [thought("for Ann", "sig"), call(id)];
        let ann = [asks("I am Ann."), says(vec![text("Hello.")]), asks("the weather?")];
        let other =
            vec![asks("I am Bob."), says(vec![text("Hello.")]), asks("the weather?"), says(vec![call(id)])];
        assert_eq!(comes_back(&ann, &answer, other), [call(id)], "{id}");
        let mut same = ann.to_vec();
        same.push(says(vec![call(id)]));
        assert_eq!(comes_back(&ann, &answer, same), answer, "{id}");
    }
}

#[test]
fn drawn_ids_survive_a_new_system_prompt_reminders_and_turns_that_are_cut_off() {
    let reminder =
        |words: &str| Part::text(format!("<system-reminder>{words}</system-reminder>"), Provenance::User);
    let answer = [thought("hm", "sig"), call(DRAWN)];
    let mut question = asks("the weather?");
    question.parts.insert(0, reminder("one"));
    let before = [system("at one"), asks("hi"), says(vec![text("Hello.")]), question];
    let mut question = asks("the weather?");
    question.parts.push(reminder("two"));
    let tail = vec![system("at two"), question, says(vec![call(DRAWN)]), returns(DRAWN, "rain")];
    assert_eq!(comes_back(&before, &answer, tail.clone()), answer);
    // Another question, or another id, is another conversation.
    let mut other = tail.clone();
    other[1] = asks("the time?");
    assert_eq!(comes_back(&before, &answer, other), [call(DRAWN)]);
    let mut other = tail;
    other[2] = says(vec![call("toolu_01B17q90qw90lq917835lq9Z")]);
    assert_eq!(comes_back(&before, &answer, other), [call("toolu_01B17q90qw90lq917835lq9Z")]);

    // A later call of the same turn: what came since the question counts.
    let since = [asks("q"), says(vec![call(DRAWN)]), returns(DRAWN, "rain")];
    let cut = |result| {
        let sent = vec![
            system("new"),
            asks("q"),
            says(vec![call(DRAWN)]),
            returns(DRAWN, result),
            says(vec![text("Yes.")]),
        ];
        comes_back(&since, &[thought("rain", "sig"), text("Yes.")], sent).len()
    };
    assert_eq!((cut(" rain\n"), cut("sun")), (2, 1));
    assert_eq!(cut("rain\n<system-reminder>be brief</system-reminder>"), 2);
    assert_eq!(cut("rain <system-reminder>that never ends"), 1);
}

#[test]
fn a_client_without_ids_is_known_by_its_calls() {
    let answer = [thought("hm", "sig"), calls("a", r#"{"x":1,"y":{"b":[2.0],"a":"z"}}"#), calls("b", "")];
    let sent = vec![calls("call_1", r#"{ "y": {"a":"z","b":[2]}, "x": 1.0 }"#), calls("call_2", "{}")];
    let back = again(&answer, sent.clone());
    assert_eq!(back, [answer[0].clone(), sent[0].clone(), sent[1].clone()]);
    let other = vec![calls("call_1", r#"{"x":2}"#), calls("call_2", "{}")];
    assert_eq!(again(&answer, other.clone()), other);
    // A custom tool is a function for a provider that has none.
    let custom =
        PartKind::ToolCall { id: "c".into(), name: "f".into(), arguments: "a b".into(), custom: true };
    let custom = Part::new(custom, Provenance::Model);
    let wrapped = calls("a", r#"{"input":"a b"}"#);
    assert_eq!(again(&[thought("hm", "sig"), wrapped], vec![custom.clone()]), [thought("hm", "sig"), custom]);
}

#[test]
fn calls_keep_the_clients_order() {
    let one = |id| calls(id, r#"{"n":1}"#);
    let answer = vec![thought("a", "s1"), call("c1"), thought("b", "s2"), one("c2")];
    assert_eq!(again(&answer, vec![call("x"), one("y")])[1..], [call("x"), thought("b", "s2"), one("y")]);
    // What is not known stays where it is.
    let put = |kept: Vec<Part>, sent: Vec<Part>| {
        let from = maker(TARGET);
        let account = &from.clone();
        let mut putting = Putting::new(Kept { from, parts: kept }, Target { account, refused: false });
        putting.all(sent.into_iter().map(|part| (0, part)).collect(), 0);
        putting.out.into_iter().map(|(_, part, _)| part).collect::<Vec<_>>()
    };
    let sent = vec![calls("z", r#"{"n":9}"#), call("c1"), one("c2")];
    let back = put(answer.clone(), sent.clone());
    assert_eq!(back.first(), answer.first());
    let shown: Vec<Part> = back.into_iter().filter(|part| !is_hidden(part)).collect();
    assert_eq!(shown, sent);
    let sent = vec![one("c2"), call("c1")];
    let shown: Vec<Part> = put(answer, sent.clone()).into_iter().filter(|part| !is_hidden(part)).collect();
    assert_eq!(shown, sent);
    // A text that the client changed stands after the thought that came first.
    let answer = vec![thought("hm", "sig"), text("a secret"), call("c1")];
    assert_eq!(
        put(answer, vec![text("[gone]"), call("c1")]),
        [thought("hm", "sig"), text("[gone]"), call("c1")]
    );
}

#[test]
fn thoughts_that_the_client_sends_bare_are_replaced_by_the_signed_ones() {
    let bare = Part::new(PartKind::Reasoning("hm".to_owned()), Provenance::Model);
    let answer = vec![thought("hm", "sig"), text("yes")];
    assert_eq!(again(&answer, vec![bare, text("yes")]), answer);
}

#[test]
fn a_text_is_found_however_it_is_cut_or_trimmed() {
    let answer = vec![thought("hm", "sig"), text("yes, "), text("indeed")];
    assert_eq!(again(&answer, vec![text("yes, indeed\n")]), [thought("hm", "sig"), text("yes, indeed\n")]);
}

#[test]
fn what_the_client_changed_is_another_conversation() {
    let answer = vec![thought("hm", "sig"), text("a secret"), call("c1")];
    let sent = vec![text("[gone]"), call("c1")];
    assert_eq!(again(&answer, sent.clone()), sent);
}

#[test]
fn sidecars_of_what_the_client_does_send_are_restored() {
    let signed = call("c1").with_native(TARGET, json!({"thoughtSignature": "s"}));
    let expected = std::slice::from_ref(&signed);
    assert_eq!(again(expected, vec![call("c1")]), expected);
    // A client whose own dialect has sidecars: the target's counts.
    let own = call("c1").with_native(Dialect::OpenaiResponses, json!({"item": {}}));
    assert_eq!(again(expected, vec![own.clone()]), expected);
    let other = call("c1").with_native(Dialect::BedrockConverse, json!({"x": 1}));
    assert_eq!(again(&[other], vec![own.clone()]), [own]);
    // A signature may stand beside nothing.
    let last = text("").with_native(TARGET, json!({"thoughtSignature": "s"}));
    assert_eq!(again(&[text("yes"), last.clone()], vec![text("yes")]), [text("yes"), last]);
}

#[test]
fn another_target_gets_none_of_it_and_the_client_is_not_charged_with_that() {
    let answer = [thought("hm", "sig"), text("yes")];
    let kept = [kept(&[asks("q")], &answer)];
    let sent = talk(vec![asks("q"), says(vec![text("yes")])]);
    let mut request = sent.clone();
    let restored = put(&mut request, &kept, Dialect::GeminiGenerate);
    assert_eq!((&request, restored.bytes), (&sent, 0));
    assert_eq!(restored.left_out.to_string(), "messages[1].content[0]");
    restored.undo(&mut request);

    let restored = put(&mut request, &kept, TARGET);
    assert_eq!(request.messages[1].parts, answer);
    assert!(restored.left_out.is_empty() && restored.bytes > 0);
    let mut lost = Receipt::default();
    for field in ["messages[1].content[0]", "messages[1].content[1].native", "top_k"] {
        lost.dropped(field, "why");
    }
    assert_eq!(restored.of_client(&lost).to_string(), "messages[1].content[1].native, top_k");
    restored.undo(&mut request);
    assert_eq!(request, sent);
}

#[test]
fn blocks_go_to_the_account_that_made_them_or_to_one_of_its_family() {
    let of = |account: &str, family: Option<&str>| Maker {
        dialect: TARGET,
        account: account.to_owned(),
        family: family.map(str::to_owned),
    };
    let signed = text("yes").with_native(TARGET, json!({"x": 1}));
    let answer = [thought("hm", "sig"), signed];
    let sent = talk(vec![asks("q"), says(vec![text("yes")])]);
    let goes = |from: &Maker, account: &Maker, refused| {
        let kept = [kept_of(from, &[asks("q")], &answer)];
        let mut request = sent.clone();
        let restored = put_for(&mut request, &kept, Target { account, refused });
        let whole = request.messages[1].parts == answer;
        assert_eq!((whole, restored.bytes > 0), (restored.left_out.is_empty(), whole));
        assert!(whole || request == sent);
        restored.left_out.entries().first().map(|lost| lost.reason.to_string())
    };
    let (mine, other) = (of("a", None), of("b", None));
    assert_eq!(goes(&mine, &mine, false), None);
    let reason = "a block that only the account 'a' understands";
    assert_eq!(goes(&mine, &other, false).as_deref(), Some(reason));
    let (one, two) = (of("a", Some("f")), of("b", Some("f")));
    assert_eq!(goes(&one, &two, false), None);
    assert!(goes(&one, &of("b", Some("g")), false).is_some());
    assert!(goes(&one, &other, false).is_some() && goes(&mine, &two, false).is_some());
    // Its thoughts, where both have a word for them.
    let bedrock = Maker { dialect: Dialect::BedrockConverse, ..two };
    let answer = [thought("hm", "sig"), text("yes")];
    let mut request = sent.clone();
    let target = Target { account: &bedrock, refused: false };
    let restored = put_for(&mut request, &[kept_of(&one, &[asks("q")], &answer)], target);
    let value = json!({"reasoningContent": {"reasoningText": {"signature": "sig"}}});
    assert_eq!(request.messages[1].parts[0].native_for(Dialect::BedrockConverse), Some(&value));
    assert!(restored.left_out.is_empty());
    let answer = request.messages[1].parts.clone();
    for (account, takes) in [(&one, true), (&of("c", None), false)] {
        let mut request = sent.clone();
        let target = Target { account, refused: false };
        put_for(&mut request, &[kept_of(&bedrock, &[asks("q")], &answer)], target);
        assert_eq!(request.messages[1].parts[0] == thought("hm", "sig"), takes);
    }
    // It was put back, and the provider would not have it.
    let reason = "the provider refused the request with this block";
    assert_eq!(goes(&mine, &mine, true).as_deref(), Some(reason));
}

#[test]
fn an_answer_that_is_sent_as_several_messages_is_restored_over_all_of_them() {
    let answer = [thought("hm", "s1"), text("let me see"), thought("so", "s2"), call(DRAWN), call("c2")];
    let before = [asks("q")];
    let back = |messages: Vec<Message>, answer: &[Part]| {
        let mut request = talk(messages);
        let sent = request.clone();
        let restored = put(&mut request, &[kept(&before, answer)], TARGET);
        let parts: Vec<Vec<Part>> = request.messages.iter().map(|message| message.parts.clone()).collect();
        restored.undo(&mut request);
        assert_eq!(request, sent);
        parts
    };
    let split = |between: &[Message]| {
        [&[asks("q"), says(vec![text("let me see")])], between, &[says(vec![call(DRAWN), call("c2")])]]
            .concat()
    };
    let parts = back(split(&[]), &answer);
    assert_eq!((&parts[1][..], &parts[2][..]), (&answer[..2], &answer[2..]));
    // What the operator puts between stays as it is.
    let parts = back(split(&[system("s")]), &answer);
    assert_eq!((&parts[1][..], &parts[3][..]), (&answer[..2], &answer[2..]));
    assert_eq!(parts[2], system("s").parts);
    // The message before may be another answer: what this one says begins after it.
    let before_it = [asks("q"), says(vec![text("one")])];
    let answer = [thought("hm", "s1"), text("two")];
    let mut request = talk([&before_it[..], &[says(vec![text("two")])]].concat());
    put(&mut request, &[kept(&before_it, &answer)], TARGET);
    assert_eq!(
        (&request.messages[1].parts[..], &request.messages[2].parts[..]),
        (&[text("one")][..], &answer[..])
    );
    // One message with what the client had begun itself.
    let mut request = talk(vec![asks("q"), says(vec![text("one two")])]);
    put(&mut request, &[kept(&before_it, &answer)], TARGET);
    assert_eq!(request.messages[1].parts, [thought("hm", "s1"), text("one two")]);
    // What stays out is named where it would stand.
    let answer = [thought("hm", "s1"), text("let me see"), call(DRAWN), call("c2")];
    let mut request = talk(split(&[]));
    let restored = put(&mut request, &[kept(&before, &answer)], Dialect::GeminiGenerate);
    assert_eq!(restored.left_out.to_string(), "messages[1].content[0]");
}

#[test]
fn much_is_put_back_once_and_within_bounds() {
    // The same turn over and over: one message is put back, once.
    let answer = [thought(&"x".repeat(1 << 20), "sig"), call(DRAWN)];
    let turn = || [asks("q"), says(vec![call(DRAWN)])];
    let mut request = talk((0..1_000).flat_map(|_| turn()).collect());
    let restored = put(&mut request, &[kept(&[asks("q")], &answer)], TARGET);
    assert!(restored.bytes < 2 << 20, "{}", restored.bytes);

    // Many large ones: the newest, as many as there is room for.
    let (mut before, mut all) = (Vec::new(), Vec::new());
    for number in 0..20 {
        before.push(asks(&format!("q{number}")));
        let said = text(&format!("a{number}"));
        all.push(kept(&before, &[thought(&"x".repeat(1 << 20), "sig"), said.clone()]));
        before.push(says(vec![said]));
    }
    let mut request = talk(before);
    let restored = put(&mut request, &all, TARGET);
    assert!((6 << 20..=MOST_RESTORED as u64).contains(&restored.bytes), "{}", restored.bytes);
    assert_eq!(request.messages.last().unwrap().parts.len(), 2);
    assert_eq!(request.messages[1].parts.len(), 1);
    assert!(restored.left_out.to_string().contains("messages[1]"));
}

#[test]
fn only_the_newest_messages_are_looked_for() {
    let turns = (0..1_000).flat_map(|number| [asks(&number.to_string()), says(vec![text("ok")])]);
    let (_, spots) = Trail::of(&talk(turns.collect()));
    assert_eq!((spots.len(), spots[0].message), (256, 1_999));
}

#[test]
fn plain_answers_are_not_kept() {
    let trail = Trail::default();
    let plain = |parts| remember(&trail, &Choice { parts, ..Choice::default() }, &maker(TARGET));
    assert_eq!(plain(vec![text("a"), call("c")]), None);
    assert_eq!(plain(vec![thought("a", "b")]), None);
}
