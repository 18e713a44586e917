"""Asks as users of LangChain do, and prints what they see."""

import json
import os
from collections.abc import Callable
from typing import Any

import openai
from langchain_core.exceptions import ModelAPIError
from langchain_openai import ChatOpenAI


def chat(model: str) -> ChatOpenAI:
    return ChatOpenAI(
        model=model,
        base_url=os.environ["BASE_URL"],
        api_key=os.environ["API_KEY"],
        max_retries=0,
        max_tokens=40,
    )


def streamed(model: str) -> list[Any]:
    pieces = [chunk.content for chunk in chat(model).stream(os.environ["PROMPT"])]
    return [piece for piece in pieces if piece]


def whole(model: str) -> Any:
    return chat(model).invoke(os.environ["PROMPT"]).content


def refusal(asked: Callable[[str], object]) -> dict[str, Any] | None:
    try:
        asked(os.environ["COLD_MODEL"])
    except openai.APIStatusError as error:
        return {
            "kind": type(error).__name__,
            "own": isinstance(error, openai.InternalServerError)
            and isinstance(error, ModelAPIError),
            "status": error.status_code,
            "code": error.code,
            "message": error.message,
            "retry_after": error.response.headers["retry-after"],
        }
    return None


warm = os.environ["MODEL"]
print(
    json.dumps(
        {
            "chat": whole(warm),
            "stream": streamed(warm),
            "refused": refusal(whole),
            "refused_stream": refusal(streamed),
        }
    )
)
