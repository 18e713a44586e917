"""How long the fleet process takes for one look over a thousand live instances."""

from typing import Any

from bench.fleet_tick import tick_figures
from bench.stage import Stage


def measure_tick(stage: Stage) -> dict[str, Any]:
    """Beside the gateway, which idles: it has nothing to do with it."""
    folder = stage.folder / "tick"
    folder.mkdir()
    return tick_figures(folder)
