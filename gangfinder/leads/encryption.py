"""Encryption of sealed files to an age recipient (https://age-encryption.org/v1), and their decryption.

Files are ordinary age files: ``age -d -i IDENTITY FILE.age`` reads them without gangfinder.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from gangfinder.errors import LeadError, SettingsError

SUFFIX = ".age"
"""Put behind the name of an encrypted file."""


def recipients(text: str) -> list[Any]:
    """Read the public keys that files are encrypted to.

    Parameters
    ----------
    text
        One ``age1…`` key or several, separated by commas or blanks.

    Raises
    ------
    SettingsError
        If one of them is no age key; the message does not repeat it.
    """
    from pyrage import RecipientError, x25519

    words = text.replace(",", " ").split()
    try:
        found = [x25519.Recipient.from_str(word) for word in words]
    except RecipientError as error:
        msg = "setting 'sealed_recipient' is no age recipient"
        raise SettingsError(msg, hint="give the public key that age-keygen printed: age1…") from error
    if not found:
        msg = "setting 'sealed_recipient' is empty"
        raise SettingsError(msg, hint="give an age1… key, or remove the line")
    return found


def encrypted(data: bytes, to: str) -> bytes:
    """Return the age file of some bytes for the recipients of :func:`recipients`."""
    import pyrage

    made: bytes = pyrage.encrypt(data, recipients(to))
    return made


def decrypted(data: bytes, identity: Path) -> bytes:
    """Return what an age file holds.

    Parameters
    ----------
    data
        The age file.
    identity
        File with the secret keys, as ``age-keygen`` writes it.

    Raises
    ------
    LeadError
        If the identity cannot be read, is open to others, or does not fit the file.
    """
    import pyrage

    keys = _identities(identity)
    try:
        plain: bytes = pyrage.decrypt(data, keys)
    except pyrage.DecryptError as error:
        msg = "the sealed leads cannot be decrypted with this identity"
        raise LeadError(msg, hint="they were encrypted to the recipient that run.json names") from error
    return plain


def _identities(path: Path) -> list[Any]:
    from pyrage import IdentityError, x25519

    try:
        mode = path.stat().st_mode
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        keys = [x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (OSError, UnicodeDecodeError, IdentityError) as error:
        msg = f"the identity file {path} cannot be read"
        raise LeadError(msg, hint="give the file that age-keygen made") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        msg = f"the identity file {path} can be read by others"
        raise LeadError(msg, hint=f"chmod 600 {path}")
    if not keys:
        msg = f"the identity file {path} holds no key"
        raise LeadError(msg, hint="give the file that age-keygen made")
    return keys
