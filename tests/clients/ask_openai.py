"""Asks as users of openai-python do, and prints what they see."""

import json
import os
from typing import Any

import openai

client = openai.OpenAI(
    base_url=os.environ["BASE_URL"], api_key=os.environ["API_KEY"], max_retries=0
)


def ask(model: str, stream: bool) -> Any:
    messages = [{"role": "user", "content": os.environ["PROMPT"]}]
    return client.chat.completions.create(
        model=model, messages=messages, max_tokens=40, stream=stream
    )


def refusal(stream: bool) -> dict[str, Any] | None:
    try:
        ask(os.environ["COLD_MODEL"], stream)
    except openai.APIStatusError as error:
        return {
            "kind": type(error).__name__,
            "own": isinstance(error, openai.InternalServerError),
            "status": error.status_code,
            "code": error.code,
            "message": error.message,
            "retry_after": error.response.headers["retry-after"],
        }
    return None


warm = os.environ["MODEL"]
pieces = [chunk.choices[0].delta.content for chunk in ask(warm, True)]
print(
    json.dumps(
        {
            "chat": ask(warm, False).choices[0].message.content,
            "stream": [piece for piece in pieces if piece],
            "refused": refusal(False),
            "refused_stream": refusal(True),
        }
    )
)
