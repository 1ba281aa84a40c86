//! Responses that are kept, by small made-up ones.

use contract::canon::Asked;

use super::*;
use crate::EncodeOptions;

fn bytes(value: &Value) -> Bytes {
    value.to_string().into()
}

fn parsed(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

#[test]
fn keeping_is_the_default_and_background_needs_it() {
    let plain = Keeping { store: true, previous: None, background: false, items: Vec::new() };
    assert_eq!(keeping(br#"{"model":"m","store":null,"previous_response_id":null}"#).unwrap(), plain);
    let asked = keeping(br#"{"store":false,"previous_response_id":"resp_1"}"#).unwrap();
    assert_eq!(asked, Keeping { store: false, previous: Some("resp_1".to_owned()), ..plain });
    for (body, param) in [
        (&br#"{"store":1}"#[..], "store"),
        (br#"{"background":"yes"}"#, "background"),
        (br#"{"previous_response_id":7}"#, "previous_response_id"),
        (br#"{"background":true,"store":false}"#, "background"),
    ] {
        let fault = keeping(body).unwrap_err();
        assert_eq!((fault.code(), fault.param()), (Code::InvalidRequest, Some(param)));
    }
}

#[test]
fn input_is_a_list_of_items() {
    for (input_said, items) in [
        (
            json!("hi"),
            json!([{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}]),
        ),
        (json!([{"role":"user","content":"a"}]), json!([{"role":"user","content":"a"}])),
        (Value::Null, json!([])),
    ] {
        assert_eq!(parsed(&input(&bytes(&json!({"model":"m","input":input_said})))), items);
    }
    assert_eq!(input(&Bytes::from_static(b"{}")), "[]");
}

#[test]
fn a_conversation_is_written_out_in_order() {
    let thought = json!({"type":"reasoning","id":"rs_1","summary":[]});
    let sealed = json!({"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"xyz"});
    let said = json!({"type":"message","id":"msg_1","role":"assistant","content":[]});
    let first = bytes(&json!({"id":"resp_1","instructions":"old","output":[thought, sealed, said]}));
    let second = bytes(&json!({"id":"resp_2","output":[]}));
    let turns = [
        Turn { input: br#"[ {"role":"user","content":"one"} ]"#, response: &first, own: true },
        Turn { input: b"[]", response: &second, own: true },
    ];
    let body = bytes(&json!({"model":"m","previous_response_id":"resp_2","input":"two","x":1}));
    let written = parsed(&expand(&body, &turns, false).unwrap().0);
    let two = parsed(&input(&body))[0].clone();
    let one = json!({"role":"user","content":"one"});
    assert_eq!(
        written,
        json!({"model":"m","previous_response_id":null,"input":[one, thought, sealed, said, two],"x":1})
    );

    let (written, left_out) = expand(&body, &turns, true).unwrap();
    let said = json!({"type":"message","role":"assistant","content":[]});
    assert_eq!(parsed(&written)["input"], json!([one, sealed, said, two]));
    assert!(left_out, "the thought that nobody can read");

    // Encrypted thoughts are nonsense to any other account.
    let others = turns.map(|turn| Turn { own: false, ..turn });
    let (written, left_out) = expand(&body, &others, true).unwrap();
    assert_eq!(parsed(&written)["input"], json!([one, said, two]));
    assert!(left_out && !expand(&body, &others[1..], true).unwrap().1);

    let bare = Bytes::from_static(br#" {"model":"m","previous_response_id":"resp_2"}"#);
    let written = parsed(&expand(&bare, &turns, true).unwrap().0);
    assert_eq!(written["input"], json!([one, sealed, said]));
    assert!(expand(&Bytes::from_static(br#"{"input":7}"#), &turns, true).is_err());
}

#[test]
fn places_are_those_of_what_the_client_sent() {
    let first = bytes(&json!({"id":"resp_1","output":[{"type":"message","role":"assistant","content":[
        {"type":"output_text","text":"b"}]}]}));
    let turns = [Turn { input: br#"[{"role":"user","content":"a"}]"#, response: &first, own: true }];
    for (input, places) in [
        (json!("c"), ["previous_response_id", "previous_response_id", "input"].as_slice()),
        (
            json!([{"role":"user","content":"c"}, {"role":"user","content":"d"}]),
            &["previous_response_id", "previous_response_id", "input[0]", "input[1]"],
        ),
    ] {
        let body = bytes(&json!({"model":"m","previous_response_id":"resp_1","input":input}));
        let (expanded, _) = expand(&body, &turns, false).unwrap();
        let mut asked = crate::read_request(Dialect::OpenaiResponses, &expanded).unwrap();
        placed(&mut asked, &body, &expanded);
        let Asked::Chat(request) = &asked else { panic!("no conversation") };
        let at: Vec<_> = request.messages.iter().filter_map(|message| message.at.as_deref()).collect();
        assert_eq!(at, places);
        let mut again = asked.clone();
        placed(&mut again, &body, &body);
        assert_eq!(again, asked);
    }
}

#[test]
fn what_is_seen_to_here_does_not_go_out() {
    let body =
        Bytes::from_static(br#"{"store":true,"background":true,"previous_response_id":"r","model":"m"}"#);
    assert_eq!(
        stateless(&body),
        r#"{"store":null,"background":null,"previous_response_id":null,"model":"m"}"#
    );
    assert_eq!(
        foreground(&body),
        r#"{"store":true,"background":null,"previous_response_id":"r","model":"m"}"#
    );
    let plain = Bytes::from_static(br#"{"model":"m"}"#);
    assert_eq!(stateless(&plain), plain);
}

#[test]
fn responses_change_their_state() {
    let options = EncodeOptions {
        id: "resp_9".to_owned(),
        asked: "a/b".to_owned(),
        created: 7,
        repeated: repeated(br#"{"metadata":{"a":"b"},"tools":[],"temperature":null,"background":true}"#),
        ..EncodeOptions::default()
    };
    let waiting = queued(&options);
    let shown = parsed(&waiting);
    assert_eq!(
        (&shown["id"], &shown["status"], &shown["model"]),
        (&json!("resp_9"), &json!("queued"), &json!("a/b"))
    );
    assert_eq!((&shown["metadata"], &shown["created_at"]), (&json!({"a":"b"}), &json!(7)));
    assert!(facts(&waiting).unwrap().is_pending());
    assert!(facts(&in_progress(&waiting)).unwrap().is_pending());
    let over = failed(&waiting, "rate_limit_error", "Wait.");
    assert!(!facts(&over).unwrap().is_pending());
    assert_eq!(parsed(&over)["error"], json!({"code":"rate_limit_exceeded","message":"Wait."}));
    assert_eq!(facts(&cancelled(&waiting)).unwrap().status, "cancelled");
    assert_eq!(facts(&named(&waiting, "resp_1", None)).unwrap().id, "resp_1");
    for nothing in ["", "[]", "{}", r#"{"id":"resp_1"}"#, r#"{"id":"","output":[]}"#] {
        assert_eq!(facts(nothing.as_bytes()), None);
    }
}

/// A page of these turns, the newest first.
fn listed(turns: &[(&str, Turn<'_>)], query: &str) -> Result<Bytes, Fault> {
    let mut list = List::default();
    turns.iter().for_each(|(id, turn)| list.add(id, *turn));
    let mut part = list.page(&Page::read(Some(query)).unwrap())?;
    for number in part.turns() {
        part.fill(number, turns[number].0, turns[number].1);
    }
    Ok(part.written())
}

#[test]
fn pages_come_to_an_end_where_items_have_the_same_id() {
    let same =
        br#"[{"type":"message","role":"user","id":"msg_same","content":"a"},{"role":"user","content":"b"},
        {"type":"message","role":"user","id":"msg_same","content":"c"},{"role":"user","content":"d"}]"#;
    let answer =
        bytes(&json!({"output":[{"type":"message","id":"msg_same","content":[]}, {"type":"reasoning"}]}));
    let turn = Turn { input: same, response: &answer, own: false };
    let turns = [("resp_2", turn), ("resp_1", turn)];
    for order in ["asc", "desc"] {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = parsed(&listed(&turns, &format!("limit=1&order={order}{after}")).unwrap());
            let id = page["data"][0]["id"].as_str().unwrap().to_owned();
            assert!(!seen.contains(&id), "{id}");
            after = format!("&after={id}");
            seen.push(id);
            if page["has_more"] == false {
                break;
            }
        }
        assert_eq!(seen.len(), 10, "{order}");
        let whole = parsed(&listed(&turns, &format!("order={order}")).unwrap());
        let ids: Vec<&str> =
            whole["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
        assert_eq!(ids, seen);
    }
}

#[test]
fn items_are_listed_page_by_page() {
    let response = bytes(&json!({"id":"resp_1","output":[{"type":"message","id":"msg_1_pg0","content":[]}]}));
    let first = Turn { input: br#"[{"role":"user","content":"one"}]"#, response: &response, own: true };
    let second = Turn {
        input: br#"[{"role":"assistant","content":"two"},{"type":"message","id":"own"}]"#,
        response: b"{}",
        own: true,
    };
    let turns = [("resp_2", second), ("resp_1", first)];
    let page = |query: &str| parsed(&listed(&turns, query).unwrap());
    let all = page("order=asc");
    let ids: Vec<&Value> = all["data"].as_array().unwrap().iter().map(|item| &item["id"]).collect();
    assert_eq!(ids.len(), 4);
    assert_eq!((ids[1], ids[3]), (&json!("msg_1_pg0"), &json!("own")));
    assert_eq!(all["data"][0]["content"], json!([{"type":"input_text","text":"one"}]));
    assert_eq!(all["data"][2]["content"][0]["type"], "output_text");
    assert_eq!((&all["has_more"], &all["first_id"], &all["last_id"]), (&json!(false), ids[0], ids[3]));
    assert_eq!(page("")["data"][0]["id"], "own", "the newest first");
    let next = page(&format!("order=asc&limit=1&after={}", ids[1].as_str().unwrap()));
    assert_eq!((&next["data"][0]["id"], &next["has_more"]), (ids[2], &json!(true)));
    let before = page(&format!("order=asc&limit=1&before={}", ids[2].as_str().unwrap()));
    assert_eq!((&before["data"][0]["id"], &before["has_more"]), (ids[1], &json!(true)));
    let between = page(&format!("order=asc&after={}&before=own", ids[0].as_str().unwrap()));
    assert_eq!((&between["first_id"], &between["last_id"]), (ids[1], ids[2]));
    assert_eq!(page("include%5B%5D=reasoning.encrypted_content")["data"].as_array().unwrap().len(), 4);
    for query in ["limit=0", "limit=101", "limit=x", "limit=", "order=up", "include=all", "include[]=x"] {
        assert!(Page::read(Some(query)).is_err(), "{query}");
    }
    for query in ["after=nobody", "before=nobody"] {
        let fault = listed(&turns, query).unwrap_err();
        assert_eq!(fault.param(), query.split_once('=').map(|(name, _)| name), "{query}");
    }
    assert!(
        wants_stream(Some("a=b&stream=true")) && !wants_stream(Some("stream=false")) && !wants_stream(None)
    );
}

#[test]
fn the_last_frame_gives_the_response_under_any_chunking() {
    let delta = r#"event: response.output_text.delta
data: {"type":"response.output_text.delta","delta":"say response.completed"}

"#;
    let last = r#"event: response.completed
data: {"type":"response.completed","response":{"id":"resp_1","output":[]},"sequence_number":3}

"#;
    let unnamed = last.replace("event: response.completed\n", "");
    for text in
        [format!("{delta}{last}"), format!("{delta}{unnamed}"), format!("{delta}{last}data: [DONE]\n\n")]
    {
        for cut in 0..text.len() {
            let mut tap = Tap::default();
            let found = tap.feed(&text.as_bytes()[..cut]).or(tap.feed(&text.as_bytes()[cut..]));
            assert_eq!(found.unwrap(), r#"{"id":"resp_1","output":[]}"#);
            assert_eq!(tap.begun(), None);
        }
    }
    let created =
        "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\n\n";
    let text = format!("{created}{delta}{last}");
    for cut in 0..text.len() {
        let mut tap = Tap::from_start();
        tap.feed(&text.as_bytes()[..cut]);
        tap.feed(&text.as_bytes()[cut..]);
        assert_eq!(tap.begun().unwrap(), r#"{"id":"resp_1"}"#);
        assert_eq!(tap.begun(), None);
    }
    assert_eq!(Tap::default().feed(delta.as_bytes()), None);
}

#[test]
fn a_response_repeats_what_it_was_asked_with() {
    let body =
        br#"{"model":"m","input":"a","tools":[{"type":"web_search"}],"tool_choice":"auto","user":null}"#;
    let told = serde_json::Value::Object(super::repeated(body));
    assert_eq!(told, serde_json::json!({"tools": [{"type": "web_search"}], "tool_choice": "auto"}));
}

const STEM: &str = "0198c0de00007000800000000000abcd";

#[test]
fn a_request_names_items_by_their_ids() {
    let items = json!([{"role":"user","content":"a"}, {"type":"item_reference","id":"msg_1"}, {"id":"rs_1"},
        {"type":"item_reference","id":"msg_1"}, {"type":"message","role":"assistant","id":"msg_2","content":"b"},
        {"type":"function_call","call_id":"c","name":"f","arguments":"{\"id\": \"x\"}"}]);
    let body = bytes(&json!({"model":"m","input":items}));
    assert_eq!(keeping(&body).unwrap().items, ["msg_1", "rs_1"]);
    for none in [
        json!("say item_reference"),
        json!([{"role":"user","content":"item_reference"}]),
        json!([{"role":"user","content":[{"id":"x"}]}, {"type":"web_search_call","id":"ws_1"}]),
        json!([{"type":7,"id":"x"}, 7, {"type":"item_reference"}]),
        json!({"type":"item_reference","id":"msg_1"}),
    ] {
        assert!(keeping(&bytes(&json!({"input":none}))).unwrap().items.is_empty(), "{none}");
    }

    // In their places: byte for byte as they are kept.
    let thought = br#"{"type":"reasoning", "id":"rs_1","summary":[]}"#;
    let said = br#"{"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"x","n":1.0}]}"#;
    let (written, left_out) = inlined(&body, |id| match id {
        "msg_1" => Instead::Item(said),
        _ => Instead::Item(thought),
    });
    assert!(left_out.is_empty() && all_told(&written).is_ok());
    let list = parsed(&written)["input"].clone();
    assert_eq!((list.as_array().unwrap().len(), &list[1]), (6, &parsed(said)));
    assert!(written.windows(thought.len()).any(|window| window == thought));
    assert_eq!(list[5], items[5]);

    // For another account of this API: without what only its maker can look up.
    let (written, left_out) = inlined(&body, |id| match id {
        "msg_1" => Instead::Portable { item: said, own: false },
        _ => Instead::Portable { item: thought, own: true },
    });
    assert_eq!((left_out, parsed(&written)["input"].as_array().unwrap().len()), (vec![2], 5));
    assert_eq!(parsed(&written)["input"][1].get("id"), None);

    let (same, _) = inlined(&body, |_| Instead::Itself);
    assert_eq!(parsed(&same), parsed(&body));
    let fault = all_told(&same).unwrap_err();
    assert_eq!((fault.code(), fault.param()), (Code::ItemNotFound, Some("input[1]")));
    assert!(fault.message().contains("'msg_1'"), "{}", fault.message());
}

#[test]
fn items_are_found_in_the_turn_that_holds_them() {
    let response = format!("resp_{STEM}");
    let said = format!("msg_{STEM}_pg1");
    let answer = bytes(&json!({"id":response,"output":[{"type":"reasoning","id":"rs_9","summary":[]},
        {"type":"message","id":said,"content":[]}]}));
    let input =
        br#"[{"role":"user","content":"one"},{"type":"message","role":"user","id":"own","content":"two"},
        {"type":"item_reference","id":"gone"}]"#;
    let turn = Turn { input, response: &answer, own: true };
    let found = |id: &str| item(turn, &response, id).map(|item| parsed(&item));
    assert_eq!(found(&said).unwrap()["type"], "message");
    assert_eq!(found("rs_9").unwrap()["type"], "reasoning");
    assert_eq!(found("own").unwrap()["content"], "two");
    assert_eq!(found("gone"), None, "a name is no item");
    let page = parsed(&listed(&[(&response, turn)], "order=asc").unwrap());
    assert_eq!(found(page["data"][0]["id"].as_str().unwrap()).unwrap()["content"], "one");
    assert_eq!(found("msg_nobody"), None);
}

#[test]
fn a_server_that_says_nothing_of_keeping_keeps_nothing() {
    let keeps =
        |fields: &str| facts(format!(r#"{{"id":"resp_1","output":[]{fields}}}"#).as_bytes()).unwrap().store;
    assert!(keeps(r#","store":true"#) && keeps(r#","background":true"#));
    for fields in ["", r#","store":false"#, r#","store":null"#, r#","store":false,"background":true"#] {
        assert!(!keeps(fields), "{fields}");
    }
}

#[test]
fn only_fields_of_the_request_are_others() {
    let body = br#"{"model":"m","input":[],"tools":[],"previous_response_id":"r"}"#;
    assert!(
        has_other(body, "tools[0].name") && has_other(body, "input[2].content") && has_other(body, "model")
    );
    for param in ["previous_response_id", "input", "input[1].id", "response_id", ""] {
        assert!(!has_other(body, param), "{param}");
    }
}
