"""The official OpenAI SDK against the gateway, in front of each kind of provider."""

import asyncio
import json

import openai
import pydantic
import pytest

import gateway as running
from providers import ARGUMENTS, INPUT_TOKENS, OUTPUT_TOKENS, STRUCTURED, VECTOR

PROVIDERS = ["house", "claude", "gem"]
EVERYBODY = [*PROVIDERS, "demo"]
QUESTION = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
# One transparent pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class City(pydantic.BaseModel):
    city: str
    population: int


def model(provider):
    return "demo/echo" if provider == "demo" else f"{provider}/text"



def check_text(provider, text):
    if provider == "demo":
        assert "Hi" in text
    else:
        assert text == f"Hello from {provider}."


@pytest.mark.parametrize("provider", EVERYBODY)
def test_chat(oai, provider):
    raw = oai.chat.completions.with_raw_response.create(model=model(provider), messages=QUESTION)
    answer = raw.parse()
    check_text(provider, answer.choices[0].message.content)
    assert answer.object == "chat.completion"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    if provider != "demo":
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (INPUT_TOKENS, OUTPUT_TOKENS)
    assert raw.headers["x-pathgate-request-id"].startswith("req_")
    assert raw.headers["x-pathgate-model"] == model(provider)
    assert raw.headers["x-pathgate-attempts"] == "1"


@pytest.mark.parametrize("provider", EVERYBODY)
def test_stream_without_usage(oai, provider):
    chunks = list(oai.chat.completions.create(model=model(provider), messages=QUESTION, stream=True))
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)
    check_text(provider, "".join(chunk.choices[0].delta.content or "" for chunk in chunks))
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("provider", EVERYBODY)
def test_stream_with_usage(oai, provider):
    options = {"include_usage": True}
    chunks = list(
        oai.chat.completions.create(model=model(provider), messages=QUESTION, stream=True, stream_options=options)
    )
    last = chunks[-1]
    assert last.choices == []
    if provider != "demo":
        assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (INPUT_TOKENS, OUTPUT_TOKENS)
    assert last.usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in chunks[:-1])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_tools_there_and_back(oai, provider):
    turns = [{"role": "user", "content": "The weather in Paris?"}]
    answer = oai.chat.completions.create(model=model(provider), messages=turns, tools=[WEATHER])
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    assert call.id and call.type == "function" and call.function.name == "weather"
    assert json.loads(call.function.arguments) == ARGUMENTS
    turns.append(choice.message.model_dump(exclude_none=True))
    turns.append({"role": "tool", "tool_call_id": call.id, "content": '{"sky": "clear"}'})
    answer = oai.chat.completions.create(model=model(provider), messages=turns, tools=[WEATHER])
    check_text(provider, answer.choices[0].message.content)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_tools_streamed(oai, provider):
    turns = [{"role": "user", "content": "The weather in Paris?"}]
    with oai.chat.completions.stream(model=model(provider), messages=turns, tools=[WEATHER]) as stream:
        choice = stream.get_final_completion().choices[0]
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", ARGUMENTS)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_images(oai, providers, provider):
    url = f"data:image/png;base64,{PNG}"
    content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]
    answer = oai.chat.completions.create(model=model(provider), messages=[{"role": "user", "content": content}])
    check_text(provider, answer.choices[0].message.content)
    sent = providers[provider].last()
    if provider == "house":
        assert sent["messages"][0]["content"] == content
    elif provider == "claude":
        source = sent["messages"][0]["content"][1]["source"]
        assert source == {"type": "base64", "media_type": "image/png", "data": PNG}
    else:
        assert sent["contents"][0]["parts"][1]["inlineData"] == {"mimeType": "image/png", "data": PNG}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_structured_output(oai, provider):
    answer = oai.chat.completions.parse(model=model(provider), messages=QUESTION, response_format=City)
    assert answer.choices[0].message.parsed == City(**STRUCTURED)


@pytest.mark.parametrize("provider", ["house", "gem"])
@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings(oai, provider, encoding):
    given = openai.NOT_GIVEN if encoding == "base64" else encoding
    answer = oai.embeddings.create(model=f"{provider}/embed", input=["one", "two"], encoding_format=given)
    assert [entry.embedding for entry in answer.data] == [VECTOR, VECTOR]
    assert [entry.index for entry in answer.data] == [0, 1]


def test_models(oai):
    names = {entry.id for entry in oai.models.list()}
    assert {"demo/echo", "fast"} <= names
    demo = oai.models.retrieve("demo/echo")
    assert demo.object == "model"
    assert (demo.pricing["prompt"], demo.pricing["currency"]) == ("0", "USD")
    assert demo.capabilities["tools"]


def test_models_of_a_narrow_key(openai_with):
    assert {entry.id for entry in openai_with(running.NARROW_KEY).models.list()} == {"fast"}


def test_an_alias_answers_from_its_target(oai):
    raw = oai.chat.completions.with_raw_response.create(model="fast", messages=QUESTION)
    assert raw.headers["x-pathgate-model"] == "house/text"


def test_unknown_fields_pass_through(oai, providers):
    extra = {"vendor_field": {"deep": [1, 2.50, None]}, "seed": 7}
    oai.chat.completions.create(model="house/text", messages=QUESTION, extra_body=extra)
    sent = providers["house"].last()
    assert (sent["vendor_field"], sent["seed"], sent["model"]) == (extra["vendor_field"], 7, "text")


def test_what_cannot_be_carried_is_named(oai):
    ask = oai.chat.completions.with_raw_response.create
    raw = ask(model="claude/text", messages=QUESTION, logit_bias={"1": 5})
    assert "logit_bias" in raw.headers["x-pathgate-dropped"]
    with pytest.raises(openai.BadRequestError) as caught:
        headers = {"x-pathgate-strict": "true"}
        ask(model="claude/text", messages=QUESTION, logit_bias={"1": 5}, extra_headers=headers)
    assert caught.value.code == "not_translatable"


def test_many_streams_at_once(gateway):
    async def one(client, provider):
        stream = await client.chat.completions.create(model=model(provider), messages=QUESTION, stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        check_text(provider, text)

    async def all_of_them():
        url = f"{gateway.url}/v1"
        async with openai.AsyncOpenAI(base_url=url, api_key=running.KEY, max_retries=0, timeout=30) as client:
            await asyncio.gather(*(one(client, provider) for provider in EVERYBODY * 10))

    asyncio.run(all_of_them())
