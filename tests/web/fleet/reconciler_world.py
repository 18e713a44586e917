"""One reconciler on a scripted cluster and a real database."""

from slurm.jobs import JobState
from tests.fakes.scripted_cluster import ScriptedCluster
from tests.web.fleet.worlds import NOW, POLICY, instance, later
from web.catalog.file import CatalogFile
from web.config import Settings
from web.demand.store import Asked, DemandStore
from web.fleet import reconciler as reconciler_module
from web.fleet.launch import SpecWriter
from web.fleet.reconciler import Reconciler
from web.fleet.store import FleetStore
from web.lock.store import FleetLock
from web.secrets import Secrets

CATALOG = "models: [{name: m, path: p, gpus: 2, startup_timeout: 60s}]"


class World:
    """`now` is the clock; `probes` is what the probes found."""

    def __init__(self, database, folder):
        (folder / "models.yaml").write_text(CATALOG)
        env = {"DATA_DIR": str(folder), "MODELS_FILE": str(folder / "models.yaml")}
        settings = Settings.from_env(env)
        self.now = NOW
        self.database = database
        self.cluster = ScriptedCluster()
        self.lock = FleetLock(database, "host:1", life_s=3600)
        self.lock.acquire(NOW)
        self.store = FleetStore(database, self.lock)
        self.demand = DemandStore(database)
        self.secrets = Secrets(folder)
        self.catalog = CatalogFile.for_settings(settings)
        self.probes = {}
        self.reconciler = Reconciler(
            self.cluster,
            self.store,
            self.demand,
            self.catalog,
            SpecWriter(settings, self.secrets),
            lambda: self.now,
            POLICY,
            lambda: self.probes,
        )

    def ask(self):
        self.demand.add({"m": Asked(1, self.now)}, cold=True)

    def tick(self, look=True, seconds=0):
        self.now = later((self.now - NOW).total_seconds() + seconds)
        self.reconciler.tick(look=look)

    def decide(self, monkeypatch, *actions):
        """From now on every plan consists of these; returns the views they were made from."""
        views = []

        def plan(view, now, policy):
            views.append(view)
            return list(actions)

        monkeypatch.setattr(reconciler_module, "plan", plan)
        return views

    def has(self, state, id_, job_state=JobState.RUNNING, **changes):
        """An instance and its job; returns the instance."""
        job_id = self.cluster.add(f"kscope-{id_}", job_state)
        there = instance(state, id=id_, cluster=self.cluster.name, job_id=job_id, **changes)
        self.store.intend(there)
        return there

    @property
    def instance(self):
        (instance,) = self.store.live()
        return instance

    @property
    def last(self):
        return self.store.history()["m"][0]
