"""Programs that people chat and write code with: Open WebUI, LibreChat, Continue, aider.

What cannot ask again by itself sends `Prefer: wait`: the gateway then holds the request until the
model is there.
"""

import json

from web.portal.snippets import quoting
from web.portal.snippets.parts import KEY_VARIABLE, QUESTION, RETRIES, Aim, File, Snippet, fill

_OPEN_WEBUI = """\
export DATA_DIR=~/.open-webui
export ENABLE_OLLAMA_API=false
export OPENAI_API_BASE_URL=«base_url»
export OPENAI_API_KEY="$«key»"
export OPENAI_API_CONFIGS=«configs»
export DEFAULT_MODELS=«model»
open-webui serve --host 127.0.0.1 --port 3000
"""

_LIBRECHAT = """\
version: 1.3.17
cache: true
endpoints:
  custom:
    - name: KScope
      baseURL: «base_url»
      apiKey: "${«key»}"
      headers:
        Prefer: wait=«wait» # until the model has started
      models:
        default: [«model»]
        fetch: true
      titleConvo: true
      titleModel: current_model
      modelDisplayLabel: KScope
"""

_CONTINUE = """\
name: KScope
version: 1.0.0
schema: v1
models:
  - name: «model»
    provider: openai
    model: «model»
    apiBase: «base_url»
    apiKey: ${{ secrets.«key» }}
    roles: [chat, edit, apply]
«length»\
    requestOptions:
      headers:
        Prefer: wait=«wait» # until the model has started
"""

_AIDER_SETTINGS = """\
- name: «model»
  extra_params:
    max_retries: «retries» # waits while the model starts
"""

_AIDER = """\
export OPENAI_API_BASE=«base_url»
export OPENAI_API_KEY="$«key»"
aider --model «model» --no-show-model-warnings
"""


def open_webui(aim: Aim) -> Snippet:
    configs = {"0": {"headers": {"Prefer": f"wait={aim.max_wait_s}"}}}
    run = fill(
        _OPEN_WEBUI,
        base_url=quoting.shell(aim.base_url),
        key=KEY_VARIABLE,
        configs=quoting.shell(json.dumps(configs)),
        model=quoting.shell(aim.model),
    )
    return Snippet(
        "pip install open-webui  # Python 3.11 or 3.12",
        (),
        run,
        (
            "Then open `http://127.0.0.1:3000`. The first account that is made there is the "
            "administrator's.",
            "Open WebUI reads these variables at its first start; afterwards they stand under "
            "Admin panel, Settings, Connections.",
            "With Docker, hand the same variables over with `-e`.",
        ),
    )


def librechat(aim: Aim) -> Snippet:
    text = fill(
        _LIBRECHAT,
        base_url=quoting.yaml(aim.base_url),
        key=KEY_VARIABLE,
        model=quoting.yaml(aim.model),
        wait=aim.max_wait_s,
    )
    return Snippet(
        "",
        (File("librechat.yaml", "YAML", text),),
        "",
        (
            f"Put the line `{KEY_VARIABLE}=sk-…` into LibreChat's `.env`, then restart it. With "
            '`apiKey: "user_provided"` each user enters a key of their own instead.',
            "All models that the key may use are listed, running or not.",
        ),
    )


def continue_(aim: Aim) -> Snippet:
    known = aim.max_tokens is not None
    length = f"    defaultCompletionOptions:\n      contextLength: {aim.max_tokens}\n"
    text = fill(
        _CONTINUE,
        base_url=quoting.yaml(aim.base_url),
        key=KEY_VARIABLE,
        model=quoting.yaml(aim.model),
        length=length if known else "",
        wait=aim.max_wait_s,
    )
    extension = (
        "The extension for VS Code and JetBrains reads the same file, and your key from the line "
        f"`{KEY_VARIABLE}=sk-…` in `~/.continue/.env`."
    )
    file = File("~/.continue/config.yaml", "YAML", text)
    if not aim.calls_tools:
        chat = "This model is served without tool calling: it can chat, but it is no agent."
        return Snippet("", (file,), "", (extension, chat))
    run = f"cn -p {quoting.shell(QUESTION)}"
    agent = "This model can call tools, so agents work: in the extension, and in the terminal."
    return Snippet("npm install -g @continuedev/cli", (file,), run, (agent, extension))


def aider(aim: Aim) -> Snippet:
    # To aider, openai/ says which dialect a model speaks.
    model = f"openai/{aim.model}"
    settings = fill(_AIDER_SETTINGS, model=quoting.yaml(model), retries=RETRIES)
    run = fill(
        _AIDER,
        base_url=quoting.shell(aim.base_url),
        key=KEY_VARIABLE,
        model=quoting.shell(model),
    )
    return Snippet(
        "pip install aider-chat  # Python 3.10 to 3.12",
        (File(".aider.model.settings.yml", "YAML", settings),),
        run,
        (
            "The settings file stands in the folder where you start aider, or in your home folder. "
            "Without it aider gives up after a minute.",
        ),
    )
