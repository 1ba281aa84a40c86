//! `generationConfig` ↔ canon. What canon has no word for stays under its name in the request's extra.

use contract::Fault;
use contract::canon::{Modality, OutputFormat, Receipt, Request, Sampling, Voice};
use serde_json::{Map, Value, json};

use super::models::Traits;
use super::names;
use super::schema::{fit, from_openapi, to_openapi};
use super::spoken::VOICES;
use super::thinking;
use super::tools::put_back;
use crate::emulate::WAV;
use crate::fields::{Fields, wrong};

/// The most stop sequences that are taken.
const STOPS: usize = 5;

/// The names of a schema, newest first. `_responseJsonSchema` is what `responseJsonSchema` was called in between.
const SCHEMAS: [&str; 3] = ["responseJsonSchema", "_responseJsonSchema", OLDER];
const OLDER: &str = "responseSchema";

/// The name of the type an answer is to have.
const TYPE: &str = "responseMimeType";

/// Reads `generationConfig`.
pub(super) fn read(fields: &mut Fields, request: &mut Request) -> Result<(), Fault> {
    let Some(mut config) = names::object(fields, "generationConfig")? else { return Ok(()) };
    let typed = config.has(TYPE);
    let (format, stood) = read_format(&mut config)?;
    request.format = format;
    read_config(&mut config, request)?;
    let mut left = config.left();
    // Which of its names the schema had, and that it came without a type.
    left.extend(stood.map(|name| (name.to_owned(), Value::Null)));
    left.extend(stood.filter(|_| !typed).map(|_| (TYPE.to_owned(), Value::Null)));
    put_back(fields, "generationConfig", left);
    Ok(())
}

fn read_config(config: &mut Fields, request: &mut Request) -> Result<(), Fault> {
    request.sampling = Sampling {
        temperature: names::number(config, "temperature")?,
        top_p: names::number(config, "topP")?,
        top_k: read_top_k(config)?,
        frequency_penalty: names::number(config, "frequencyPenalty")?,
        presence_penalty: names::number(config, "presencePenalty")?,
        seed: names::integer(config, "seed")?,
        stop: names::texts(config, "stopSequences")?,
        n: names::count(config, "candidateCount")?,
        logprobs: config.flag("responseLogprobs")?,
        top_logprobs: names::count(config, "logprobs")?,
    };
    request.max_output = names::count(config, "maxOutputTokens")?;
    request.modalities = read_modalities(config)?;
    if let Some(mut speech) = names::object(config, "speechConfig")? {
        request.voice = read_voice(&mut speech)?;
        put_back(config, "speechConfig", speech.left());
    }
    if let Some(thinking) = names::object(config, "thinkingConfig")? {
        let (reasoning, left) = thinking::read(thinking)?;
        request.reasoning = Some(reasoning);
        put_back(config, "thinkingConfig", left);
    }
    Ok(())
}

/// A whole number everywhere but at Vertex AI, whose reference has any number here: such a one stays Gemini's own.
fn read_top_k(config: &mut Fields) -> Result<Option<u64>, Fault> {
    const NAME: &str = "topK";
    match names::number(config, NAME)? {
        Some(number) if number.fract() != 0.0 => {
            config.put_back(NAME, number.into());
            Ok(None)
        }
        Some(number) => {
            config.put_back(NAME, number.into());
            names::count(config, NAME)
        }
        None => Ok(None),
    }
}

/// The schema, under which of its names it stood, and whether any JSON is wanted.
fn read_format(config: &mut Fields) -> Result<(OutputFormat, Option<&'static str>), Fault> {
    let mime = config.text(TYPE)?;
    let json = match mime.as_deref() {
        Some("application/json") => true,
        Some("text/plain") | None => false,
        // A word of an enumeration, which the schema lists.
        Some(other) => {
            config.put_back(TYPE, other.into());
            return Ok((OutputFormat::Text, None));
        }
    };
    for name in SCHEMAS {
        let Some(schema) = config.value(name) else { continue };
        let schema = if name == OLDER { from_openapi(schema) } else { schema };
        // Gemini gives it no name, OpenAI insists on one.
        let name_of_schema = "response".to_owned();
        let format =
            OutputFormat::JsonSchema { name: name_of_schema, description: None, schema, strict: None };
        return Ok((format, Some(name)));
    }
    Ok((if json { OutputFormat::JsonObject } else { OutputFormat::Text }, None))
}

fn read_modalities(config: &mut Fields) -> Result<Vec<Modality>, Fault> {
    const NAME: &str = "responseModalities";
    let path = config.path(NAME);
    let listed = names::list(config, NAME);
    if listed.iter().any(Value::is_number) {
        config.put_back(NAME, listed.into());
        return Ok(Vec::new());
    }
    let text = |value| {
        if let Value::String(text) = value { Ok(text) } else { Err(wrong(&path, "a list of strings")) }
    };
    let named = listed.into_iter().map(text).collect::<Result<Vec<String>, Fault>>()?;
    let known = |name: &String| match name.to_ascii_uppercase().as_str() {
        "TEXT" => Some(Modality::Text),
        "AUDIO" => Some(Modality::Audio),
        "IMAGE" => Some(Modality::Image),
        _ => None,
    };
    match named.iter().map(known).collect() {
        Some(modalities) => Ok(modalities),
        None => {
            config.put_back(NAME, named.into());
            Ok(Vec::new())
        }
    }
}

/// The one voice; several speakers have no word in canon.
fn read_voice(speech: &mut Fields) -> Result<Option<Voice>, Fault> {
    let Some(mut voice) = names::object(speech, "voiceConfig")? else { return Ok(None) };
    let mut name = None;
    if let Some(mut prebuilt) = names::object(&mut voice, "prebuiltVoiceConfig")? {
        name = prebuilt.text("voiceName")?;
        put_back(&mut voice, "prebuiltVoiceConfig", prebuilt.left());
    }
    put_back(speech, "voiceConfig", voice.left());
    Ok(name.map(|name| Voice { name: Some(name), format: None }))
}

/// Writes `generationConfig`. `left` is what the dialect's own client said there beyond canon.
pub(super) fn write(
    request: &Request,
    traits: Traits,
    left: Option<&Map<String, Value>>,
    own: bool,
    receipt: &mut Receipt,
) -> Map<String, Value> {
    let mut config = sampling(&request.sampling, own, receipt);
    config.extend(request.max_output.map(|most| ("maxOutputTokens".to_owned(), most.into())));
    config.extend(format(&request.format, left, own, receipt));
    config.extend(modalities(&request.modalities));
    config.extend(request.voice.as_ref().and_then(|voice| speech(voice, request.stream, receipt)));
    let thinking = request.reasoning.as_ref().map(|asked| {
        let unset = |left: &Map<String, Value>| left.get("thinkingConfig")?.get("thinkingBudget").cloned();
        match own {
            true => thinking::write_own(asked, left.and_then(unset) == Some(Value::Null)),
            false => thinking::write(asked, traits.thinking, receipt),
        }
    });
    config
        .extend(thinking.filter(|map| !map.is_empty()).map(|map| ("thinkingConfig".to_owned(), map.into())));
    config
}

fn sampling(asked: &Sampling, own: bool, receipt: &mut Receipt) -> Map<String, Value> {
    let mut stops = asked.stop.as_slice();
    if stops.len() > STOPS && !own {
        receipt.dropped(format!("stop[{STOPS}]"), "Gemini takes five stop sequences");
        stops = &stops[..STOPS];
    }
    // A 32-bit number in the API reference.
    let seed = asked.seed.filter(|seed| own || i32::try_from(*seed).is_ok());
    if seed != asked.seed {
        receipt.dropped("seed", "Gemini takes a 32-bit seed");
    }
    // Alternatives are given only with the likelihoods themselves.
    let likely = asked.logprobs.or(asked.top_logprobs.filter(|top| *top > 0 && !own).map(|_| true));
    let top = asked.top_logprobs.filter(|_| own || likely == Some(true));
    let fields = [
        ("temperature", asked.temperature.map(Value::from)),
        ("topP", asked.top_p.map(Value::from)),
        ("topK", asked.top_k.map(Value::from)),
        ("candidateCount", asked.n.map(Value::from)),
        ("stopSequences", (!stops.is_empty()).then(|| stops.into())),
        ("seed", seed.map(Value::from)),
        ("presencePenalty", asked.presence_penalty.map(Value::from)),
        ("frequencyPenalty", asked.frequency_penalty.map(Value::from)),
        ("responseLogprobs", likely.map(Value::from)),
        ("logprobs", top.map(Value::from)),
    ];
    fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

fn format(
    format: &OutputFormat,
    left: Option<&Map<String, Value>>,
    own: bool,
    receipt: &mut Receipt,
) -> Map<String, Value> {
    let mut fields = Map::new();
    let untyped = own && left.is_some_and(|left| left.get(TYPE) == Some(&Value::Null));
    if *format != OutputFormat::Text && !untyped {
        fields.insert(TYPE.to_owned(), "application/json".into());
    }
    if let OutputFormat::JsonSchema { schema, .. } = format {
        let older = own && left.is_some_and(|left| left.contains_key(OLDER));
        let (name, schema) = match (older, own) {
            (true, _) => (OLDER, to_openapi(schema.clone())),
            (false, true) => (SCHEMAS[0], schema.clone()),
            (false, false) => (SCHEMAS[0], fit(schema.clone(), "response_format.schema", receipt)),
        };
        fields.insert(name.to_owned(), schema);
    }
    fields
}

fn modalities(asked: &[Modality]) -> Option<(String, Value)> {
    let name = |modality: &Modality| match modality {
        Modality::Text => "TEXT",
        Modality::Audio => "AUDIO",
        Modality::Image => "IMAGE",
    };
    let names: Vec<&str> = asked.iter().map(name).collect();
    (!names.is_empty()).then(|| ("responseModalities".to_owned(), json!(names)))
}

/// Sound is always raw PCM of 16 bits (docs: "Speech generation"). In a whole answer it can be made into WAV.
fn speech(voice: &Voice, streamed: bool, receipt: &mut Receipt) -> Option<(String, Value)> {
    let can_be = |format: &str| matches!(format, "pcm" | "pcm16") || (format == WAV && !streamed);
    if voice.format.as_deref().is_some_and(|format| !can_be(format)) {
        receipt.dropped("audio.format", "Gemini speaks raw PCM");
    }
    let name = voice.name.as_deref()?;
    if VOICES.contains(&name) {
        receipt.dropped("audio.voice", "the model has other voices");
        return None;
    }
    let prebuilt = json!({"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": name}}});
    Some(("speechConfig".to_owned(), prebuilt))
}
