"""LangChain and LlamaIndex."""

from web.portal.snippets import quoting
from web.portal.snippets.parts import KEY_VARIABLE, QUESTION, RETRIES, Aim, File, Snippet, fill

_LANGCHAIN = """\
import os

from langchain_openai import ChatOpenAI

llm = ChatOpenAI(
    model=«model»,
    base_url=«base_url»,
    api_key=os.environ["«key»"],
    max_retries=«retries»,  # waits while the model starts
)
for chunk in llm.stream(«question»):
    print(chunk.content, end="", flush=True)
print()
"""

_LLAMAINDEX = """\
import os

from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike

llm = OpenAILike(
    model=«model»,
    api_base=«base_url»,
    api_key=os.environ["«key»"],
    is_chat_model=True,
«length»\
    max_retries=«retries»,  # waits while the model starts
    timeout=600,
)
question = ChatMessage(role="user", content=«question»)
for piece in llm.stream_chat([question]):
    print(piece.delta, end="", flush=True)
print()
"""


def langchain(aim: Aim) -> Snippet:
    return Snippet(
        "pip install langchain-openai",
        (File("ask_langchain.py", "Python", _filled(_LANGCHAIN, aim)),),
        "python3 ask_langchain.py",
        ("`llm` goes wherever LangChain and LangGraph want a chat model.",),
    )


def llamaindex(aim: Aim) -> Snippet:
    notes = ["`Settings.llm = llm` makes it the model of every index and query engine."]
    if aim.max_tokens is None:
        notes.append(
            "Name the model's length as `context_window`, too, as soon as you know it: LlamaIndex "
            "takes 3,900 tokens otherwise."
        )
    return Snippet(
        "pip install llama-index-llms-openai-like",
        (File("ask_llamaindex.py", "Python", _filled(_LLAMAINDEX, aim)),),
        "python3 ask_llamaindex.py",
        tuple(notes),
    )


def _filled(template: str, aim: Aim) -> str:
    known = aim.max_tokens is not None
    return fill(
        template,
        base_url=quoting.python(aim.base_url),
        model=quoting.python(aim.model),
        question=quoting.python(QUESTION),
        key=KEY_VARIABLE,
        retries=RETRIES,
        length=f"    context_window={aim.max_tokens},\n" if known else "",
    )
