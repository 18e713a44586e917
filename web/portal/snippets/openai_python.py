"""The OpenAI client for Python: a question, many at once, a whole file of them, embeddings."""

from web.portal.snippets import quoting
from web.portal.snippets.parts import KEY_VARIABLE, QUESTION, RETRIES, Aim, File, Snippet, fill

INSTALL = "pip install openai"
_WAITS = (
    "A model that does not run is started by your request and answers 503 meanwhile. "
    "`max_retries` is all it takes to wait for it: the client asks again when it is told to."
)

_ASK = """\
import os

from openai import OpenAI

client = OpenAI(
    base_url=«base_url»,
    api_key=os.environ["«key»"],
    max_retries=«retries»,  # waits while the model starts
)
stream = client.chat.completions.create(
    model=«model»,
    messages=[{"role": "user", "content": «question»}],
    stream=True,
)
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="", flush=True)
print()
"""

_ASK_ASYNC = """\
import asyncio
import os

from openai import AsyncOpenAI


async def main():
    async with AsyncOpenAI(
        base_url=«base_url»,
        api_key=os.environ["«key»"],
        max_retries=«retries»,  # waits while the model starts
    ) as client:
        stream = await client.chat.completions.create(
            model=«model»,
            messages=[{"role": "user", "content": «question»}],
            stream=True,
        )
        async for chunk in stream:
            print(chunk.choices[0].delta.content or "", end="", flush=True)
    print()


asyncio.run(main())
"""

_BATCH = """\
import asyncio
import json
import os
from pathlib import Path

from openai import AsyncOpenAI

AT_ONCE = 64
ANSWERS = Path("answers.jsonl")
prompts = [f"Tell me something about the number {n}." for n in range(200)]


async def ask(client, places, prompt, file):
    async with places:
        answer = await client.chat.completions.create(
            model=«model»,
            messages=[{"role": "user", "content": prompt}],
            max_tokens=200,
        )
    line = {"prompt": prompt, "answer": answer.choices[0].message.content}
    print(json.dumps(line, ensure_ascii=False), file=file, flush=True)


async def main():
    # What an earlier run has answered is not asked again.
    done = set()
    if ANSWERS.exists():
        lines = ANSWERS.read_text(encoding="utf-8").splitlines()
        done = {json.loads(line)["prompt"] for line in lines}
    places = asyncio.Semaphore(AT_ONCE)
    async with AsyncOpenAI(
        base_url=«base_url»,
        api_key=os.environ["«key»"],
        max_retries=«retries»,  # waits while the model starts, and for your limits
        timeout=3600,
    ) as client:
        with ANSWERS.open("a", encoding="utf-8") as file:
            left = [prompt for prompt in prompts if prompt not in done]
            await asyncio.gather(*(ask(client, places, p, file) for p in left))


asyncio.run(main())
"""

_EMBED = """\
import os

from openai import OpenAI

client = OpenAI(
    base_url=«base_url»,
    api_key=os.environ["«key»"],
    max_retries=«retries»,  # waits while the model starts
)
answer = client.embeddings.create(
    model=«model»,
    input=["The sky is blue.", "Grass is green."],
)
for item in answer.data:
    print(len(item.embedding), item.embedding[:4])
"""


def sync(aim: Aim) -> Snippet:
    return _script("ask.py", _ASK, aim, _WAITS)


def asynchronous(aim: Aim) -> Snippet:
    return _script("ask_async.py", _ASK_ASYNC, aim, _WAITS)


def batch(aim: Aim) -> Snippet:
    return _script(
        "ask_many.py",
        _BATCH,
        aim,
        "Interrupt it whenever you like: started again, it goes on where it was. More requests "
        "at once have the gateway start more instances, as far as the model may have them; "
        "beyond a limit of yours the client is told to wait, and waits.",
        retries=10 * RETRIES,
    )


def embeddings(aim: Aim) -> Snippet:
    return _script(
        "embed.py",
        _EMBED,
        aim,
        "For models that make embeddings; one that writes text answers that it does not.",
    )


def _script(name: str, template: str, aim: Aim, note: str, retries: int = RETRIES) -> Snippet:
    text = fill(
        template,
        base_url=quoting.python(aim.base_url),
        model=quoting.python(aim.model),
        question=quoting.python(QUESTION),
        key=KEY_VARIABLE,
        retries=retries,
    )
    return Snippet(INSTALL, (File(name, "Python", text),), f"python3 {name}", (note,))
