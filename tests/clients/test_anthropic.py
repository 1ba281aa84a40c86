"""The official Anthropic SDK against the gateway, in front of each kind of provider."""

import asyncio

import anthropic
import pytest

import gateway as running
from providers import ARGUMENTS, INPUT_TOKENS, OUTPUT_TOKENS
from test_openai import EVERYBODY, PNG, PROVIDERS, check_text, model

QUESTION = [{"role": "user", "content": "Hi"}]
WEATHER = {
    "name": "weather",
    "description": "The weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest.mark.parametrize("provider", EVERYBODY)
def test_message(ant, provider):
    raw = ant.messages.with_raw_response.create(
        model=model(provider), max_tokens=64, system="Be brief.", messages=QUESTION
    )
    answer = raw.parse()
    check_text(provider, answer.content[0].text)
    assert (answer.type, answer.role, answer.stop_reason) == ("message", "assistant", "end_turn")
    if provider != "demo":
        assert (answer.usage.input_tokens, answer.usage.output_tokens) == (INPUT_TOKENS, OUTPUT_TOKENS)
    assert raw.headers["x-pathgate-model"] == model(provider)
    assert raw.headers["x-pathgate-request-id"].startswith("req_")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_system_prompt_arrives(ant, providers, provider):
    ant.messages.create(model=model(provider), max_tokens=64, system="Be brief.", messages=QUESTION)
    sent = providers[provider].last()
    if provider == "house":
        assert sent["messages"][0]["role"] in ("system", "developer")
    else:
        assert "Be brief." in str(sent["system"] if provider == "claude" else sent["systemInstruction"])


@pytest.mark.parametrize("provider", EVERYBODY)
def test_stream(ant, provider):
    with ant.messages.stream(model=model(provider), max_tokens=64, messages=QUESTION) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    check_text(provider, text)
    check_text(provider, final.content[0].text)
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens > 0
    if provider != "demo":
        assert final.usage.output_tokens == OUTPUT_TOKENS


@pytest.mark.parametrize("provider", PROVIDERS)
def test_tools_there_and_back(ant, provider):
    turns = [{"role": "user", "content": "The weather in Paris?"}]
    ask = {"model": model(provider), "max_tokens": 64, "tools": [WEATHER]}
    answer = ant.messages.create(messages=turns, **ask)
    assert answer.stop_reason == "tool_use"
    (call,) = [block for block in answer.content if block.type == "tool_use"]
    assert call.id and (call.name, call.input) == ("weather", ARGUMENTS)
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "clear"}
    turns.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in answer.content]})
    turns.append({"role": "user", "content": [result]})
    answer = ant.messages.create(messages=turns, **ask)
    check_text(provider, answer.content[0].text)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_tools_streamed(ant, provider):
    turns = [{"role": "user", "content": "The weather in Paris?"}]
    ask = {"model": model(provider), "max_tokens": 64, "tools": [WEATHER]}
    with ant.messages.stream(messages=turns, **ask) as stream:
        final = stream.get_final_message()
    assert final.stop_reason == "tool_use"
    (call,) = [block for block in final.content if block.type == "tool_use"]
    assert (call.name, call.input) == ("weather", ARGUMENTS)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_images(ant, providers, provider):
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
    turns = [{"role": "user", "content": content}]
    answer = ant.messages.create(model=model(provider), max_tokens=64, messages=turns)
    check_text(provider, answer.content[0].text)
    sent = providers[provider].last()
    if provider == "house":
        assert sent["messages"][0]["content"][0]["image_url"]["url"] == f"data:image/png;base64,{PNG}"
    elif provider == "claude":
        assert sent["messages"][0]["content"] == content
    else:
        assert sent["contents"][0]["parts"][0]["inlineData"] == {"mimeType": "image/png", "data": PNG}


def test_beta_headers_reach_their_owner(ant, providers):
    headers = {"anthropic-beta": "some-feature-2025-01-01"}
    ant.messages.create(model="claude/text", max_tokens=64, messages=QUESTION, extra_headers=headers)
    sent = {name.lower(): value for name, value in providers["claude"].seen[-1][1].items()}
    assert sent["anthropic-beta"] == "some-feature-2025-01-01"
    assert "anthropic-version" in sent


def test_models(ant):
    page = ant.models.list()
    names = {entry.id for entry in page}
    assert {"demo/echo", "fast"} <= names
    assert all(entry.type == "model" for entry in page.data)
    demo = ant.models.retrieve("demo/echo")
    assert (demo.pricing["prompt"], demo.lifecycle) == ("0", "active")
    assert not demo.capabilities.thinking.types.enabled.supported


def test_under_a_path_of_its_own(gateway):
    client = anthropic.Anthropic(base_url=f"{gateway.url}/anthropic", api_key=running.KEY, max_retries=0)
    answer = client.messages.create(model="house/text", max_tokens=64, messages=QUESTION)
    check_text("house", answer.content[0].text)


def test_many_streams_at_once(gateway):
    async def one(client, provider):
        async with client.messages.stream(model=model(provider), max_tokens=64, messages=QUESTION) as stream:
            check_text(provider, await stream.get_final_text())

    async def all_of_them():
        options = {"base_url": gateway.url, "api_key": running.KEY, "max_retries": 0, "timeout": 30}
        async with anthropic.AsyncAnthropic(**options) as client:
            await asyncio.gather(*(one(client, provider) for provider in EVERYBODY * 10))

    asyncio.run(all_of_them())
