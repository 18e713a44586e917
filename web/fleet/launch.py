"""From what is wanted (Deployment, Settings) to what is submitted (LaunchSpec). Pure."""

import hmac
from dataclasses import dataclass

from slurm.script import LaunchSpec
from web.catalog.deployment import Deployment
from web.config import ClusterKind, Settings
from web.fleet.states import Instance
from web.secrets import Secrets

TOKEN_PURPOSE = "worker-token"  # noqa: S105 - a label, not a secret
ENGINE_KEY_PURPOSE = "engine-key"


def worker_token(secrets: Secrets, instance_id: str, version: int | None = None) -> str:
    """`<instance id>.<secret>`; derived, so it stands in no database."""
    return f"{instance_id}.{secrets.derive(TOKEN_PURPOSE, instance_id, version)}"


def is_worker_token(secrets: Secrets, instance: Instance, presented: str) -> bool:
    if instance.secret_version not in secrets.versions:
        return False
    expected = worker_token(secrets, instance.id, instance.secret_version)
    return hmac.compare_digest(expected.encode(), presented.encode())


def engine_key(secrets: Secrets, instance_id: str, version: int | None = None) -> str:
    """The API key of one instance's engine: whoever accepts it is that engine."""
    return secrets.derive(ENGINE_KEY_PURPOSE, instance_id, version)


@dataclass(frozen=True, slots=True)
class SpecWriter:
    """Writes the LaunchSpec of an instance."""

    settings: Settings
    secrets: Secrets

    def spec(
        self, deployment: Deployment, instance_id: str, secret_version: int | None = None
    ) -> LaunchSpec:
        s = self.settings
        local = s.cluster is ClusterKind.LOCAL
        return LaunchSpec(
            instance_id=instance_id,
            partition=deployment.partition,
            qos=deployment.qos,
            account=deployment.account,
            nodes=deployment.nodes,
            gpus=deployment.gpus,
            cpus=deployment.cpus,
            memory=deployment.memory,
            time_limit=deployment.time_limit,
            model=deployment.name,
            path=deployment.path,
            command=deployment.command,
            engine_args=deployment.engine_args,
            env=deployment.env,
            setup=deployment.setup,
            callback_url=s.telemetry_callback_url,
            token=worker_token(self.secrets, instance_id, secret_version),
            engine_api_key=engine_key(self.secrets, instance_id, secret_version),
            heartbeat_interval_s=s.min_update_interval_s,
            drain_timeout_s=deployment.drain_timeout_s,
            # Nobody outside this machine has business with a local engine.
            bind_host="127.0.0.1" if local else "0.0.0.0",  # noqa: S104
        )
