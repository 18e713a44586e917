"""The playground's door to the engines: who is logged in needs no key.

What comes through it goes the way of every other request (`web.openai_proxy.front`): the same
bytes, limits and accounts. It is asked for by pages of ours only, as each deed of the portal is.
"""

import hmac

from werkzeug.datastructures import EnvironHeaders

from web.errors import ForeignForm, NotLoggedIn
from web.identity.browser import CSRF_HEADER, is_from_us, session_token
from web.identity.keys import Principal
from web.identity.sessions import csrf_of
from web.openai_proxy.doors import Door, Environ
from web.openai_proxy.table import PLAYGROUND
from web.portal.parts import Parts
from web.portal.viewer import Viewer


def door_for_sessions(parts: Parts) -> Door:
    base_url = parts.settings.proxy_base_url

    def identify(environ: Environ) -> Principal:
        headers = EnvironHeaders(environ)
        token = session_token(headers.get("Cookie"), base_url)
        if not token:
            raise NotLoggedIn
        carried = headers.get(CSRF_HEADER, "")
        ours = hmac.compare_digest(carried.encode(), csrf_of(token).encode())
        if not (ours and is_from_us(headers, base_url)):
            raise ForeignForm
        # Streams go on while the database is asked.
        visit = parts.aside.do(lambda: parts.sessions.find(token))
        if visit is None:
            raise NotLoggedIn
        return Viewer(visit.account, visit.csrf, origin="").principal

    return Door(PLAYGROUND, identify)
