"""OpenAI's Python client against the router: does what a case names, and prints what the client gave as JSON. Run by test/http/openai-python.test.ts."""

import base64
import json
import sys

import openai

URL, APP = sys.argv[1], sys.argv[2]
# What requests have beside OpenAI's members.
MORE = json.loads(sys.argv[4])


def client(app=APP):
    return openai.OpenAI(api_key="sk-secret", base_url=f"{URL}/{app}/v1", max_retries=0)


def says(content):
    return [{"role": "user", "content": content}]


def went(raw):
    return [raw.headers.get("x-fal-served-from"), raw.headers.get("x-warmpath-reason")]


def chat(**options):
    try:
        raw = client().chat.completions.with_raw_response.create(max_tokens=8, extra_body=MORE, **options)
    except openai.NotFoundError as error:
        # Without a hint any replica gets it, and this one has another model.
        raw, content = error.response, None
    else:
        content = raw.parse().choices[0].message.content
    request = raw.http_request if content is not None else raw.request
    # Older versions write the messages before the model.
    early = request.content.index(b'"model"') < 65_536
    return {"went": went(raw), "content": content, "early": early}


def plain():
    return [chat(model=model, messages=says("a few words")) for model in ("qwen", "llama3:latest", "llama3")]


def stream():
    asked = {"model": "qwen", "messages": says("one two three"), "max_tokens": 8, "extra_body": MORE}
    pieces = client().chat.completions.create(**asked, stream=True)
    return [piece.choices[0].delta.content for piece in pieces if piece.choices and piece.choices[0].delta.content]


def left_stream():
    asked = {"model": "qwen", "messages": says("one two three"), "max_tokens": 400, "extra_body": MORE}
    with client().chat.completions.create(**asked, stream=True) as pieces:
        return bool(next(iter(pieces)).choices)


def tools():
    function = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
    answer = client().chat.completions.create(
        model="qwen", messages=says("Oslo"), tools=[{"type": "function", "function": function}]
    )
    [call] = answer.choices[0].message.tool_calls
    return [answer.choices[0].finish_reason, call.function.name, json.loads(call.function.arguments)]


def image(length, **options):
    data = base64.b64encode(bytes(index % 251 for index in range(length * 3 // 4))).decode()
    parts = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}]
    return chat(model="qwen", messages=says(parts), **options)


def images():
    by_header = {"extra_headers": {"X-Fal-Runner-Hint": "qwen"}}
    return [image(30_000), image(900_000), image(5_000_000), image(5_000_000, **by_header)]


def models():
    return [[model.id, model.object] for model in client().models.list()]


def error_of(call):
    try:
        call()
    except openai.APIStatusError as error:
        return [type(error).__name__, error.status_code, error.code]
    return None


def errors():
    def ask(app, **options):
        return lambda: client(app).chat.completions.create(model="m", messages=says("x"), **options)

    return {
        "unknown app": error_of(ask("nowhere")),
        "bad hint": error_of(ask(APP, extra_headers={"x-fal-runner-hint": "x" * 513})),
        "full queue": error_of(ask("busy", extra_query={"fal_max_queue_length": "0"})),
        "too late": error_of(ask("busy", extra_headers={"x-fal-request-timeout": "0.1"})),
        "gone": error_of(ask("gone")),
        "replica's own": error_of(lambda: client().chat.completions.create(model="qwen", messages=says("fail"))),
    }


print(json.dumps(globals()[sys.argv[3]]()))
