"""A real OpenLDAP server in a temporary folder, on loopback: plain, StartTLS and LDAPS."""

import datetime
import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.gateway_process import HOST, free_port
from tests.parts import need
from tests.waiting import wait_until

BASE = "dc=cluster,dc=example"
PEOPLE, GROUPS = f"ou=people,{BASE}", f"ou=groups,{BASE}"
READER, READER_PASSWORD = f"cn=reader,{BASE}", "the reader's own"
ROOT_PASSWORD = "root-of-tests"
Attributes = Mapping[str, str | Sequence[str]]

# nsAccountLock and the Active Directory ones stand in no schema that OpenLDAP ships.
CONFIG = """\
modulepath /usr/lib/ldap
moduleload back_mdb
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
attributetype ( 2.16.840.1.113730.3.1.610 NAME 'nsAccountLock'
  EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl'
  EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.2.102 NAME 'isMemberOf'
  EQUALITY distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 )
pidfile {folder}/slapd.pid
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.pem
database mdb
suffix "{base}"
rootdn "cn=root,{base}"
rootpw {root_password}
directory {folder}/data
maxsize 268435456
dbnosync
index objectClass,uid,member,memberUid eq
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by * none
"""


class Slapd:
    """One directory over many lives; its log has every operation (`-d stats`)."""

    def __init__(self, folder: Path, entries: Iterable[tuple[str, Attributes]]) -> None:
        self._program = need("slapd", "slapd")
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port, self.tls_port = free_port(), free_port()
        self.log_file = folder / "slapd.log"
        (folder / "data").mkdir()
        config = CONFIG.format(folder=folder, base=BASE, reader=READER, root_password=ROOT_PASSWORD)
        (folder / "slapd.conf").write_text(config)
        self.ca_file = new_authority(folder, "ca")
        self.use_certificate("localhost", HOST)
        self.load((*STEMS, *entries))
        self.password_file = folder / "reader-password"
        self.password_file.write_text(READER_PASSWORD + "\n")
        self.password_file.chmod(0o600)

    def use_certificate(self, *names: str, authority: str = "ca") -> None:
        """The certificate from the next start on."""
        sign(self._folder, authority, names)

    def load(self, entries: Iterable[tuple[str, Attributes]]) -> None:
        """With slapadd, so while it is stopped."""
        slapadd = need("slapadd", "slapd")
        ldif = "\n".join(_ldif(dn, attributes) for dn, attributes in entries)
        subprocess.run(
            [str(slapadd), "-q", "-f", f"{self._folder}/slapd.conf"],
            input=ldif.encode(), check=True, capture_output=True,
        )  # fmt: skip

    def change(self, ldif: str) -> None:
        """While it runs; see ldapmodify(1)."""
        ldapmodify = need("ldapmodify", "ldap-utils")
        url = f"ldap://{HOST}:{self.port}"
        subprocess.run(
            [str(ldapmodify), "-x", "-H", url, "-D", f"cn=root,{BASE}", "-w", ROOT_PASSWORD],
            input=ldif.encode(), check=True, capture_output=True,
        )  # fmt: skip

    def start(self) -> None:
        urls = f"ldap://{HOST}:{self.port} ldaps://{HOST}:{self.tls_port}"
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._program), "-d", "stats", "-f", f"{self._folder}/slapd.conf", "-h", urls],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        wait_until(self._answers, 20, "slapd answers")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()[-2000:]
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.port)) == 0

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        self.kill()
        self.start()

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def settings(self, **more: str) -> dict[str, str]:
        """The environment of a gateway that logs in here, over StartTLS."""
        return {
            "LOGIN": "ldap",
            "LDAP_URL": f"ldap://{HOST}:{self.port}",
            "LDAP_CA_FILE": str(self.ca_file),
            "LDAP_BIND_DN": READER,
            "LDAP_BIND_PASSWORD_FILE": str(self.password_file),
            "LDAP_USER_SEARCH_BASE": PEOPLE,
            **more,
        }


STEMS: tuple[tuple[str, Attributes], ...] = (
    (BASE, {"objectClass": ["dcObject", "organization"], "o": "x", "dc": "cluster"}),
    (PEOPLE, {"objectClass": "organizationalUnit", "ou": "people"}),
    (GROUPS, {"objectClass": "organizationalUnit", "ou": "groups"}),
    (READER, {"objectClass": ["organizationalRole", "simpleSecurityObject"], "cn": "reader",
              "userPassword": READER_PASSWORD}),
)  # fmt: skip


def person(uid: str, password: str, **more: str | Sequence[str]) -> tuple[str, Attributes]:
    classes = ["inetOrgPerson", "shadowAccount", "extensibleObject"]
    names = {"cn": uid, "sn": uid, "uid": uid}
    dn = f"uid={uid.replace('*', chr(92) + '2a')},{PEOPLE}"
    return dn, {"objectClass": classes, **names, "userPassword": password, **more}


def _ldif(dn: str, attributes: Attributes) -> str:
    lines = [f"dn: {dn}"]
    for name, values in attributes.items():
        lines += [f"{name}: {v}" for v in ([values] if isinstance(values, str) else values)]
    return "\n".join(lines) + "\n"


def new_authority(folder: Path, name: str) -> Path:
    """A certificate authority of its own: its certificate's file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(f"{name} of tests")
    certificate = _builder(subject, subject, key).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    _write(folder / f"{name}-key.pem", key, certificate.sign(key, hashes.SHA256()))
    path = folder / f"{name}.pem"
    pem = serialization.Encoding.PEM
    path.write_bytes(
        x509.load_pem_x509_certificate((folder / f"{name}-key.pem").read_bytes()).public_bytes(pem)
    )
    return path


def sign(folder: Path, authority: str, names: Sequence[str]) -> None:
    content = (folder / f"{authority}-key.pem").read_bytes()
    issuer = x509.load_pem_x509_certificate(content)
    issuer_key = serialization.load_pem_private_key(content, None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    alternatives = x509.SubjectAlternativeName([_general(name) for name in names])
    builder = _builder(_name("directory"), issuer.subject, key)
    signed = builder.add_extension(alternatives, critical=False).sign(issuer_key, hashes.SHA256())
    _write(folder / "server.pem", key, signed)


def _general(name: str) -> x509.GeneralName:
    if name[0].isdigit():
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    return x509.CertificateBuilder(
        issuer, subject, key.public_key(), x509.random_serial_number(), now - day, now + day
    )


def _write(path: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    pem = serialization.Encoding.PEM
    form, in_clear = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(pem, form, in_clear) + certificate.public_bytes(pem))
    path.chmod(0o600)


@contextmanager
def running_slapd(entries: Iterable[tuple[str, Attributes]]) -> Iterator[Slapd]:
    folder = Path(tempfile.mkdtemp(prefix="kscope-slapd-"))
    server = Slapd(folder, entries)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder)
