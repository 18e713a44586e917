"""Orders: drain, stop, try again. The fleet process carries them out, as the command line's."""

from urllib.parse import quote

from flask import Blueprint, Response

from web.fleet.orders import OrderKind
from web.fleet.states import Instance
from web.portal.forms import text
from web.portal.pages.admin.door import Refused, carry_out, deed
from web.portal.parts import Parts
from web.portal.shown.admin_instances import stop_question
from web.portal.shown.admin_states import badge_of, end_words
from web.portal.sure import ask, is_sure
from web.portal.viewer import Viewer

INSTANCES = "/admin/instances"


def add(blueprint: Blueprint, parts: Parts) -> None:
    deed(blueprint, "/admin/orders", OrderDesk(parts).give)


class OrderDesk:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def give(self, viewer: Viewer) -> Response:
        """`kind`, and `model` for all its instances or `instance` for one."""
        kind, model, instance_id = text("kind"), text("model"), text("instance")
        back = f"{INSTANCES}?q={quote(model, safe='')}" if model else INSTANCES
        if instance_id:
            back = f"{INSTANCES}/one?id={quote(instance_id, safe='')}"
        if kind == OrderKind.STOP and not is_sure():
            question = self._parts.aside.do(lambda: self._question(model, instance_id))
            return ask(question, yes="Stop at once", back=back)
        return carry_out(
            lambda: self._parts.aside.do(lambda: self._give(viewer, kind, model, instance_id)), back
        )

    def _question(self, model: str, instance_id: str) -> str:
        own = [i for i in self._parts.instances.live() if instance_id in ("", i.id)]
        named = [i for i in own if instance_id or i.model == model]
        return stop_question(named[0].model if named else model or instance_id, named)

    def _give(self, viewer: Viewer, word: str, model: str, instance_id: str) -> str:
        kind = _kind(word)
        if instance_id:
            model = self._live_instance(kind, instance_id).model
        elif not self._is_known(model):
            raise Refused(f"no model is called “{model}”")
        order_id = self._parts.orders.give(
            kind, model, instance_id or None, viewer.name, self._parts.clock()
        )
        subject = instance_id or model
        self._parts.note(viewer, f"order.{kind.value}", subject, order=order_id)
        return (
            f"Order {order_id} is given: {_DONE[kind]} {subject}. What becomes of it shows below."
        )

    def _live_instance(self, kind: OrderKind, instance_id: str) -> Instance:
        if kind is OrderKind.RETRY:
            raise Refused("to try again is for a model, not for one of its instances")
        instance = self._parts.instances.find(instance_id)
        if instance is None:
            raise Refused(f"no instance is called “{instance_id}”")
        if instance.state.is_over:
            how = badge_of(instance.state)[1]
            raise Refused(f"instance {instance.id} is {how} already: "
                          f"{end_words(instance.end_reason)}")  # fmt: skip
        return instance

    def _is_known(self, model: str) -> bool:
        snapshot = self._parts.outlook.snapshot
        return model in snapshot.names or any(
            i.model == model for i in self._parts.instances.live()
        )


_DONE = {OrderKind.DRAIN: "drain", OrderKind.STOP: "stop", OrderKind.RETRY: "try again with"}


def _kind(word: str) -> OrderKind:
    try:
        return OrderKind(word)
    except ValueError:
        raise Refused("an order is to drain, to stop or to retry") from None
