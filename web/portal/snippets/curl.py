"""curl, which is on every machine."""

import json

from web.portal.snippets import quoting
from web.portal.snippets.parts import KEY_VARIABLE, QUESTION, RETRIES, Aim, Snippet, fill

_ASK = """\
curl «url» \\
  --no-buffer --retry «retries» \\
  -H "Authorization: Bearer $«key»" \\
  -H "Content-Type: application/json" \\
  -H "Prefer: wait=«wait»" \\
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
        wait=aim.max_wait_s,
        body=quoting.shell(json.dumps(body, indent=2)),
    )
    return Snippet(
        "",
        (),
        run,
        (
            "With `Prefer: wait` the gateway holds your request while the model starts. Without "
            "it the answer is 503 and says how far the model is.",
            'Without `"stream": true` the answer comes in one piece.',
        ),
    )
