"""A callback over TLS: the certificate is checked before the token is sent."""

import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.fakes.callback_gateway import CallbackGateway, callback_gateway
from tests.slurm.worker_job import HOST, interpreters, odd, worker_job
from tests.waiting import wait_until


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with a key and a certificate of its own for this host."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gateway")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address(HOST))
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    form, open_key = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = tmp_path / "gateway.pem"
    path.write_bytes(key.private_bytes(pem, form, open_key) + signed.public_bytes(pem))
    return path


class SecureGateway(CallbackGateway):
    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}/worker_callback"


@pytest.mark.parametrize("python", interpreters())
def test_a_worker_reports_over_tls_to_a_gateway_it_can_verify(
    tmp_path: Path, certificate: Path, python: str
) -> None:
    with callback_gateway(gateway=SecureGateway(), certificate=certificate) as gateway:
        env = {"SSL_CERT_FILE": str(certificate)}
        with worker_job(tmp_path, gateway, odd(), python=python, env=env):
            gateway.wait_for("ready")


def test_a_worker_tells_a_gateway_it_cannot_verify_nothing(
    tmp_path: Path, certificate: Path
) -> None:
    with callback_gateway(gateway=SecureGateway(), certificate=certificate) as gateway:
        with worker_job(tmp_path, gateway, odd(), env={"SSL_CERT_FILE": "/dev/null"}) as job:
            wait_until(lambda: ssl.SSLCertVerificationError.__name__ in job.output())
        assert gateway.reports == []
