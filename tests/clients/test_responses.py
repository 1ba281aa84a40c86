"""The official OpenAI SDK's responses, kept by the gateway, in front of providers that know no such thing."""

import time

import openai
import pytest

import gateway as running

PROVIDERS = ["house", "claude", "gem"]


def said(provider):
    return f"Hello from {provider}."


def turns(body):
    """How many turns a provider was sent."""
    return [turn["role"] for turn in body.get("messages") or body["contents"]]


def until_over(client, response):
    deadline = time.monotonic() + 20
    while response.status in ("queued", "in_progress"):
        assert time.monotonic() < deadline, response
        response = client.responses.retrieve(response.id)
    return response


@pytest.mark.parametrize("provider", PROVIDERS)
def test_create_retrieve_delete(oai, provider):
    made = oai.responses.create(model=f"{provider}/text", input="Hi", metadata={"a": "b"})
    assert made.id.startswith("resp_") and made.status == "completed" and made.output_text == said(provider)
    kept = oai.responses.retrieve(made.id)
    assert kept == made and kept.metadata == {"a": "b"}
    items = list(oai.responses.input_items.list(made.id))
    assert [(item.role, item.content[0].text) for item in items] == [("user", "Hi")]
    oai.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError) as refused:
        oai.responses.retrieve(made.id)
    assert refused.value.code == "response_not_found"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_stream(oai, provider):
    with oai.responses.stream(model=f"{provider}/text", input="Hi") as events:
        kinds = [event.type for event in events]
        made = events.get_final_response()
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    assert made.output_text == said(provider)
    assert oai.responses.retrieve(made.id).output_text == said(provider)


def test_a_conversation_across_providers(oai, providers):
    previous = None
    for number, provider in enumerate(PROVIDERS * 2):
        made = oai.responses.create(model=f"{provider}/text", input=f"turn {number}", previous_response_id=previous)
        assert made.output_text == said(provider) and made.previous_response_id == previous
        assert len(turns(providers[provider].last())) == 2 * number + 1
        previous = made.id
    items = list(oai.responses.input_items.list(previous, order="asc", limit=3))
    assert len(items) == 2 * len(PROVIDERS) * 2 - 1
    assert [item.content[0].text for item in items[:3]] == ["turn 0", said("house"), "turn 1"]


def test_nothing_is_kept_that_is_not_to_be(oai):
    made = oai.responses.create(model="claude/text", input="Hi", store=False)
    with pytest.raises(openai.NotFoundError):
        oai.responses.retrieve(made.id)
    with pytest.raises(openai.BadRequestError) as refused:
        oai.responses.create(model="claude/text", input="Hi", previous_response_id=made.id)
    assert (refused.value.code, refused.value.param) == ("previous_response_not_found", "previous_response_id")


def test_another_key_sees_nothing(oai, openai_with):
    made = oai.responses.create(model="claude/text", input="Hi")
    other = openai_with(running.NARROW_KEY)
    for ask in (other.responses.retrieve, other.responses.delete, other.responses.cancel):
        with pytest.raises(openai.NotFoundError):
            ask(made.id)
    assert oai.responses.retrieve(made.id) == made


@pytest.mark.parametrize("provider", PROVIDERS)
def test_background(oai, provider):
    waiting = oai.responses.create(model=f"{provider}/text", input="Hi", background=True)
    assert waiting.status == "queued" and waiting.output == []
    made = until_over(oai, waiting)
    assert (made.status, made.id, made.output_text) == ("completed", waiting.id, said(provider))


def test_cancel(oai, providers):
    waiting = oai.responses.create(model="house/held", input="Hi", background=True)
    assert oai.responses.cancel(waiting.id).status == "cancelled"
    providers["house"].release.set()
    assert oai.responses.retrieve(waiting.id).status == "cancelled"
