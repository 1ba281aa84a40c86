"""The scripted providers, the gateway in front of them, and clients of it."""

import anthropic
import openai
import pytest

import gateway as running
from providers import Anthropic, Gemini, OpenAi, Provider


@pytest.fixture(scope="session")
def providers():
    made = {
        "house": Provider("house", OpenAi, "sk-house"),
        "claude": Provider("claude", Anthropic, "sk-claude"),
        "gem": Provider("gem", Gemini, "sk-gem"),
    }
    yield made
    for provider in made.values():
        provider.close()


@pytest.fixture(scope="session")
def gateway(providers):
    if running.NAMED_BINARY is None and not running.binary().exists():
        pytest.skip(f"{running.binary()} is not built")
    made = running.Gateway(providers)
    yield made
    made.close()


@pytest.fixture
def openai_with(gateway):
    """An OpenAI client with this key."""
    return lambda key: openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0, timeout=30)


@pytest.fixture
def anthropic_with(gateway):
    """An Anthropic client with this key."""
    return lambda key: anthropic.Anthropic(base_url=gateway.url, api_key=key, max_retries=0, timeout=30)


@pytest.fixture
def oai(openai_with):
    return openai_with(running.KEY)


@pytest.fixture
def ant(anthropic_with):
    return anthropic_with(running.KEY)
