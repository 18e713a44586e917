"""`config.example.env` says what `Settings` does: the same names, defaults and meanings."""

from pathlib import Path

from web.config import Settings, settings

EXAMPLE = Path(__file__).parents[2] / "config.example.env"


def _documented() -> dict[str, tuple[str, list[str]]]:
    """name -> (value, the comment lines right above it)."""
    found: dict[str, tuple[str, list[str]]] = {}
    comments: list[str] = []
    for line in EXAMPLE.read_text().splitlines():
        if line.startswith("# "):
            comments.append(line[2:])
        elif "=" in line:
            name, _, value = line.partition("=")
            assert name not in found, f"{name} stands twice"
            found[name] = (value, comments)
            comments = []
        else:
            assert line == "" or line.startswith("## "), f"neither a comment nor NAME=value: {line}"
            comments = []
    return found


def test_the_example_lists_every_setting_with_its_default_and_meaning() -> None:
    wanted = {}
    for _, setting in settings():
        if setting.derive:
            comments = [setting.meaning, f"Default: {setting.default}."]
            wanted[setting.env] = ("", comments)
        else:
            wanted[setting.env] = (setting.default, [setting.meaning])

    assert _documented() == wanted


def test_the_example_as_it_stands_gives_the_default_settings() -> None:
    environ = {name: value for name, (value, _) in _documented().items()}

    assert Settings.from_env(environ) == Settings.from_env({})


def test_every_default_that_is_set_is_the_value_from_an_empty_environment() -> None:
    defaults = Settings.from_env({})

    for name, setting in settings():
        if setting.default and not setting.derive:
            assert getattr(defaults, name) == setting.parse(setting.default)
