//! Each shape, with all facts and with none.

use super::*;
use contract::ports::{Capabilities, Price, PriceTier, ServiceTier};
use contract::words::PicoUsd;

fn tier(input: i64, output: i64) -> PriceTier {
    PriceTier { input: PicoUsd(input), output: PicoUsd(output), ..PriceTier::default() }
}

fn card() -> ModelCard {
    let cached = PriceTier { cached: Some(PicoUsd(125_000)), ..tier(1_250_000, 10_000_000) };
    let price = Price {
        version: "2026-06-30".into(),
        base: cached,
        above: vec![(272_000, tier(2_500_000, 15_000_000))],
        tiers: vec![ServiceTier { name: "flex".into(), base: tier(625_000, 5_000_000), above: Vec::new() }],
        ..Price::default()
    };
    ModelCard {
        operations: vec![Operation::Chat],
        context_window: Some(400_000),
        capabilities: Capabilities { tools: Some(true), images: Some(false), ..Capabilities::default() },
        deprecated: Some("2027-01-31".to_owned()),
        price: Some(Arc::new(price)),
        ..ModelCard::unknown("openai/gpt-5")
    }
}

fn listed(dialect: Dialect, card: &ModelCard) -> Value {
    serde_json::from_slice(&list(dialect, &[Arc::new(card.clone())])).unwrap()
}

fn shown(dialect: Dialect, card: &ModelCard) -> Value {
    serde_json::from_slice(&one(dialect, card)).unwrap()
}

fn pricing_of_card() -> Value {
    json!({"currency": "USD", "version": "2026-06-30",
        "prompt": "0.00000125", "completion": "0.00001", "input_cache_read": "0.000000125",
        "above": [{"input_tokens": 272_000, "prompt": "0.0000025", "completion": "0.000015"}],
        "service_tiers": {"flex": {"prompt": "0.000000625", "completion": "0.000005"}}})
}

#[test]
fn openai_has_all_facts_beside_its_own_members() {
    let entry = json!({"id": "openai/gpt-5", "object": "model", "created": 0, "owned_by": "openai",
        "shutdown_date": "2027-01-31", "operations": ["chat"], "context_window": 400_000, "deprecated": "2027-01-31",
        "pricing": pricing_of_card(), "capabilities": {"tools": true, "images": false}});
    for dialect in [Dialect::OpenaiChat, Dialect::BedrockConverse, Dialect::KserveInfer] {
        assert_eq!(listed(dialect, &card()), json!({"object": "list", "data": [entry]}), "{dialect:?}");
    }
    assert_eq!(shown(Dialect::OpenaiChat, &card()), entry);
}

#[test]
fn what_is_not_known_is_left_out() {
    let unknown = ModelCard::unknown("fast");
    assert_eq!(
        shown(Dialect::OpenaiChat, &unknown),
        json!({"id": "fast", "object": "model", "created": 0, "owned_by": "pathgate", "operations": [],
            "capabilities": {}})
    );
    let anthropic = shown(Dialect::AnthropicMessages, &unknown);
    assert_eq!((anthropic.get("capabilities"), anthropic.get("pricing")), (None, None));
    assert_eq!(anthropic["lifecycle"], "active");
    // A model of which nobody knows what it does is offered to those who look for one to talk to.
    let google = shown(Dialect::GeminiGenerate, &unknown);
    assert_eq!(google["supportedGenerationMethods"][0], "generateContent");
    assert_eq!(listed(Dialect::OllamaChat, &unknown)["models"][0]["capabilities"], json!(["completion"]));
    let none: [Arc<ModelCard>; 0] = [];
    assert_eq!(
        list(Dialect::AnthropicMessages, &none),
        r#"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#
    );
}

#[test]
fn anthropic_has_capabilities_of_its_own_shape() {
    let list = listed(Dialect::AnthropicMessages, &card());
    assert_eq!((&list["first_id"], &list["has_more"]), (&json!("openai/gpt-5"), &json!(false)));
    let entry = &list["data"][0];
    assert_eq!((&entry["type"], &entry["lifecycle"]), (&json!("model"), &json!("deprecated")));
    assert_eq!((&entry["max_input_tokens"], &entry["context_window"]), (&json!(400_000), &json!(400_000)));
    assert_eq!(entry["retires_at"], "2027-01-31T00:00:00Z");
    assert_eq!(entry["pricing"], pricing_of_card());
    let can = &entry["capabilities"];
    assert_eq!(
        (&can["image_input"], &can["tools"]),
        (&json!({"supported": false}), &json!({"supported": true}))
    );
    for member in ["batch", "citations", "code_execution", "context_management", "effort", "pdf_input"] {
        assert_eq!(can[member]["supported"], false, "{member}");
    }
    let thinks = Capabilities { reasoning: Some(true), ..Capabilities::default() };
    let entry = shown(Dialect::AnthropicMessages, &ModelCard { capabilities: thinks, ..card() });
    assert_eq!(entry["capabilities"]["thinking"]["types"]["enabled"]["supported"], true);
    assert_eq!(entry["capabilities"].get("tools"), None);
}

#[test]
fn google_and_cohere_have_their_own_words_and_ours() {
    let google = listed(Dialect::GeminiGenerate, &card());
    let entry = &google["models"][0];
    assert_eq!((&entry["name"], &entry["inputTokenLimit"]), (&json!("models/openai/gpt-5"), &json!(400_000)));
    assert_eq!(
        entry["supportedGenerationMethods"],
        json!(["generateContent", "streamGenerateContent", "countTokens"])
    );
    assert_eq!((&entry["pricing"], &entry["capabilities"]["tools"]), (&pricing_of_card(), &json!(true)));

    let search = PriceTier { search: Some(PicoUsd(2_000_000_000)), ..PriceTier::default() };
    let rank = ModelCard {
        operations: vec![Operation::Rerank],
        context_window: Some(4_096),
        price: Some(Arc::new(Price { version: "configuration".into(), base: search, ..Price::default() })),
        ..ModelCard::unknown("co/rank")
    };
    assert_eq!(
        listed(Dialect::CohereChat, &rank),
        json!({"models": [{"name": "co/rank", "endpoints": ["rerank"], "finetuned": false, "is_deprecated": false,
            "context_length": 4_096, "features": [], "default_endpoints": [], "operations": ["rerank"],
            "context_window": 4_096, "capabilities": {},
            "pricing": {"currency": "USD", "version": "configuration", "prompt": "0", "completion": "0",
                "search": "0.002"}}]})
    );
    assert_eq!(shown(Dialect::CohereChat, &card())["features"], json!(["tools"]));
}

#[test]
fn ollama_lists_and_shows() {
    let tags = listed(Dialect::OllamaChat, &card());
    let tag = &tags["models"][0];
    assert_eq!((&tag["name"], &tag["model"]), (&json!("openai/gpt-5"), &json!("openai/gpt-5")));
    assert_eq!(tag["digest"].as_str().map(str::len), Some(64));
    let shown = shown(Dialect::OllamaChat, &card());
    assert_eq!(shown["model_info"]["pathgate.context_length"], 400_000);
    for entry in [tag, &shown] {
        assert_eq!(entry["capabilities"], json!(["completion", "tools"]));
        assert_eq!((&entry["pricing"], &entry["context_window"]), (&pricing_of_card(), &json!(400_000)));
    }
}

#[test]
fn a_question_names_its_model() {
    for (body, name) in [
        (r#"{"model":"a"}"#, Some("a")),
        (r#"{"name":"a","verbose":true}"#, Some("a")),
        (r#"{"name":"a","model":"b"}"#, Some("b")),
        ("{}", None),
        ("", None),
    ] {
        assert_eq!(asked(body.as_bytes()).ok().as_deref(), name, "{body}");
    }
}

fn names(dialect: Dialect, query: &str) -> Result<(Vec<String>, Value), String> {
    let card = |name: &str, does| Arc::new(ModelCard { operations: vec![does], ..ModelCard::unknown(name) });
    let cards = [
        card("a", Operation::Chat),
        card("p/b", Operation::Embeddings),
        card("c", Operation::Chat),
        card("d", Operation::Chat),
    ];
    let body =
        page(dialect, &cards, Some(query)).map_err(|fault| fault.param().unwrap_or_default().to_owned())?;
    let mut list: Value = serde_json::from_slice(&body).unwrap();
    let entries = list.get_mut("data").map(Value::take);
    let entries = entries.unwrap_or_else(|| list["models"].take());
    let name = |entry: &Value| entry.get("id").unwrap_or(&entry["name"]).as_str().unwrap().to_owned();
    Ok((entries.as_array().unwrap().iter().map(name).collect(), list))
}

#[test]
fn anthropic_pages_forth_and_back() {
    let page = |query| names(Dialect::AnthropicMessages, query);
    let ids = |query| page(query).unwrap().0;
    assert_eq!(ids(""), ["a", "p/b", "c", "d"]);
    let (ids_, list) = page("limit=2").unwrap();
    assert_eq!(
        (ids_, &list["has_more"], &list["last_id"]),
        (vec!["a".into(), "p/b".into()], &json!(true), &json!("p/b"))
    );
    let (ids_, list) = page("limit=2&after_id=p%2Fb").unwrap();
    assert_eq!((ids_, &list["has_more"]), (vec!["c".into(), "d".into()], &json!(false)));
    let (ids_, list) = page("limit=2&before_id=d").unwrap();
    assert_eq!((ids_, &list["has_more"]), (vec!["p/b".into(), "c".into()], &json!(true)));
    assert_eq!(page("before_id=p/b").unwrap().1["has_more"], false);
    assert_eq!(ids("after_id=d"), Vec::<String>::new());
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("after_id=x", "after_id"),
        ("before_id=x", "before_id"),
        ("after_id=a&before_id=d", "before_id"),
    ] {
        assert_eq!(page(query).unwrap_err(), field, "{query}");
    }
}

#[test]
fn google_and_cohere_page_by_tokens() {
    for (dialect, size, token, next) in [
        (Dialect::GeminiGenerate, "pageSize", "pageToken", "nextPageToken"),
        (Dialect::CohereChat, "page_size", "page_token", "next_page_token"),
    ] {
        let (mut seen, mut query) = (Vec::new(), format!("{size}=3"));
        loop {
            let (ids, list) = names(dialect, &query).unwrap();
            seen.push(ids.len());
            let Some(more) = list[next].as_str() else { break };
            query = format!("{size}=3&{token}={more}");
        }
        assert_eq!(seen, [3, 1]);
        assert_eq!(names(dialect, &format!("{size}=5000")).unwrap().0.len(), 4);
        for (query, field) in
            [(format!("{size}=-1"), size), (format!("{size}=x"), size), (format!("{token}=x"), token)]
        {
            assert_eq!(names(dialect, &query).unwrap_err(), field);
        }
    }
    assert_eq!(names(Dialect::GeminiGenerate, "pageSize=0&pageToken=").unwrap().0.len(), 4);
    assert_eq!(names(Dialect::CohereChat, "endpoint=embed").unwrap().0, ["p/b"]);
    assert_eq!(names(Dialect::CohereChat, "endpoint=nope").unwrap_err(), "endpoint");
    assert_eq!(names(Dialect::OpenaiChat, "limit=1").unwrap().0.len(), 4, "it has no pages");
}
