"""Every page there is: those of the routes, with names filled in, and each way of asking that costs
more than the plain one."""

from collections.abc import Iterator

from flask import Flask

from bench.pages.filling import model_name, user_name

# A key of user 7, a model that runs.
FILLED = {"<path:name>": model_name(5), "<name>": model_name(5), "<key_id>": "k0000007"}
SKIPPED = ("/static/", "/login", "/logout", "/keys/<key_id>/")
NEEDED = {
    "/admin/users/one": f"?name={user_name(7)}",
    "/admin/instances/one": "?id=i000000001",
    "/admin/instances/one/state": "?id=i000000001",
    "/admin/limits/one": f"?scope=user&name={user_name(7)}",
    "/playground/progress": f"?model={model_name(5)}",
}
MORE = {
    "/usage": ("?range=7d", "?range=90d", "?range=last-month", "?range=year"),
    "/usage/everybody": (
        "?table=models",
        "?page=7",
        "?q=99",
        "?range=90d",
        "?range=last-month",
        "?range=year",
        "?range=year&table=models",
    ),
    "/models": ("?page=5", "?q=model-4"),
    "/use": (f"?model={model_name(5)}",),
    "/playground": (f"?model={model_name(5)}",),
    "/admin/users": ("?page=40", "?q=99", "?kind=disabled"),
    "/admin/keys": ("?page=150", "?q=99", "?q=user01234"),
    "/admin/audit": ("?page=900", "?q=99", f"?actor={user_name(7)}"),
    "/admin/instances": ("?page=2", "?q=model-4"),
}


def is_file(address: str) -> bool:
    return "/csv" in address


def addresses(app: Flask, is_admin: bool) -> Iterator[str]:
    """All that a browser is shown; for administrators those of the others too."""
    paths = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("portal.") and "GET" in (rule.methods or ())
    }
    for path in sorted(paths):
        of_admins = path.startswith("/admin") or "everybody" in path
        if path.startswith(SKIPPED) or (of_admins and not is_admin):
            continue
        filled = path
        for name, value in FILLED.items():
            filled = filled.replace(name, value)
        yield filled + NEEDED.get(path, "")
        yield from (path + asked for asked in MORE.get(path, ()))
