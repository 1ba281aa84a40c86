//! The embedded book and small books of our own.

use contract::ports::Searches;
use contract::words::{NanoUsd, PicoUsd, Usage};

use super::*;

const SMALL: &str = r#"{"version":"2026-01-01"}
{"provider":"a","model":"big","mode":"chat","context":400000,"output":9,"can":["tools"],"cannot":["audio"],"price":{"input":"2.5","output":"10","cached":"0.25"},"above":[{"tokens":272000,"price":{"input":"5"}}],"tiers":[{"name":"flex","price":{"input":"1.25","output":"5"},"above":[{"tokens":272000,"price":{"input":"2.5"}}]}]}
{"provider":"a","model":"free","mode":"chat","price":{"input":"0","output":"0"}}
{"provider":"b","model":"cards-only","mode":"embedding"}
"#;

fn small() -> PriceBook {
    PriceBook::index(Cow::Borrowed(SMALL)).unwrap()
}

fn usage(input: u64, cached: u64, output: u64) -> Usage {
    Usage { input, cached, output, ..Usage::default() }
}

#[test]
fn the_embedded_book_is_sound_and_large() {
    let book = PriceBook::embedded().unwrap();
    let mut priced = 0;
    for start in &book.lines {
        let entry = book.compile(&book.parse(*start).unwrap()).unwrap();
        priced += usize::from(entry.price.is_some());
    }
    assert!(priced >= 2_500, "{priced} models have a price");
    assert!(book.providers().len() >= 40, "{} providers", book.providers().len());
}

#[test]
fn long_context_and_tiers_pick_their_price() {
    let price = small().lookup("a", "big").unwrap().price.unwrap();
    // 1,000 full + 1,000 cached + 100 out.
    assert_eq!(price.cost(&usage(1_000, 1_000, 100), None), NanoUsd(2_500_000 + 250_000 + 1_000_000));
    // Above 272,000 input tokens the whole call costs the step's price; what a step does not name stays.
    assert_eq!(price.cost(&usage(300_000, 0, 100), None), NanoUsd(300_000 * 5_000 + 1_000_000));
    assert_eq!(price.cost(&usage(272_000, 0, 0), None), NanoUsd(272_000 * 2_500));
    assert_eq!(price.cost(&usage(1_000, 0, 100), Some("flex")), NanoUsd(1_250_000 + 500_000));
    assert_eq!(price.cost(&usage(300_000, 0, 0), Some("flex")), NanoUsd(300_000 * 2_500));
    assert_eq!(price.cost(&usage(1_000, 0, 0), Some("default")), NanoUsd(2_500_000));
}

#[test]
fn unknown_is_not_zero_and_zero_is_not_unknown() {
    let book = small();
    assert!(book.lookup("a", "bigger").is_none());
    assert!(book.lookup("b", "big").is_none());
    assert!(book.lookup("b", "cards-only").unwrap().price.is_none());
    assert_eq!(book.lookup("a", "free").unwrap().price.unwrap().cost(&usage(9, 9, 9), None), NanoUsd(0));
}

#[test]
fn dates_are_left_off_when_the_dated_name_is_unknown() {
    let book = small();
    for name in ["big-2025-08-07", "big-20250807", "big@20250807", "models/big"] {
        assert_eq!(book.lookup("a", name).unwrap().name, "big", "{name}");
    }
    for name in ["big-latest", "big-2025", "-20250807", "big-mini-20250807", "bi\u{301}-20250807"] {
        assert!(book.lookup("a", name).is_none(), "{name}");
    }
}

#[test]
fn capabilities_are_yes_no_or_unknown() {
    let card = small().lookup("a", "big").unwrap();
    assert_eq!(
        (card.capabilities.tools, card.capabilities.audio, card.capabilities.pdf),
        (Some(true), Some(false), None)
    );
    let names: Vec<String> = small().models_of("a").into_iter().map(|card| card.name).collect();
    assert_eq!(names, ["big", "free"]);
}

#[test]
fn books_out_of_order_are_refused() {
    for text in [
        "",
        "{}\n",
        "{\"version\":\"1\"}\nnonsense\n",
        "{\"version\":\"1\"}\n{\"provider\":\"b\",\"model\":\"x\"}\n{\"provider\":\"a\",\"model\":\"x\"}\n",
        "{\"version\":\"1\"}\n{\"provider\":\"a\",\"model\":\"x\"}\n{\"provider\":\"a\",\"model\":\"x\"}\n",
    ] {
        assert!(PriceBook::index(Cow::Owned(text.to_owned())).is_err(), "{text}");
    }
}

#[test]
fn hosts_lead_to_the_books_names() {
    assert_eq!(PriceBook::provider_of("openai-compatible", Some("api.groq.com")), "groq");
    assert_eq!(PriceBook::provider_of("openai", Some("api.openai.com")), "openai");
    assert_eq!(PriceBook::provider_of("openai-compatible", Some("127.0.0.1")), "openai-compatible");
    assert_eq!(PriceBook::provider_of("dashscope", None), "alibaba");
    assert_eq!(PriceBook::provider_of("dashscope", Some("dashscope.aliyuncs.com")), "alibaba-cn");
}

/// Kinds of accounts that have prices, as `providers` calls them.
#[test]
fn kinds_lead_to_models_of_the_book() {
    let book = PriceBook::embedded().unwrap();
    for kind in [
        "azure",
        "vertex",
        "mistral",
        "groq",
        "deepseek",
        "xai",
        "openrouter",
        "together",
        "fireworks",
        "perplexity",
        "cerebras",
        "huggingface",
        "nvidia",
        "sambanova",
        "moonshot",
        "zai",
        "dashscope",
        "minimax",
        "replicate",
        "watsonx",
        "databricks",
        "snowflake",
        "cloudflare",
        "github",
        "lm-studio",
    ] {
        assert!(!book.models_of(PriceBook::provider_of(kind, None)).is_empty(), "{kind}");
    }
}

/// Spot checks against the catalogue the book is made from, where it lies beside the project.
#[test]
fn known_prices_agree_with_the_catalogue() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/catalog/litellm_model_prices.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: the shared catalogue is not beside the project");
        return;
    };
    let catalogue: serde_json::Value = serde_json::from_str(&text).unwrap();
    let book = PriceBook::embedded().unwrap();
    for (provider, model, key) in [
        ("openai", "gpt-5-mini", "gpt-5-mini"),
        ("openai", "gpt-4o", "gpt-4o"),
        ("anthropic", "claude-haiku-4-5", "claude-haiku-4-5"),
        ("gemini", "gemini-2.5-pro", "gemini/gemini-2.5-pro"),
        ("openai", "text-embedding-3-small", "text-embedding-3-small"),
    ] {
        let price = book.lookup(provider, model).unwrap().price.unwrap();
        for (field, figure) in [
            ("input_cost_per_token", Some(price.base.input)),
            ("output_cost_per_token", Some(price.base.output)),
            ("cache_read_input_token_cost", price.base.cached),
            ("cache_creation_input_token_cost", price.base.cache_write),
        ] {
            let Some(expected) = catalogue[key][field].as_f64() else { continue };
            let pico = figure.unwrap_or_else(|| panic!("{model} has no {field}")).0;
            assert!((pico as f64 - expected * 1e12).abs() < 0.5, "{model} {field}: {pico}");
        }
    }
}

#[test]
fn searches_and_pictures_have_prices_of_their_own() {
    let book = PriceBook::index(Cow::Borrowed(
        r#"{"version":"2026-01-01"}
{"provider":"a","model":"draw","mode":"image_generation","price":{"input":"5","output":"40","image_input":"10","image_output":"40"}}
{"provider":"a","model":"rank","mode":"rerank","price":{"input":"0","output":"0","search":"2000"}}
"#,
    ))
    .unwrap();
    let rank = book.lookup("a", "rank").unwrap();
    assert_eq!(rank.operations, [Operation::Rerank]);
    let searches = Usage { searches: 3, ..Usage::default() };
    assert_eq!(rank.price.unwrap().cost(&searches, None), NanoUsd(6_000_000));
    let draw = book.lookup("a", "draw").unwrap().price.unwrap();
    let pictures = Usage { input: 10, image_input: 20, image_output: 30, searches: 1, ..Usage::default() };
    assert_eq!(draw.cost(&pictures, None), NanoUsd(10 * 5_000 + 20 * 10_000 + 30 * 40_000));
}

#[test]
fn models_say_what_they_do() {
    let book = PriceBook::embedded().unwrap();
    let entry = |model: &str| book.lookup("openai", model).unwrap();
    assert_eq!(entry("omni-moderation-latest").operations, [Operation::Moderation]);
    assert_eq!(entry("gpt-4o-mini-tts").operations, [Operation::Speech]);
    assert_eq!(entry("gpt-4o-transcribe").operations, [Operation::Transcription]);
    assert!(entry("gpt-4o-transcribe").price.is_some());
    let picture = entry("gpt-image-1.5");
    assert_eq!(picture.operations, [Operation::Images]);
    let drawn = Usage { image_output: 1_000, ..Usage::default() };
    let written = Usage { output: 1_000, ..Usage::default() };
    let price = picture.price.unwrap();
    assert!(price.cost(&drawn, None) > price.cost(&written, None));
    let both = book.lookup("gemini", "gemini-2.5-flash-image").unwrap();
    assert_eq!(both.operations, [Operation::Images, Operation::Chat]);
}

#[test]
fn media_that_are_not_billed_by_tokens_have_a_card_and_no_price() {
    let book = PriceBook::embedded().unwrap();
    for (provider, model, operation) in [
        ("openai", "whisper-1", Operation::Transcription),
        ("openai", "tts-1", Operation::Speech),
        ("groq", "whisper-large-v3", Operation::Transcription),
        ("scaleway", "whisper-large-v3", Operation::Transcription),
        ("bedrock", "stability.stable-outpaint-v1:0", Operation::Images),
        ("vercel", "cohere/rerank-v3.5", Operation::Rerank),
    ] {
        let card = book.lookup(provider, model).unwrap_or_else(|| panic!("{provider}/{model} is not there"));
        assert_eq!(
            (card.operations.as_slice(), card.price),
            ([operation].as_slice(), None),
            "{provider}/{model}"
        );
    }
    let free = book.lookup("openai", "omni-moderation-latest").unwrap().price.unwrap();
    assert_eq!(free.cost(&usage(9, 9, 9), None), NanoUsd(0));
}

#[test]
fn reasoning_costs_what_the_output_of_its_tier_does() {
    let price = PriceBook::embedded().unwrap().lookup("gemini", "gemini-2.5-flash").unwrap().price.unwrap();
    let tier = price.tiers.iter().find(|tier| &*tier.name == "flex").unwrap();
    assert!(tier.base.output < price.base.output);
    let thought = Usage { output: 1_000, reasoning: 1_000, ..Usage::default() };
    let said = Usage { output: 1_000, ..Usage::default() };
    assert_eq!(price.cost(&thought, Some("flex")), price.cost(&said, Some("flex")));
}

#[test]
fn a_width_of_vectors_is_no_limit_of_output() {
    let book = PriceBook::embedded().unwrap();
    for (provider, model) in [("openai", "text-embedding-3-small"), ("openai", "text-embedding-3-large")] {
        let card = book.lookup(provider, model).unwrap();
        assert_eq!((card.max_output, card.context_window.is_some()), (None, true), "{model}");
    }
    let silent = |card: &ModelCard| card.operations == [Operation::Embeddings];
    assert!(book.models_of("azure").iter().filter(|card| silent(card)).all(|card| card.max_output.is_none()));
    assert!(book.lookup("openai", "gpt-4o").unwrap().max_output.is_some());
}

#[test]
fn searches_of_the_web_have_a_price_where_it_is_one() {
    let book = PriceBook::embedded().unwrap();
    let of = |provider: &str, model: &str| {
        let price = book.lookup(provider, model).unwrap().price.unwrap();
        (price.base.search.map(PicoUsd::to_millions), price.searches)
    };
    let usd = |text: &str| Some(text.to_owned());
    assert_eq!(of("anthropic", "claude-haiku-4-5"), (usd("10000"), Searches::Each));
    assert_eq!(of("vertex", "claude-haiku-4-5"), (usd("10000"), Searches::Each));
    assert_eq!(of("openai", "gpt-5.2"), (usd("10000"), Searches::Each));
    assert_eq!(of("openai", "gpt-5-search-api"), (usd("10000"), Searches::Always));
    assert_eq!(of("gemini", "gemini-2.5-flash"), (usd("35000"), Searches::Once));
    assert_eq!(of("gemini", "gemini-3-flash-preview"), (usd("14000"), Searches::Each));
    // By the version of the tool, and by what the request asks for: no answer tells.
    assert_eq!(of("openai", "gpt-4.1"), (None, Searches::Each));
    assert_eq!(of("perplexity", "sonar"), (None, Searches::Always));
    // What is not covered is not the whole cost.
    let flash = book.lookup("gemini", "gemini-2.5-flash").unwrap().price.unwrap();
    let searched = Usage { searches: 4, ..usage(0, 0, 0) };
    assert_eq!((flash.covers(&searched, None), flash.cost(&searched, None)), (true, NanoUsd(35_000_000)));
    let sonar = book.lookup("perplexity", "sonar").unwrap().price.unwrap();
    assert!(!sonar.covers(&usage(1, 0, 1), None));
}

#[test]
fn a_word_for_searches_that_is_none_is_refused() {
    let line = |word: &str| {
        let text = format!(
            "{{\"version\":\"1\"}}\n{{\"provider\":\"a\",\"model\":\"x\",\"mode\":\"chat\",\"price\":{{}},\"searches\":\"{word}\"}}\n"
        );
        PriceBook::index(Cow::Owned(text)).unwrap().lookup("a", "x")
    };
    assert!(line("once").is_some());
    assert!(line("seldom").is_none());
}
