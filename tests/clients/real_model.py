"""Real answers of a real model through a running gateway, in both dialects; then the books. Run by `make e2e-real`.

Reads PATHGATE_URL, PATHGATE_KEY and PATHGATE_ADMIN_KEY. Exits with 0 when everything holds.
"""

import json
import os
import sys
import time
import urllib.request

import anthropic
import openai

URL = os.environ["PATHGATE_URL"]
KEY = os.environ["PATHGATE_KEY"]
ADMIN_KEY = os.environ["PATHGATE_ADMIN_KEY"]
QUESTION = [{"role": "user", "content": "Name one colour of the sky."}]
# How long an entry may take from the spool to the database.
PATIENCE = 10


def admin(path):
    request = urllib.request.Request(f"{URL}/admin/v1/{path}", headers={"authorization": f"Bearer {ADMIN_KEY}"})
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def openai_whole(client):
    answer = client.chat.completions.create(model="local/smollm2", messages=QUESTION, max_tokens=24)
    assert answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0, answer
    return answer.choices[0].message.content


def openai_stream(client):
    begun = time.monotonic()
    stream = client.chat.completions.create(
        model="smollm2", messages=QUESTION, max_tokens=24, stream=True, stream_options={"include_usage": True}
    )
    text, first = "", None
    for chunk in stream:
        for choice in chunk.choices:
            text += choice.delta.content or ""
            first = first or (text and time.monotonic() - begun)
    print(f"  first token after {first:.2f} s")
    return text


def anthropic_whole(client):
    answer = client.messages.create(model="local/smollm2", max_tokens=24, messages=QUESTION)
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0, answer
    return answer.content[0].text


def anthropic_stream(client):
    with client.messages.stream(model="smollm2", max_tokens=24, messages=QUESTION) as stream:
        text = "".join(stream.text_stream)
        # The model's server counts no tokens on streams; the ledger has the gateway's own count.
        assert stream.get_final_message().content[0].text == text
    return text


def no_key():
    client = openai.OpenAI(base_url=f"{URL}/v1", api_key="not-a-key-of-this-gateway", max_retries=0)
    try:
        client.chat.completions.create(model="local/smollm2", messages=QUESTION)
    except openai.AuthenticationError as error:
        assert error.status_code == 401
    else:
        raise AssertionError("a wrong key was let in")


def books(calls):
    """Every call has a line in the ledger with tokens and, as nobody sells this model, no price."""
    deadline = time.monotonic() + PATIENCE
    while len(lines := admin("ledger?limit=100")["items"]) < calls and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(lines) == calls, f"{len(lines)} ledger lines for {calls} calls"
    for line in lines:
        assert line["deployment"] == "local/smollm2" and line["key_name"] == "demo", line
        assert line["outcome"] == "answered" and line["status"] == 200, line
        assert line["usage"]["input"] > 0 and line["usage"]["output"] > 0, line
        assert line["cost_nano_usd"] is None and line["cost_kind"] == "unknown_price", line
    log = admin("requests?limit=100")["items"]
    answered = [entry for entry in log if entry["outcome"] == "answered"]
    refused = [entry for entry in log if entry["status"] == 401]
    assert len(answered) == calls and len(refused) == 1, log
    assert sorted(entry["stream"] for entry in answered) == [False, False, True, True], answered


def main():
    oai = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=120)
    ant = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=120)
    names = [entry.id for entry in oai.models.list()]
    assert "smollm2" in names, names
    calls = [(openai_whole, oai), (openai_stream, oai), (anthropic_whole, ant), (anthropic_stream, ant)]
    for call, client in calls:
        print(f"{call.__name__.replace('_', ', ')}:")
        text = call(client)
        assert text.strip(), "no text came"
        print(f"  {text.strip()!r}")
    no_key()
    print("a wrong key: refused with 401")
    books(len(calls))
    print("ledger and request log: complete, tokens counted, price unknown and said so")
    print("ok")


if __name__ == "__main__":
    sys.exit(main())
