"""All clients that there is a snippet for, in the order in which pages list them."""

from web.portal.snippets import apps, curl, frameworks, openai_node, openai_python
from web.portal.snippets.parts import Client

CLIENTS: tuple[Client, ...] = (
    Client("python", "Python", "one question, streamed", openai_python.sync),
    Client("python-async", "Python, async", "for programs on asyncio", openai_python.asynchronous),
    Client("python-batch", "Python, many", "thousands of prompts", openai_python.batch),
    Client("curl", "curl", "nothing to install", curl.render),
    Client("node", "Node", "JavaScript and TypeScript", openai_node.render),
    Client("langchain", "LangChain", "chains and agents", frameworks.langchain),
    Client("llamaindex", "LlamaIndex", "indices and query engines", frameworks.llamaindex),
    Client("embeddings", "Embeddings", "vectors of texts, in Python", openai_python.embeddings),
    Client("open-webui", "Open WebUI", "a chat in the browser", apps.open_webui),
    Client("librechat", "LibreChat", "a chat for many users", apps.librechat),
    Client("continue", "Continue", "in your editor", apps.continue_),
    Client("aider", "aider", "edits your repository", apps.aider),
)


def client(slug: str) -> Client | None:
    return next((each for each in CLIENTS if each.slug == slug), None)
