"""Certificate authorities of the tests, and their certificates: valid ones, and ones with a single fault."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Good means: for localhost and its address, today, by an authority that the client trusts.
Kind = Literal["good", "wrong name", "unknown authority", "expired"]

HOSTS = ("localhost", "127.0.0.1")
ELSEWHERE = "db.example.com"
LONG_AGO = (dt.datetime(2001, 1, 1), dt.datetime(2002, 2, 3))  # noqa: DTZ001  (trustme takes UTC without saying so)


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, as files.

    Attributes:
        certificate: The certificate, in PEM.
        key: Its key, in PEM, which nobody else can read.
    """

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authorities:
    """What the authorities made.

    Attributes:
        root: The certificate of the authority that issued all good ones.
        other_root: That of the other authority.
        servers: For servers.
        alice: For the client alice.
        stranger: For a client alice, by an authority that the server does not know.
        serial: The number of the good server's certificate.
        issuer: Who issued that.
    """

    root: Path
    other_root: Path
    servers: dict[Kind, Identity]
    alice: Identity
    stranger: Identity
    serial: int
    issuer: trustme.CA

    def revocations(self, serials: Sequence[int]) -> bytes:
        """Make a list of revoked certificates, in PEM.

        Args:
            serials: Their numbers.
        """
        issuer = x509.load_pem_x509_certificate(self.issuer.cert_pem.bytes())
        key = serialization.load_pem_private_key(self.issuer.private_key_pem.bytes(), None)
        assert isinstance(key, EllipticCurvePrivateKey)
        now = dt.datetime.now(dt.UTC)
        made = x509.CertificateRevocationListBuilder().issuer_name(issuer.subject)
        made = made.last_update(now - dt.timedelta(days=1)).next_update(now + dt.timedelta(days=30))
        made = made.add_extension(x509.CRLNumber(1), critical=False)
        for serial in serials:
            revoked = (
                x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - dt.timedelta(hours=1))
            )
            made = made.add_revoked_certificate(revoked.build())
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
        made = made.add_extension(identifier, critical=False)
        return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def found(folder: Path) -> Authorities:
    """Found two authorities, of which the first is to be trusted, and let them issue certificates.

    Args:
        folder: Where the files go.

    Returns:
        The files.
    """
    ours, other = trustme.CA(), trustme.CA(organization_name="another authority")
    root, other_root = folder / "root.crt", folder / "other_root.crt"
    ours.cert_pem.write_to_path(str(root))
    other.cert_pem.write_to_path(str(other_root))
    before, after = LONG_AGO
    servers: dict[Kind, trustme.LeafCert] = {
        "good": ours.issue_cert(*HOSTS, common_name="localhost", key_type=trustme.KeyType.RSA),
        "wrong name": ours.issue_cert(ELSEWHERE, common_name="localhost"),
        "unknown authority": other.issue_cert(*HOSTS, common_name="localhost"),
        "expired": ours.issue_cert(*HOSTS, common_name="localhost", not_before=before, not_after=after),
    }
    return Authorities(
        root=root,
        other_root=other_root,
        servers={kind: _written(leaf, folder, kind.replace(" ", "_")) for kind, leaf in servers.items()},
        alice=_written(ours.issue_cert(common_name="alice"), folder, "alice"),
        stranger=_written(other.issue_cert(common_name="alice"), folder, "stranger"),
        serial=x509.load_pem_x509_certificate(servers["good"].cert_chain_pems[0].bytes()).serial_number,
        issuer=ours,
    )


def _written(leaf: trustme.LeafCert, folder: Path, name: str) -> Identity:
    identity = Identity(folder / f"{name}.crt", folder / f"{name}.key")
    identity.certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    identity.key.touch(0o600)
    leaf.private_key_pem.write_to_path(str(identity.key))
    return identity
