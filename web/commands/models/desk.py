"""What the commands on models know and can do: one database, one catalog, no cluster."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import click

from web.audit.scribe import scribe_of
from web.catalog.file import CatalogFile
from web.catalog.loader import Catalog, CatalogError
from web.commands.models.targets import NoSuchTarget, Target, find_target
from web.config import Settings
from web.database import Database
from web.demand.store import Asked, DemandStore
from web.fleet.order_store import OrderStore
from web.fleet.policy import Policy
from web.fleet.routing import Route, build_snapshot
from web.fleet.states import Instance
from web.fleet.store import InstanceStore
from web.lock.store import holder_of
from web.terminal import login_name, open_database


@dataclass(frozen=True, slots=True)
class Sight:
    """The fleet at one moment: each model's route in the catalog's order, and its instances."""

    now: datetime
    routes: tuple[Route, ...]
    live: Mapping[str, tuple[Instance, ...]]

    def route(self, model: str) -> Route | None:
        return next((r for r in self.routes if r.deployment.name == model), None)


class Desk:
    """Reads, notes demand, gives orders. Raises StorageError and CatalogError."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.orders = OrderStore(database)
        self.instances = InstanceStore(database)
        self.clock = database.clock()
        self.note = scribe_of(database, login_name())
        self._database = database
        self._demand = DemandStore(database)
        self._catalog = CatalogFile.for_settings(settings)

    def look(self) -> Sight:
        now, live = self.clock(), self.instances.live()
        # Nobody is asked anything here, so no engine's key is needed.
        snapshot = build_snapshot(
            self._catalog.current(),
            live,
            self.instances.history(),
            lambda _: "",
            now,
            Policy(),
            self.orders.retried(),
        )
        by_model: dict[str, tuple[Instance, ...]] = {}
        for instance in sorted(live, key=lambda i: i.created_at):
            by_model[instance.model] = (*by_model.get(instance.model, ()), instance)
        return Sight(now, tuple(snapshot.routes[name] for name in snapshot.names), by_model)

    @property
    def catalog_faults(self) -> tuple[str, ...]:
        """What is wrong with the catalog since it was last right."""
        return self._catalog.faults

    def holder(self) -> str | None:
        """Who holds the fleet lock; None: nobody launches or ends anything just now."""
        return holder_of(self._database, self.clock())

    def ask_for(self, model: str, requests: int) -> None:
        """Note demand, as a request for a cold model does."""
        self._demand.add({model: Asked(requests, self.clock())}, cold=True)

    def target(self, word: str) -> Target:
        """What a person means by a model's name or alias, or an instance's id.

        Raises UsageError. A catalog that has turned wrong leaves the models that have instances:
        those must be within reach just then.
        """
        try:
            catalog = self._catalog.current()
        except CatalogError as error:
            click.echo(f"the catalog cannot be read: {error}", err=True)
            catalog = Catalog(())
        history = self.instances.history().values()
        known = (*self.instances.live(), *(i for ended in history for i in ended))
        if all(i.id != word for i in known) and (older := self.instances.find(word)) is not None:
            known = (*known, older)
        try:
            return find_target(word, catalog, known)
        except NoSuchTarget as error:
            raise click.UsageError(str(error)) from error


@contextmanager
def open_desk() -> Iterator[Desk]:
    settings = Settings.from_env(os.environ)
    # The commands tell its faults themselves.
    logging.getLogger(CatalogFile.__module__).addHandler(logging.NullHandler())
    with open_database(settings) as database:
        yield Desk(settings, database)
