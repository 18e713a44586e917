"""One thing under test, once it runs."""

import http.client
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.upstream.answers import request_body

CHAT = "/v1/chat/completions"
FIRST_ANSWER_S = 60.0


@dataclass(frozen=True, slots=True)
class Subject:
    """base_url has no path. exact: its answers must be the upstream's bytes, unchanged."""

    name: str
    base_url: str
    key: str = "none"
    exact: bool = True
    pids: tuple[int, ...] = ()

    @property
    def host_port(self) -> tuple[str, int]:
        url = urlsplit(self.base_url)
        return url.hostname or "", url.port or 0

    @property
    def is_slow(self) -> bool:
        """Its answers take so long that a short round would count too few of them."""
        return not self.exact

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body; (0, b"") when nobody answers."""
        return self._exchange("GET", path, None)

    def ask(self, body: bytes) -> tuple[int, bytes]:
        """The same for a chat request."""
        return self._exchange("POST", CHAT, body)

    def headers_of(self, body: bytes) -> dict[str, str]:
        """Of the answer to a chat request, by their names in lower case; none if nobody answers."""
        return self._told("POST", CHAT, body)[1]

    def answers(self) -> bool:
        """Whether it passes on a whole answer of the upstream."""
        status, body = self.ask(request_body("json", 0))
        return status == 200 and b"chat.completion" in body

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        status, _, answer = self._told(method, path, body)
        return status, answer

    def _told(
        self, method: str, path: str, body: bytes | None
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(*self.host_port, timeout=FIRST_ANSWER_S)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            headers_told = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, headers_told, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, {}, b""
        finally:
            connection.close()
