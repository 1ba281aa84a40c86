"""The official OpenAI SDK: pictures, speech, transcripts and moderations."""

import base64

from providers import INPUT_TOKENS, PIXEL, SOUND

TEXT = "Hello from house."
FILE = bytes(range(256)) + b"\r\n--\r\n\r\n"


def test_images_are_made(oai):
    made = oai.images.generate(model="house/draw", prompt="a cat", n=1)
    assert base64.b64decode(made.data[0].b64_json).startswith(b"\x89PNG")
    assert made.usage.input_tokens == INPUT_TOKENS


def test_images_arrive_in_parts(oai):
    events = list(oai.images.generate(model="house/draw", prompt="a cat", stream=True, partial_images=1))
    assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]
    assert events[1].b64_json == PIXEL


def test_images_are_edited(oai, providers):
    made = oai.images.edit(model="house/draw", image=("a.png", FILE, "image/png"), prompt="a hat on it")
    assert made.data[0].b64_json == PIXEL
    sent = providers["house"].last()
    assert (sent["model"], sent["prompt"], sent["image"]) == ("draw", "a hat on it", FILE)


def test_speech_is_sound(oai, providers):
    spoken = oai.audio.speech.create(model="house/speak", voice="alloy", input="Hi")
    assert spoken.content == SOUND
    assert providers["house"].last()["model"] == "speak"
    with oai.audio.speech.with_streaming_response.create(model="house/speak", voice="alloy", input="Hi") as answer:
        assert answer.headers["content-type"] == "audio/mpeg"
        assert b"".join(answer.iter_bytes()) == SOUND


def test_transcripts(oai, providers):
    ask = {"model": "house/hear", "file": ("a.wav", FILE, "audio/wav")}
    assert oai.audio.transcriptions.create(**ask).text == TEXT
    sent = providers["house"].last()
    assert (sent["model"], sent["file"]) == ("hear", FILE)
    assert oai.audio.transcriptions.create(**ask, response_format="text").strip() == TEXT
    events = list(oai.audio.transcriptions.create(**ask, stream=True))
    assert "".join(event.delta for event in events[:-1]) == events[-1].text == TEXT
    assert oai.audio.translations.create(**ask).text == TEXT


def test_moderation(oai):
    found = oai.moderations.create(model="house/watch", input="I will hurt you")
    assert found.results[0].flagged and found.results[0].categories.violence
