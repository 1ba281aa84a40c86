"""Scripted providers in the shapes of OpenAI, Anthropic and Gemini, each on a port of its own.

What one answers depends on the request alone:
- model `err-<status>`: that error, as the service words it; `err-429` with `retry-after: 7`
- tools, and the last turn is no tool result: a call of the first tool with {"city": "Paris"}
- structured output asked for: {"city": "Paris", "population": 2100000}
- model `held`: the same as any other, but not before `release` is set
- otherwise: the text "Hello from <provider>." in three pieces

A wrong provider key is refused, so that a test fails when the gateway passes on the client's own.
"""

import base64
import email
import email.policy
import json
import re
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

INPUT_TOKENS = 21
OUTPUT_TOKENS = 7
STRUCTURED = {"city": "Paris", "population": 2100000}
ARGUMENTS = {"city": "Paris"}
VECTOR = [0.5, -0.25, 0.125, 1.0]


PIXEL = "iVBORw0KGgo="
SOUND = bytes(range(256)) * 64


def form(kind, raw):
    """The fields of a form: texts as strings, files as bytes."""
    message = email.message_from_bytes(b"content-type: " + kind.encode() + b"\r\n\r\n" + raw, policy=email.policy.HTTP)
    fields = {}
    for part in message.iter_parts():
        value = part.get_payload(decode=True)
        name = part.get_param("name", header="content-disposition")
        fields[name] = value if part.get_filename() else value.decode()
    return fields


def pieces(name):
    return ["Hello ", "from ", f"{name}."]


class Provider:
    """One provider. `seen` holds (path, headers, body) of every request in order."""

    def __init__(self, name, handler, key):
        self.name = name
        self.key = key
        self.seen = []
        self.release = threading.Event()
        bound = type("Bound", (handler,), {"provider": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), bound)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def last(self):
        """The body of the last request."""
        return self.seen[-1][2]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer(None)

    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        raw = self.rfile.read(length)
        kind = self.headers.get("content-type") or ""
        self.answer(form(kind, raw) if kind.startswith("multipart/form-data") else json.loads(raw))

    def answer(self, body):
        self.provider.seen.append((self.path, dict(self.headers.items()), body))
        if self.sent_key() != self.provider.key:
            return self.error(401, "wrong provider key")
        model = self.model(body)
        failure = re.fullmatch(r"err-(\d+)", model or "")
        if failure:
            return self.error(int(failure[1]), f"scripted {failure[1]}")
        if model == "held":
            self.provider.release.wait(20)
        return self.reply(body, model)

    def model(self, body):
        return (body or {}).get("model")

    def json(self, status, value, headers=()):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, text in headers:
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)

    def bytes(self, kind, data):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def events(self, frames):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for frame in frames:
            data = frame.encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def retry_headers(self, status):
        return [("retry-after", "7")] if status == 429 else []


def data(value):
    return f"data: {json.dumps(value)}\n\n"


def named(value):
    return f"event: {value['type']}\n{data(value)}"


class OpenAi(Handler):
    TYPES = {400: "invalid_request_error", 401: "invalid_request_error", 404: "invalid_request_error", 429: "requests"}
    USAGE = {
        "prompt_tokens": INPUT_TOKENS,
        "completion_tokens": OUTPUT_TOKENS,
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    }

    def sent_key(self):
        return (self.headers.get("authorization") or "").removeprefix("Bearer ")

    def error(self, status, message):
        kind = self.TYPES.get(status, "server_error")
        error = {"message": message, "type": kind, "param": None, "code": None}
        self.json(status, {"error": error}, self.retry_headers(status))

    def reply(self, body, model):
        if self.path.endswith("/models"):
            names = ["text", "embed"]
            entries = [{"id": name, "object": "model", "created": 1, "owned_by": "scripted"} for name in names]
            return self.json(200, {"object": "list", "data": entries})
        if self.path.endswith("/embeddings"):
            return self.json(200, self.embeddings(body, model))
        if "/images/" in self.path or "/audio/" in self.path or self.path.endswith("/moderations"):
            return self.media(body)
        message, finish = self.message(body)
        if body.get("stream"):
            return self.events(self.stream(body, model, message, finish))
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model}
        return self.json(200, {**head, "choices": [choice], "usage": self.USAGE})

    def media(self, body):
        usage = {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS, "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS}
        streams = body.get("stream") in (True, "true")
        if "/images/" in self.path and streams:
            event = {"b64_json": PIXEL, "created_at": 1, "size": "1024x1024", "quality": "low", "background": "opaque", "output_format": "png"}
            partial = named({"type": "image_generation.partial_image", "partial_image_index": 0, **event})
            return self.events([partial, named({"type": "image_generation.completed", "usage": usage, **event})])
        if "/images/" in self.path:
            return self.json(200, {"created": 1, "data": [{"b64_json": PIXEL}], "usage": usage})
        if self.path.endswith("/moderations"):
            result = {"flagged": True, "categories": {"violence": True}, "category_scores": {"violence": 0.9}}
            return self.json(200, {"id": "modr-1", "model": body["model"], "results": [result]})
        text = "".join(pieces(self.provider.name))
        if self.path.endswith("/speech"):
            return self.bytes("audio/mpeg", SOUND)
        if streams:
            deltas = [named({"type": "transcript.text.delta", "delta": piece}) for piece in pieces(self.provider.name)]
            return self.events([*deltas, named({"type": "transcript.text.done", "text": text})])
        if body.get("response_format") == "text":
            return self.bytes("text/plain; charset=utf-8", f"{text}\n".encode())
        return self.json(200, {"text": text, "usage": {"type": "duration", "seconds": 2}})

    def embeddings(self, body, model):
        inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
        vector = VECTOR
        if body.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack("<4f", *VECTOR)).decode()
        entries = [{"object": "embedding", "index": at, "embedding": vector} for at in range(len(inputs))]
        usage = {"prompt_tokens": INPUT_TOKENS, "total_tokens": INPUT_TOKENS}
        return {"object": "list", "data": entries, "model": model, "usage": usage}

    def message(self, body):
        if body.get("tools") and body["messages"][-1]["role"] != "tool":
            function = {"name": body["tools"][0]["function"]["name"], "arguments": json.dumps(ARGUMENTS)}
            call = {"id": "call_1", "type": "function", "function": function}
            return {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
        text = "".join(pieces(self.provider.name))
        if body.get("response_format", {}).get("type") == "json_schema":
            text = json.dumps(STRUCTURED)
        return {"role": "assistant", "content": text, "refusal": None}, "stop"

    def stream(self, body, model, message, finish):
        def chunk(**fields):
            head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}
            return data({**head, **fields})

        def choice(delta, reason=None):
            return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]

        yield chunk(choices=choice({"role": "assistant", "content": ""}))
        for call in message.get("tool_calls", []):
            start = {**call, "index": 0, "function": {**call["function"], "arguments": ""}}
            yield chunk(choices=choice({"tool_calls": [start]}))
            text = call["function"]["arguments"]
            for part in (text[:5], text[5:]):
                yield chunk(choices=choice({"tool_calls": [{"index": 0, "function": {"arguments": part}}]}))
        if message["content"]:
            for piece in re.findall(r"\S+\s*", message["content"]):
                yield chunk(choices=choice({"content": piece}))
        yield chunk(choices=choice({}, finish))
        if (body.get("stream_options") or {}).get("include_usage"):
            yield chunk(choices=[], usage=self.USAGE)
        yield "data: [DONE]\n\n"


class Anthropic(Handler):
    TYPES = {
        400: "invalid_request_error",
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        529: "overloaded_error",
    }

    def sent_key(self):
        # The service takes both; so does the SDK, from version 2 on the second.
        return self.headers.get("x-api-key") or (self.headers.get("authorization") or "").removeprefix("Bearer ")

    def error(self, status, message):
        error = {"type": self.TYPES.get(status, "api_error"), "message": message}
        self.json(status, {"type": "error", "error": error}, self.retry_headers(status))

    def reply(self, body, model):
        if re.search(r"/models(\?|$)", self.path):
            entry = {"type": "model", "id": "text", "display_name": "Text", "created_at": "2025-01-01T00:00:00Z"}
            page = {"data": [entry], "has_more": False, "first_id": "text", "last_id": "text"}
            return self.json(200, page)
        block, stop = self.block(body)
        usage = {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS}
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [block],
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": usage,
        }
        if body.get("stream"):
            return self.events(self.stream(message, block, stop))
        return self.json(200, message)

    def block(self, body):
        structured = (body.get("output_config") or {}).get("format") or body.get("output_format")
        forced = (body.get("tool_choice") or {}).get("type") == "tool"
        last = body["messages"][-1]["content"]
        answered = isinstance(last, list) and any(part.get("type") == "tool_result" for part in last)
        if body.get("tools") and not answered:
            tool = body["tools"][0]
            known = tool["input_schema"].get("properties", {})
            made = STRUCTURED if forced and "population" in known else ARGUMENTS
            return {"type": "tool_use", "id": "toolu_1", "name": tool["name"], "input": made}, "tool_use"
        text = json.dumps(STRUCTURED) if structured else "".join(pieces(self.provider.name))
        return {"type": "text", "text": text}, "end_turn"

    def stream(self, message, block, stop):
        start = {**message, "content": [], "stop_reason": None}
        start["usage"] = {"input_tokens": INPUT_TOKENS, "output_tokens": 1}
        yield named({"type": "message_start", "message": start})
        if block["type"] == "text":
            empty = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": part} for part in re.findall(r"\S+\s*", block["text"])]
        else:
            empty = {**block, "input": {}}
            text = json.dumps(block["input"])
            deltas = [{"type": "input_json_delta", "partial_json": part} for part in ("", text[:5], text[5:])]
        yield named({"type": "content_block_start", "index": 0, "content_block": empty})
        yield named({"type": "ping"})
        for delta in deltas:
            yield named({"type": "content_block_delta", "index": 0, "delta": delta})
        yield named({"type": "content_block_stop", "index": 0})
        delta = {"stop_reason": stop, "stop_sequence": None}
        yield named({"type": "message_delta", "delta": delta, "usage": {"output_tokens": OUTPUT_TOKENS}})
        yield named({"type": "message_stop"})


class Gemini(Handler):
    STATUSES = {
        400: "INVALID_ARGUMENT",
        401: "UNAUTHENTICATED",
        403: "PERMISSION_DENIED",
        404: "NOT_FOUND",
        429: "RESOURCE_EXHAUSTED",
        503: "UNAVAILABLE",
    }

    def sent_key(self):
        return self.headers.get("x-goog-api-key")

    def model(self, body):
        match = re.search(r"/models/([^:?]+)", self.path)
        return match and match[1]

    def error(self, status, message):
        error = {"code": status, "message": message, "status": self.STATUSES.get(status, "INTERNAL")}
        self.json(status, {"error": error}, self.retry_headers(status))

    def reply(self, body, model):
        if body is None:
            entry = {"name": "models/text", "supportedGenerationMethods": ["generateContent"]}
            return self.json(200, {"models": [entry]})
        vector = {"values": VECTOR}
        if ":batchEmbedContents" in self.path:
            return self.json(200, {"embeddings": [vector for _ in body["requests"]]})
        if ":embedContent" in self.path:
            return self.json(200, {"embedding": vector})
        parts = self.parts(body)
        if ":streamGenerateContent" in self.path:
            last = len(parts) - 1
            return self.events(data(self.response([part], at == last)) for at, part in enumerate(parts))
        if all("text" in part for part in parts):
            parts = [{"text": "".join(part["text"] for part in parts)}]
        return self.json(200, self.response(parts, True))

    def parts(self, body):
        answered = any("functionResponse" in part for part in body["contents"][-1]["parts"])
        if body.get("tools") and not answered:
            name = body["tools"][0]["functionDeclarations"][0]["name"]
            return [{"functionCall": {"name": name, "args": ARGUMENTS}}]
        config = body.get("generationConfig", {})
        if config.get("responseMimeType") == "application/json":
            return [{"text": json.dumps(STRUCTURED)}]
        return [{"text": piece} for piece in pieces(self.provider.name)]

    def response(self, parts, last):
        candidate = {"index": 0, "content": {"role": "model", "parts": parts}}
        if last:
            candidate["finishReason"] = "STOP"
        usage = {
            "promptTokenCount": INPUT_TOKENS,
            "candidatesTokenCount": OUTPUT_TOKENS,
            "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS,
        }
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "text", "responseId": "r1"}
