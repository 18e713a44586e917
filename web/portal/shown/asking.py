"""A request as a line for a shell. Pure."""

import json
import shlex

KEY = "$KSCOPE_API_KEY"


def curl(url: str, needs_key: bool, body: object = None) -> str:
    """It can be pasted as it stands, once the key stands in the environment."""
    parts = [f"curl {shlex.quote(url)}"]
    if needs_key:
        parts.append(f'-H "Authorization: Bearer {KEY}"')
    if body is not None:
        parts += ['-H "Content-Type: application/json"', f"-d {shlex.quote(pretty(body))}"]
    return " \\\n  ".join(parts)


def pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
