"""When to try again something that keeps failing. Pure: time and chance are passed in."""

FIRST_S = 1.0
MOST_S = 60.0


class Backoff:
    """Doubles the pause after each failure, from 1 s to 60 s, and shortens it by chance.

    The chance (0 to 1) keeps several gateways from knocking in step.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._retry_at = float("-inf")

    def failed(self, now_s: float, chance: float) -> None:
        """Note a failure at `now_s`."""
        pause_s = min(MOST_S, FIRST_S * 2.0 ** min(self._failures, 10))
        self._failures += 1
        self._retry_at = now_s + pause_s * (0.5 + chance / 2)

    def succeeded(self) -> None:
        """Forget all failures."""
        self._failures = 0
        self._retry_at = float("-inf")

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next try is allowed; 0 when it is."""
        return max(0.0, self._retry_at - now_s)
