"""Whose request a model takes when it has as many as it can work on. Pure: time is handed in.

A model is saturated while it has as many requests as its instances work on at once. Then each
active user, who has requests running or asked for some within ACTIVE_S, has an equal share of the
places. Who is below it gets in. Who is above it gets only places that nobody else is likely to
want: as many as another user wanted at once of late, up to their share, are left free for them. A
lone user has all the places, and more: what nobody else wants is not saved.
"""

import math
from collections.abc import Iterable

ACTIVE_S = 10.0


class Member:
    """A user of one model."""

    __slots__ = ("asked_at_s", "in_flight", "refused", "since_s", "wanted", "wanted_before")

    def __init__(self, now_s: float) -> None:
        self.in_flight = 0
        self.asked_at_s = now_s
        # The most places wanted at once, running or refused, in this period and the one before.
        self.since_s = now_s
        self.wanted = 0
        self.wanted_before = 0
        self.refused = 0

    def note(self, now_s: float) -> None:
        self.asked_at_s = now_s
        self.grow_old(now_s)

    def grow_old(self, now_s: float) -> None:
        age_s = now_s - self.since_s
        if age_s >= ACTIVE_S:
            self.wanted_before = self.wanted if age_s < 2 * ACTIVE_S else self.in_flight
            self.wanted, self.refused, self.since_s = self.in_flight, 0, now_s

    def is_active(self, now_s: float) -> bool:
        return self.in_flight > 0 or now_s - self.asked_at_s < ACTIVE_S

    def missing(self, share: int) -> int:
        """Places to be left free for them."""
        return max(0, min(share, max(self.wanted, self.wanted_before)) - self.in_flight)


def may_enter(in_flight: int, missing: Iterable[int], total: int, places: int, share: int) -> bool:
    """Whether one more request of a user with so many may come to a saturated model.

    missing: the places to be left free for each other user; total: all requests running.
    """
    return in_flight < share or total + 1 + sum(missing) <= places


class Crowd:
    """The users of one model, as one process sees them."""

    __slots__ = ("_members", "_saturated_at_s", "total")

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}
        self._saturated_at_s = -math.inf
        self.total = 0

    def admits(self, user: str, places: int, now_s: float) -> int | None:
        """None if the user may have one more place, else their share. Asking is noted."""
        member = self._member(user, now_s)
        if self.total >= places:
            self._saturated_at_s = now_s
        elif now_s - self._saturated_at_s >= ACTIVE_S:
            return None
        active = [other for other in self._members.values() if other.is_active(now_s)]
        if len(active) == 1:
            return None
        share = max(1, places // len(active))
        for other in active:
            other.grow_old(now_s)
        missing = [other.missing(share) for other in active if other is not member]
        if may_enter(member.in_flight, missing, self.total, places, share):
            return None
        self._refuse(member)
        return share

    def refused(self, user: str, now_s: float) -> None:
        """There was no room at all: it is to be made, if others have more than their share."""
        self._saturated_at_s = now_s
        self._refuse(self._member(user, now_s))

    def enter(self, user: str, now_s: float) -> None:
        member = self._member(user, now_s)
        member.in_flight += 1
        member.wanted = max(member.wanted, member.in_flight)
        self.total += 1

    def leave(self, user: str) -> None:
        self._members[user].in_flight -= 1
        self.total -= 1

    def in_flight(self) -> dict[str, int]:
        """user -> their requests that run, of those who have any."""
        return {user: m.in_flight for user, m in self._members.items() if m.in_flight}

    def forget(self, now_s: float) -> bool:
        """Drop who is not active; whether anybody is left."""
        for user, member in tuple(self._members.items()):
            if not member.is_active(now_s):
                del self._members[user]
        return bool(self._members)

    def _member(self, user: str, now_s: float) -> Member:
        member = self._members.get(user)
        if member is None:
            member = self._members[user] = Member(now_s)
        member.note(now_s)
        return member

    def _refuse(self, member: Member) -> None:
        # A request that is tried again counts again; more than a share is left free for nobody.
        member.refused += 1
        member.wanted = max(member.wanted, member.in_flight + member.refused)
