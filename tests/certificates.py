"""A certificate authority for tests, and the files that it signs."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Signed:
    certificate_file: str
    key_file: str


class Authority:
    """Its files are in ``folder``; ``ca_file`` is what whoever trusts it reads."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = _builder(self._name, self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.ca_file = str(folder / f"{name}.pem")
        Path(self.ca_file).write_bytes(_pem(own.sign(self._key, hashes.SHA256())))

    def signed(self, name: str) -> Signed:
        """The files of a certificate that bears ``name``, written anew."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        bearing = x509.SubjectAlternativeName([x509.DNSName(name)])
        certificate = _builder(subject, self._name, key).add_extension(bearing, critical=False)
        files = Signed(str(self._folder / f"{name}.pem"), str(self._folder / f"{name}.key"))
        Path(files.certificate_file).write_bytes(_pem(certificate.sign(self._key, hashes.SHA256())))
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        Path(files.key_file).write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
        return files

    def server(self, name: str, *, asks_for_certificate: bool = False) -> ssl.SSLContext:
        files, context = self.signed(name), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.ca_file)
        context.load_cert_chain(files.certificate_file, files.key_file)
        if asks_for_certificate:
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:  # fmt: skip
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
