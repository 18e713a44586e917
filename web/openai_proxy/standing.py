"""Which instances requests may go to, by what became of the requests before. One per worker.

An instance that fails several requests in a row is set aside, and comes back only after it has
answered a real question: a probe that merely connects proves nothing. A budget bounds the retries,
so that a dying fleet is not stormed with twice the load.
"""

from collections import Counter

FAILURES_BEFORE_EJECTION = 3
# Each request earns this much of a retry, each retry costs 1.
RETRY_EARNED = 0.2
RETRY_BUDGET_CAP = 20.0


class Standing:
    def __init__(self) -> None:
        self.in_flight: Counter[str] = Counter()
        # Own requests in flight, and those that the last heartbeat told beyond them.
        self.load: Counter[str] = Counter()
        self._others: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self.ejected: frozenset[str] = frozenset()
        self.total_in_flight = 0
        self._budget = RETRY_BUDGET_CAP

    def begin(self, instance_id: str) -> None:
        self.in_flight[instance_id] += 1
        self.load[instance_id] += 1
        self.total_in_flight += 1
        self._budget = min(self._budget + RETRY_EARNED, RETRY_BUDGET_CAP)

    def end(self, instance_id: str, *, answered: bool = False) -> None:
        """`answered`: the engine spoke to the end. Whatever it said, it lives."""
        self.in_flight[instance_id] -= 1
        self.load[instance_id] -= 1
        self.total_in_flight -= 1
        if answered:
            self._failures.pop(instance_id, None)

    def heard(self, instance_id: str, reported: int) -> None:
        """A heartbeat told how many requests the engine has: the rest comes from elsewhere."""
        others = max(0, reported - self.in_flight[instance_id])
        self.load[instance_id] += others - self._others[instance_id]
        self._others[instance_id] = others

    def failed(self, instance_id: str) -> None:
        self._failures[instance_id] += 1
        if self._failures[instance_id] >= FAILURES_BEFORE_EJECTION:
            self.ejected |= {instance_id}

    def proven(self, instance_id: str) -> None:
        """It answered a probe with a token."""
        self.ejected -= {instance_id}
        self._failures.pop(instance_id, None)

    def forget_all_but(self, instance_ids: set[str]) -> None:
        self.ejected &= instance_ids
        for counts in (self._failures, self._others, self.in_flight, self.load):
            for gone in counts.keys() - instance_ids:
                if not self.in_flight[gone]:
                    del counts[gone]

    def may_retry(self) -> bool:
        """Take a retry out of the budget, if there is one in it."""
        if self._budget < 1:
            return False
        self._budget -= 1
        return True
