"""curl, which is on every machine."""

import json

from web.portal.snippets import quoting
from web.portal.snippets.parts import KEY_VARIABLE, QUESTION, RETRIES, Aim, Snippet, fill

_ASK = """\
curl «url» \\
  --no-buffer --retry «retries» \\
  -H "Authorization: Bearer $«key»" \\
  -H "Content-Type: application/json" \\
  -d «body»
"""


def render(aim: Aim) -> Snippet:
    body = {
        "model": aim.model,
        "messages": [{"role": "user", "content": QUESTION}],
        "stream": True,
    }
    run = fill(
        _ASK,
        url=quoting.shell(f"{aim.base_url}/chat/completions"),
        retries=RETRIES,
        key=KEY_VARIABLE,
        body=quoting.shell(json.dumps(body, indent=2)),
    )
    return Snippet(
        "",
        (),
        run,
        (
            "While the model starts, each answer says how far it is, and `--retry` asks again "
            "when it is told to.",
            'Without `"stream": true` the answer comes in one piece.',
        ),
    )
