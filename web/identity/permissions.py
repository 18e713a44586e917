"""Who may use which model. Pure."""

from web.catalog.deployment import Deployment
from web.identity.keys import Principal

EVERYBODY = "all"


def may_use(principal: Principal, deployment: Deployment) -> bool:
    """A key's scope narrows what its owner's groups allow. Accounts have no groups yet."""
    in_scope = principal.models is None or deployment.name in principal.models
    return in_scope and EVERYBODY in deployment.groups
