"""LaunchSpecs for tests."""

from slurm.script import LaunchSpec

# Nobody listens on the discard port: the worker keeps trying to claim, so its job keeps running.
NOBODY = "http://127.0.0.1:9/worker_callback"


def spec(instance_id: str = "abcdefghij", **options: object) -> LaunchSpec:
    """A launch of model `m`, with what matters to the test set by `options`."""
    values: dict[str, object] = {
        "model": "m",
        "path": "/models/m",
        "callback_url": NOBODY,
        "token": "token-canary",
        "engine_api_key": "engine-key-canary",
        "heartbeat_interval_s": 10.0,
        **options,
    }
    return LaunchSpec(instance_id=instance_id, **values)  # type: ignore[arg-type]
