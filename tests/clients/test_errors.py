"""Errors arrive as the exceptions that each SDK raises for the real service."""

import anthropic
import openai
import pytest

import gateway as running

QUESTION = [{"role": "user", "content": "Hi"}]


class OpenAiCaller:
    sdk = openai

    def __init__(self, client):
        self.client = client

    def ask(self, model, messages=QUESTION, **more):
        return self.client.chat.completions.create(model=model, messages=messages, **more)

    @staticmethod
    def code(error):
        return error.code


class AnthropicCaller:
    sdk = anthropic

    def __init__(self, client):
        self.client = client

    def ask(self, model, messages=QUESTION, **more):
        return self.client.messages.create(model=model, max_tokens=64, messages=messages, **more)

    @staticmethod
    def code(error):
        return error.response.headers["x-pathgate-error"]


@pytest.fixture(params=["openai", "anthropic"])
def caller(request, openai_with, anthropic_with):
    """A caller in each dialect, for any key."""
    if request.param == "openai":
        return lambda key=running.KEY: OpenAiCaller(openai_with(key))
    return lambda key=running.KEY: AnthropicCaller(anthropic_with(key))


def refused(caller, exception, status, ask):
    with pytest.raises(getattr(caller.sdk, exception)) as caught:
        ask()
    error = caught.value
    assert error.status_code == status
    assert error.response.headers["x-pathgate-request-id"].startswith("req_")
    if caller.sdk is anthropic:
        assert error.body["type"] == "error" and error.body["error"]["type"]
        assert error.request_id
    else:
        assert error.type and error.message
    return error


def test_a_wrong_key(caller):
    who = caller("pgk_000000000000000000000000000000000000000000")
    error = refused(who, "AuthenticationError", 401, lambda: who.ask("demo/echo"))
    assert who.code(error) == "invalid_key"


def test_an_unknown_model(caller):
    who = caller()
    error = refused(who, "NotFoundError", 404, lambda: who.ask("no-such-model"))
    assert who.code(error) == "model_not_found"


def test_a_model_that_the_key_may_not_use(caller):
    who = caller(running.NARROW_KEY)
    who.ask("fast")
    error = refused(who, "PermissionDeniedError", 403, lambda: who.ask("demo/echo"))
    assert who.code(error) == "model_forbidden"


def test_the_limit_of_the_key(caller):
    who = caller(running.LIMITED_KEY)
    # Both dialects spend from one limit: whoever comes second is refused at once.
    for _ in range(2):
        try:
            who.ask("demo/echo")
        except who.sdk.RateLimitError:
            pass
    error = refused(who, "RateLimitError", 429, lambda: who.ask("demo/echo"))
    assert int(error.response.headers["retry-after"]) > 0
    assert error.response.headers["x-ratelimit-limit-requests"] == "1"
    assert error.response.headers["x-ratelimit-remaining-requests"] == "0"
    assert who.code(error) == "rate_limited"


def test_the_limit_of_the_provider(caller):
    who = caller()
    error = refused(who, "RateLimitError", 429, lambda: who.ask("once"))
    assert 0 < int(error.response.headers["retry-after"]) <= 7


def test_a_request_that_is_none(caller):
    who = caller()
    # It must be understood to be translated, so it is the gateway that refuses it.
    foreign = "house/text" if who.sdk is anthropic else "claude/text"
    error = refused(who, "BadRequestError", 400, lambda: who.ask(foreign, messages="not a list"))
    assert who.code(error) == "invalid_request"
    refused(who, "BadRequestError", 400, lambda: who.ask("demo/echo", messages="not a list"))


@pytest.mark.parametrize("provider", ["house", "claude", "gem"])
def test_a_request_the_provider_refuses(caller, provider):
    who = caller()
    error = refused(who, "BadRequestError", 400, lambda: who.ask(f"{provider}/err-400"))
    assert "scripted 400" in str(error)


def test_a_body_that_is_too_large(caller):
    who = caller()
    big = [{"role": "user", "content": "x" * (2 << 20)}]
    exception = "ContentTooLargeError" if who.sdk is anthropic else "APIStatusError"
    refused(who, exception, 413, lambda: who.ask("demo/echo", messages=big))


@pytest.mark.parametrize("provider", ["house", "claude", "gem"])
def test_a_provider_that_fails(caller, provider):
    who = caller()
    error = refused(who, "InternalServerError", 500, lambda: who.ask(f"{provider}/err-500"))
    assert error.response.headers["x-pathgate-error"] == "upstream_error"


def test_our_own_credentials_stay_our_own_matter(caller):
    who = caller()
    error = refused(who, "InternalServerError", 502, lambda: who.ask("house/err-401"))
    assert who.code(error) == "upstream_auth"
    assert "scripted" not in str(error)


def test_a_stream_that_cannot_begin(caller):
    who = caller()
    refused(who, "InternalServerError", 500, lambda: list(who.ask("claude/err-500", stream=True)))
