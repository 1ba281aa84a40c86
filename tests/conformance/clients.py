"""Asks the gateway through the official Python SDKs and says what they understood.

    clients.py URL KEY < cases > answers

A case is a JSON line {"case", "client", "model", "stream"}, `client` a dialect or a list of models; an answer is one too: {"case", "text", "calls", "usage"} with
calls as [name, arguments] and usage as {"input", "output"}, or {"case", "error"}. Where a dialect has a reason of its own for
an answer with calls, "calling" says whether it is given: clients go on by it.
"""

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import anthropic
import boto3
import cohere
import ollama
import openai
from botocore import UNSIGNED
from botocore.config import Config
from google import genai
from google.genai import types as google_types

URL, KEY = sys.argv[1], sys.argv[2]
HELLO = [{"role": "user", "content": "hello"}]
OPENAI = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)
ANTHROPIC = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=30)
GOOGLE = genai.Client(api_key=KEY, http_options=google_types.HttpOptions(base_url=URL, timeout=30_000))
OLLAMA = ollama.Client(host=f"{URL}/ollama", headers={"authorization": f"Bearer {KEY}"}, timeout=30)
COHERE = cohere.ClientV2(api_key=KEY, base_url=URL, timeout=30)


def authorize(request, **_):
    request.headers["authorization"] = f"Bearer {KEY}"


def bedrock():
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=f"{URL}/bedrock",
        config=Config(signature_version=UNSIGNED, retries={"max_attempts": 0}),
    )
    client.meta.events.register("before-send.*", authorize)
    return client


BEDROCK = bedrock()


def parsed(arguments):
    """Arguments as the runner compares them: the empty text stands for no arguments."""
    if not isinstance(arguments, str):
        return arguments
    if arguments.strip() in ("", "null"):
        return {}
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


def said(text, calls, usage, calling=None):
    figures = None if usage is None else {"input": usage[0] or 0, "output": usage[1] or 0}
    calls = [[name, parsed(arguments)] for name, arguments in calls]
    return {"text": text, "calls": calls, "usage": figures, "calling": calling}


def openai_chat(model, stream):
    if not stream:
        answer = OPENAI.chat.completions.create(model=model, messages=HELLO)
        message = answer.choices[0].message
        calls = [chat_call(call) for call in message.tool_calls or []]
        usage = answer.usage and (answer.usage.prompt_tokens, answer.usage.completion_tokens)
        return said(plain(message.content), calls, usage)
    text, calls, usage = "", {}, None
    chunks = OPENAI.chat.completions.create(
        model=model, messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    for chunk in chunks:
        if chunk.usage:
            usage = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        for choice in chunk.choices:
            if choice.index != 0:
                continue
            text += plain(choice.delta.content)
            for call in choice.delta.tool_calls or []:
                part = call.function or custom(call)
                known = calls.setdefault(call.index, ["", ""])
                known[0] += getattr(part, "name", None) or ""
                known[1] += getattr(part, "arguments", None) or getattr(part, "input", None) or ""
    return said(text, list(calls.values()), usage)


def custom(call):
    """A piece of a custom tool's call, for which the SDK has no type on streams."""
    part = getattr(call, "custom", None)
    return SimpleNamespace(**part) if isinstance(part, dict) else part


def plain(content):
    """The text of a content; Mistral's may be a list of blocks."""
    if isinstance(content, list):
        return "".join(block.get("text", "") for block in content if block.get("type") == "text")
    return content or ""


def chat_call(call):
    if call.type == "custom":
        return call.custom.name, call.custom.input
    return call.function.name, call.function.arguments


def openai_completions(model, stream):
    if not stream:
        answer = OPENAI.completions.create(model=model, prompt="hello")
        usage = answer.usage and (answer.usage.prompt_tokens, answer.usage.completion_tokens)
        return said(answer.choices[0].text, [], usage)
    text, usage = "", None
    chunks = OPENAI.completions.create(
        model=model, prompt="hello", stream=True, stream_options={"include_usage": True}
    )
    for chunk in chunks:
        if chunk.usage:
            usage = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        text += "".join(choice.text for choice in chunk.choices if choice.index == 0)
    return said(text, [], usage)


def openai_responses(model, stream):
    if not stream:
        return response_said(OPENAI.responses.create(model=model, input="hello"))
    text, last = "", None
    for event in OPENAI.responses.create(model=model, input="hello", stream=True):
        if event.type == "response.output_text.delta":
            text += event.delta
        if event.type in ("response.completed", "response.incomplete", "response.failed"):
            last = event.response
        if event.type == "error":
            raise ValueError(event.message)
    answer = response_said(last)
    if answer["text"] != text:
        raise ValueError(f"the deltas say {text!r}, the whole {answer['text']!r}")
    return answer


def response_said(answer):
    calls = []
    for item in answer.output:
        if item.type == "function_call":
            calls.append((item.name, item.arguments))
        if item.type == "custom_tool_call":
            calls.append((item.name, item.input))
    usage = answer.usage and (answer.usage.input_tokens, answer.usage.output_tokens)
    return said(answer.output_text, calls, usage)


def anthropic_messages(model, stream):
    if stream:
        with ANTHROPIC.messages.stream(model=model, max_tokens=1000, messages=HELLO) as events:
            answer = events.get_final_message()
    else:
        answer = ANTHROPIC.messages.create(model=model, max_tokens=1000, messages=HELLO)
    text = "".join(block.text for block in answer.content if block.type == "text")
    calls = [(block.name, block.input) for block in answer.content if block.type == "tool_use"]
    usage = answer.usage
    total = usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    return said(text, calls, (total, usage.output_tokens), ends(answer.stop_reason, "tool_use", "end_turn"))


def ends(reason, calling, done):
    """Whether an answer ends for its calls; None where it ends for another reason than these two."""
    return {calling: True, done: False}.get(reason)


def gemini_generate(model, stream):
    if stream:
        chunks = list(GOOGLE.models.generate_content_stream(model=model, contents="hello"))
    else:
        chunks = [GOOGLE.models.generate_content(model=model, contents="hello")]
    text, calls, usage = "", [], None
    for chunk in chunks:
        for candidate in chunk.candidates or []:
            if candidate.index:
                continue
            for part in (candidate.content and candidate.content.parts) or []:
                if part.text and not part.thought:
                    text += part.text
                if part.function_call:
                    calls.append((part.function_call.name, part.function_call.args or {}))
        if chunk.usage_metadata:
            counts = chunk.usage_metadata
            usage = (
                (counts.prompt_token_count or 0) + (counts.tool_use_prompt_token_count or 0),
                (counts.candidates_token_count or 0) + (counts.thoughts_token_count or 0),
            )
    return said(text, calls, usage)


def ollama_chat(model, stream):
    answer = OLLAMA.chat(model=model, messages=HELLO, stream=stream)
    text, calls, usage = "", [], None
    for chunk in answer if stream else [answer]:
        text += chunk.message.content or ""
        calls += [(call.function.name, dict(call.function.arguments)) for call in chunk.message.tool_calls or []]
        if chunk.done:
            usage = (chunk.prompt_eval_count, chunk.eval_count)
    return said(text, calls, usage)


def ollama_generate(model, stream):
    answer = OLLAMA.generate(model=model, prompt="hello", stream=stream)
    text, usage = "", None
    for chunk in answer if stream else [answer]:
        text += chunk.response or ""
        if chunk.done:
            usage = (chunk.prompt_eval_count, chunk.eval_count)
    return said(text, [], usage)


def cohere_chat(model, stream):
    if not stream:
        answer = COHERE.chat(model=model, messages=HELLO)
        blocks = answer.message.content or []
        text = "".join(block.text for block in blocks if block.type == "text")
        calls = [(call.function.name, call.function.arguments) for call in answer.message.tool_calls or []]
        return said(text, calls, cohere_usage(answer.usage), ends(answer.finish_reason, "TOOL_CALL", "COMPLETE"))
    text, calls, usage, reason = "", {}, None, None
    for event in COHERE.chat_stream(model=model, messages=HELLO):
        if event.type in ("content-start", "content-delta"):
            text += (event.delta.message.content.text or "") if event.delta.message.content else ""
        if event.type == "tool-call-start":
            call = event.delta.message.tool_calls
            calls[event.index] = [call.function.name, call.function.arguments or ""]
        if event.type == "tool-call-delta":
            calls[event.index][1] += event.delta.message.tool_calls.function.arguments or ""
        if event.type == "message-end":
            if event.delta.finish_reason == "ERROR" and event.delta.error:
                raise ValueError(event.delta.error)
            usage, reason = cohere_usage(event.delta.usage), event.delta.finish_reason
    return said(text, list(calls.values()), usage, ends(reason, "TOOL_CALL", "COMPLETE"))


def cohere_usage(usage):
    counts = usage and (usage.billed_units or usage.tokens)
    return counts and (int(counts.input_tokens or 0), int(counts.output_tokens or 0))


def bedrock_converse(model, stream):
    messages = [{"role": "user", "content": [{"text": "hello"}]}]
    if not stream:
        answer = BEDROCK.converse(modelId=model, messages=messages)
        blocks = answer["output"]["message"]["content"]
        calls = [(block["toolUse"]["name"], block["toolUse"]["input"]) for block in blocks if "toolUse" in block]
        calling = ends(answer["stopReason"], "tool_use", "end_turn")
        return said("".join(map(block_text, blocks)), calls, bedrock_usage(answer["usage"]), calling)
    text, calls, usage, reason = "", {}, None, None
    for event in BEDROCK.converse_stream(modelId=model, messages=messages)["stream"]:
        if start := event.get("contentBlockStart", {}).get("start", {}).get("toolUse"):
            calls[event["contentBlockStart"]["contentBlockIndex"]] = [start["name"], ""]
        delta = event.get("contentBlockDelta", {}).get("delta", {})
        text += delta.get("text", "")
        if "toolUse" in delta:
            calls[event["contentBlockDelta"]["contentBlockIndex"]][1] += delta["toolUse"]["input"]
        reason = event.get("messageStop", {}).get("stopReason", reason)
        if "metadata" in event:
            usage = bedrock_usage(event["metadata"]["usage"])
    return said(text, list(calls.values()), usage, ends(reason, "tool_use", "end_turn"))


def block_text(block):
    cited = block.get("citationsContent", {}).get("content", [])
    return block.get("text", "") + "".join(part.get("text", "") for part in cited)


def bedrock_usage(usage):
    cached = usage.get("cacheReadInputTokens", 0) + usage.get("cacheWriteInputTokens", 0)
    return usage["inputTokens"] + cached, usage["outputTokens"]


def openai_embeddings(model, _):
    answer = OPENAI.embeddings.create(model=model, input="hello")
    return vectors([entry.embedding for entry in answer.data])


def gemini_embed(model, _):
    return vectors([entry.values for entry in GOOGLE.models.embed_content(model=model, contents="hello").embeddings])


def cohere_embed(model, _):
    answer = COHERE.embed(model=model, input_type="search_query", texts=["hello"], embedding_types=["float"])
    return vectors(answer.embeddings.float_)


def ollama_embed(model, _):
    return vectors(OLLAMA.embed(model=model, input="hello").embeddings)


def vectors(found):
    """Vectors are compared by their number and their lengths, said as a text."""
    return said(" ".join(str(len(vector)) for vector in found), [], None)


def cohere_rerank(model, _):
    documents = list("abcdefghij")
    answer = COHERE.rerank(model=model, query="hello", documents=documents)
    return said(" ".join(f"{result.index}:{result.relevance_score:.4f}" for result in answer.results), [], None)


def anthropic_count(model, _):
    return said(str(ANTHROPIC.messages.count_tokens(model=model, messages=HELLO).input_tokens), [], None)


def openai_count(model, _):
    return said(str(OPENAI.responses.input_tokens.count(model=model, input="hello").input_tokens), [], None)


def gemini_count(model, _):
    return said(str(GOOGLE.models.count_tokens(model=model, contents="hello").total_tokens), [], None)


def bedrock_count(model, _):
    asked = {"converse": {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}}
    return said(str(BEDROCK.count_tokens(modelId=model, input=asked)["inputTokens"]), [], None)


def images(answer):
    """Images are compared by their number and the lengths of what stands for them."""
    lengths = [len(image.b64_json or "") + len(image.url or "") for image in answer.data]
    return said(" ".join(map(str, lengths)), [], None)


def openai_images(model, _):
    return images(OPENAI.images.generate(model=model, prompt="hello"))


def openai_image_edits(model, _):
    return images(OPENAI.images.edit(model=model, prompt="hello", image=("a.png", b"\x89PNG\r\n\x1a\n", "image/png")))


def openai_transcriptions(model, _):
    return said(OPENAI.audio.transcriptions.create(model=model, file=("a.wav", b"RIFF", "audio/wav")).text, [], None)


def openai_translations(model, _):
    return said(OPENAI.audio.translations.create(model=model, file=("a.wav", b"RIFF", "audio/wav")).text, [], None)


def openai_moderations(model, _):
    answer = OPENAI.moderations.create(model=model, input="hello")
    return said(" ".join(str(result.flagged).lower() for result in answer.results), [], None)


def listed(names, prefix):
    """The names of one account, by which lists of models are asked for."""
    return said(" ".join(sorted(name for name in names if name.startswith(prefix))), [], None)


def openai_models(prefix, _):
    return listed([model.id for model in OPENAI.models.list()], prefix)


def anthropic_models(prefix, _):
    return listed([model.id for model in ANTHROPIC.models.list(limit=1000)], prefix)


def gemini_models(prefix, _):
    return listed([model.name.removeprefix("models/") for model in GOOGLE.models.list()], prefix)


def ollama_models(prefix, _):
    return listed([model.model for model in OLLAMA.list().models], prefix)


CLIENTS = {
    "anthropic.count_tokens": anthropic_count,
    "openai.count_tokens": openai_count,
    "gemini.count_tokens": gemini_count,
    "bedrock.count_tokens": bedrock_count,
    "openai.images": openai_images,
    "openai.image_edits": openai_image_edits,
    "openai.transcriptions": openai_transcriptions,
    "openai.translations": openai_translations,
    "openai.moderations": openai_moderations,
    "openai.models": openai_models,
    "anthropic.models": anthropic_models,
    "gemini.models": gemini_models,
    "ollama.models": ollama_models,
    "openai.chat": openai_chat,
    "openai.completions": openai_completions,
    "openai.responses": openai_responses,
    "openai.embeddings": openai_embeddings,
    "anthropic.messages": anthropic_messages,
    "gemini.generate": gemini_generate,
    "gemini.embed": gemini_embed,
    "ollama.chat": ollama_chat,
    "ollama.generate": ollama_generate,
    "ollama.embed": ollama_embed,
    "cohere.chat": cohere_chat,
    "cohere.embed": cohere_embed,
    "cohere.rerank": cohere_rerank,
    "bedrock.converse": bedrock_converse,
}


def main():
    lock = threading.Lock()

    def answer(line):
        case = json.loads(line)
        client = CLIENTS.get(case["client"])
        if client is None:
            result = {"skipped": "this SDK has no such call"}
        else:
            try:
                result = client(case["model"], case["stream"])
            except Exception as error:  # noqa: BLE001 - whatever an SDK does not understand is what is looked for
                result = {"error": f"{type(error).__name__}: {error}"[:500]}
        with lock:
            print(json.dumps({"case": case["case"], **result}), flush=True)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(answer, sys.stdin))


main()
