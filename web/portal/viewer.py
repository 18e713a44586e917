"""Who looks at a page."""

from dataclasses import dataclass

from web.identity.accounts import Account
from web.identity.keys import Principal

# Usage, limits and audit know browser users' requests by it. No key has an id of six characters.
PORTAL_KEY = "portal"


@dataclass(frozen=True, slots=True)
class Viewer:
    """`csrf`: what their forms carry; `origin`: the address that they came from."""

    account: Account
    csrf: str
    origin: str

    @property
    def name(self) -> str:
        return self.account.name

    @property
    def is_admin(self) -> bool:
        return self.account.is_admin

    @property
    def principal(self) -> Principal:
        """As whom they ask a model: nothing narrows what their groups allow."""
        return Principal(PORTAL_KEY, self.name, None, self.account.groups, self.is_admin)
