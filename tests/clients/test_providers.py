"""The scripted providers themselves, seen by the SDK of the service each plays: what they say is what the services say."""

import anthropic
import openai
import pytest

WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def test_openai_shape(providers):
    client = openai.OpenAI(base_url=f"{providers['house'].url}/v1", api_key="sk-house", max_retries=0)
    question = [{"role": "user", "content": "Hi"}]
    answer = client.chat.completions.create(model="text", messages=question)
    assert answer.choices[0].message.content == "Hello from house."
    stream = client.chat.completions.create(model="text", messages=question, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "Hello from house."
    assert client.embeddings.create(model="embed", input="Hi").data[0].embedding == [0.5, -0.25, 0.125, 1.0]
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="err-429", messages=question)
    assert caught.value.response.headers["retry-after"] == "7"


def test_anthropic_shape(providers):
    client = anthropic.Anthropic(base_url=providers["claude"].url, api_key="sk-claude", max_retries=0)
    question = [{"role": "user", "content": "Hi"}]
    with client.messages.stream(model="text", max_tokens=9, messages=question) as stream:
        assert stream.get_final_text() == "Hello from claude."
    tool = {"name": "weather", "input_schema": WEATHER}
    with client.messages.stream(model="text", max_tokens=9, messages=question, tools=[tool]) as stream:
        assert stream.get_final_message().content[0].input == {"city": "Paris"}
    with pytest.raises(anthropic.AuthenticationError):
        client.with_options(api_key="other").messages.create(model="text", max_tokens=9, messages=question)
