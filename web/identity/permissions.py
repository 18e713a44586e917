"""Who may use which model. Pure."""

from web.catalog.deployment import Deployment
from web.identity.keys import Principal

EVERYBODY = "all"


def may_use(principal: Principal, deployment: Deployment) -> bool:
    """A key's scope narrows what its owner's groups allow; administrators are no exception."""
    if principal.models is not None and deployment.name not in principal.models:
        return False
    return EVERYBODY in deployment.groups or not principal.groups.isdisjoint(deployment.groups)
