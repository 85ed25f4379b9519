"""Ed25519 keys and signatures of model packages.

A key is known by its fingerprint: the first sixteen hexadecimal digits of the sha256 of the raw
public key. Trusted keys are PEM files named ``*.pub`` in a folder.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from kdoct_desktop.domain.errors import ModelError

SIGNATURE_BYTES = 64
PUBLIC_KEY_BYTES = 32
_LARGEST_KEY_FILE = 4096


def key_id(public_key: bytes) -> str:
    """Fingerprint of a raw public key."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """Raw 32-byte public key of a private key."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def public_pem(public_key: bytes) -> bytes:
    """The PEM file of a raw public key, as `load_trusted_keys` reads it."""
    key = Ed25519PublicKey.from_public_bytes(public_key)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def load_trusted_keys(*folders: Path) -> tuple[bytes, ...]:
    """Raw public keys of every ``*.pub`` file in the folders, in the order of the names.

    A folder that is missing holds no key.

    Raises:
        ModelError: A file is not an Ed25519 public key (``bad-key``): a list of trusted keys that
            is damaged must not shrink silently.
    """
    keys: dict[bytes, None] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.pub")):
            keys[_read_key(path)] = None
    return tuple(keys)


def signer(message: bytes, signature: bytes, trusted_keys: Sequence[bytes]) -> bytes | None:
    """The trusted key that made the signature; None where none did."""
    for raw in trusted_keys:
        try:
            Ed25519PublicKey.from_public_bytes(raw).verify(signature, message)
        except InvalidSignature:
            continue
        return raw
    return None


def _read_key(path: Path) -> bytes:
    """Raw bytes of one PEM file."""
    try:
        if path.stat().st_size > _LARGEST_KEY_FILE:
            raise ValueError("too large for a key")
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise ModelError("bad-key", f"The trusted key {path.name} cannot be read.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ModelError("bad-key", f"The trusted key {path.name} is not an Ed25519 key.")
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
