"""What a client sent, and what of it goes to the engine."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from web.openai_proxy.body import Head, followed, prompt_prefix, with_model, with_usage
from web.openai_proxy.forms import Upload


class Payload(Protocol):
    """A request's body. It can be sent more than once: a retry needs it again."""

    @property
    def model(self) -> str:
        """As the client named it."""

    @property
    def is_stream(self) -> bool:
        """It asks for an event stream."""

    @property
    def usage_injected(self) -> bool:
        """The client did not ask for usage, we did."""

    def prepare(self, served_name: str, *, ask_for_usage: bool) -> None:
        """Make it ask for the model by its public name, and a stream for its usage."""

    def as_received(self) -> None:
        """Take the question for usage back, if `prepare` put one in."""

    @property
    def length(self) -> int:
        """Bytes."""

    def chunks(self) -> Iterator[bytes]:
        """All of it, from the start, at each call."""

    def prefix(self) -> bytes | None:
        """The beginning of the prompt: requests that share it can share an engine's cache."""

    def followed(self) -> str | None:
        """The id of a response that this one is to follow: only the engine that keeps it can."""

    def close(self) -> None:
        """Free what holds the body."""


@dataclass(slots=True)
class JsonPayload:
    """A JSON body, as received but for the alias of a model and the question for usage."""

    head: Head
    body: bytes
    usage_injected: bool = False
    _unasked: bytes = b""

    @property
    def model(self) -> str:
        return self.head.model

    @property
    def is_stream(self) -> bool:
        return bool(self.head.stream)

    @property
    def length(self) -> int:
        return len(self.body)

    def prepare(self, served_name: str, *, ask_for_usage: bool) -> None:
        if self.head.model != served_name:
            self.body = with_model(self.body, served_name)
        if ask_for_usage:
            self._unasked = self.body
            self.body, self.usage_injected = with_usage(self.body, self.head)

    def as_received(self) -> None:
        if self.usage_injected:
            self.body, self.usage_injected = self._unasked, False

    def chunks(self) -> Iterator[bytes]:
        yield self.body

    def prefix(self) -> bytes | None:
        return prompt_prefix(self.body)

    def followed(self) -> str | None:
        return followed(self.body)

    def close(self) -> None:
        return


@dataclass(slots=True)
class FormPayload:
    """A form with an upload, spooled to disk; its streams tell no usage."""

    upload: Upload
    usage_injected: bool = False

    @property
    def model(self) -> str:
        return self.upload.model

    @property
    def is_stream(self) -> bool:
        return self.upload.stream

    @property
    def length(self) -> int:
        return self.upload.length

    def prepare(self, served_name: str, *, ask_for_usage: bool) -> None:
        if self.upload.model != served_name:
            self.upload = self.upload.with_model(served_name)

    def as_received(self) -> None:
        return

    def chunks(self) -> Iterator[bytes]:
        return self.upload.chunks()

    def prefix(self) -> bytes | None:
        return None

    def followed(self) -> str | None:
        return None

    def close(self) -> None:
        self.upload.close()


@dataclass(frozen=True, slots=True)
class NoPayload:
    """A request without a body; the model is known from what it asks about."""

    model: str
    is_stream: bool = False
    usage_injected: bool = False
    length: int = 0

    def prepare(self, served_name: str, *, ask_for_usage: bool) -> None:
        return

    def as_received(self) -> None:
        return

    def chunks(self) -> Iterator[bytes]:
        return iter(())

    def prefix(self) -> bytes | None:
        return None

    def followed(self) -> str | None:
        return None

    def close(self) -> None:
        return
