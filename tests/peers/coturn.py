"""A coturn server, on loopback unless another address is asked for."""

import asyncio
import datetime
import ipaddress
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hullo.rtc.parameters import IceServer
from tests.ports import free_port

DEADLINE = 30.0
HOST = "127.0.0.1"


class Coturn:
    """A running server: its URLs, and the certificate it shows over TLS."""

    def __init__(self, host: str, port: int, tls_port: int, certificate: Path) -> None:
        self.certificate = certificate
        self._urls = {
            "udp": f"turn:{host}:{port}",
            "tcp": f"turn:{host}:{port}?transport=tcp",
            "tls": f"turns:{host}:{tls_port}",
        }

    def server(self, transport: str, credential: str = "secret") -> IceServer:
        """It, reached over `udp`, `tcp` or `tls`."""
        return IceServer(self._urls[transport], "user", credential)


@asynccontextmanager
async def coturn(directory: Path, host: str = HOST, secret: str | None = None) -> AsyncIterator[Coturn]:
    """Run one until the end of the block. Skips where coturn is not installed.

    With `secret` only logins that are made of it are let in, else only the one of `Coturn.server`.
    """
    program = shutil.which("turnserver")
    if program is None:
        pytest.skip("needs coturn (apt-get install coturn)")
    port, tls_port = free_port(host), free_port(host)
    certificate, key = certificate_for(directory, host)
    logins = ["--user=user:secret"] if secret is None else ["--use-auth-secret", f"--static-auth-secret={secret}"]
    process = await asyncio.create_subprocess_exec(
        program, "-n", "--no-cli", "--lt-cred-mech", "--realm=hullo", *logins,
        f"--listening-ip={host}", f"--relay-ip={host}", f"--listening-port={port}", f"--tls-listening-port={tls_port}",
        "--allow-loopback-peers", "--no-dtls", f"--cert={certificate}", f"--pkey={key}", "--log-file=stdout",
        f"--pidfile={directory / 'pid'}", f"--userdb={directory / 'db'}",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await _until_listening(host, port)
        await _until_listening(host, tls_port)
        yield Coturn(host, port, tls_port, certificate)
    finally:
        process.kill()
        await process.wait()


async def _until_listening(host: str, port: int) -> None:
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            await writer.wait_closed()
            return


def certificate_for(directory: Path, host: str) -> tuple[Path, Path]:
    """Files of a self-signed certificate for an address, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = directory / "cert.pem", directory / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
