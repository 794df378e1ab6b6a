"""Keyed pseudonyms for phones, addresses, accounts and agents, and the key they are made with."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

from gangfinder.errors import SettingsError
from gangfinder.settings import Settings

TOKEN_TYPES = frozenset({"phone", "address", "bank_account", "agent"})
"""Entity types that leave gangfinder only as tokens (DESIGN §5)."""

_PERSONS = frozenset({"staff", "official"})

_KEY_BYTES = 32
_LEAST_KEY_CHARACTERS = 32


class Key:
    """A secret key for pseudonyms; it never shows itself.

    Parameters
    ----------
    secret
        The key bytes.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return "Key(…)"

    def token(self, entity_type: str, value: str) -> str:
        """Return the pseudonym of a value: ``phone:`` and 16 hexadecimal characters.

        The same value under another entity type has an unrelated token, so that a phone and an account of
        equal digits cannot be matched.
        """
        message = f"{entity_type}\x00{''.join(value.split())}".encode()
        return f"{entity_type}:{hmac.new(self._secret, message, hashlib.sha256).hexdigest()[:16]}"


    def mark(self, *parts: str) -> str:
        """Return a keyed digest of some texts: 32 hexadecimal characters, equal for equal texts."""
        message = "\x00".join(parts).encode("utf-8", "backslashreplace")
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()[:32]


def shown_id(key: Key, entity_type: str, value: str, about: str = "") -> str:
    """Return the id under which an entity leaves gangfinder: its own, or a token for :data:`TOKEN_TYPES`.

    Parameters
    ----------
    key
        For the token.
    entity_type, value
        What it is, and its id in the input.
    about
        Subject type of the lead in which it stands: one about an office names a process and no person, so that members
        of staff have tokens in it too.
    """
    hidden = entity_type in TOKEN_TYPES or (about == "office" and entity_type in _PERSONS)
    return key.token(entity_type, value) if hidden else value


def masked(entity_type: str, value: str) -> str:
    """Return the masked label that stands beside a token; empty for types that need no token.

    Masked values collide and identify nobody by themselves: 138****0000, ****1234, the first six characters
    of an address.
    """
    if entity_type not in TOKEN_TYPES:
        return ""
    bare = "".join(value.split())
    if entity_type == "address":
        return f"{bare[:6]}***" if len(bare) > 9 else "***"
    if entity_type == "bank_account":
        return f"****{bare[-4:]}" if len(bare) >= 8 else "****"
    if len(bare) == 11:  # a mainland mobile number
        return f"{bare[:3]}****{bare[-4:]}"
    if len(bare) in (15, 18):  # an identity number: the region alone
        return f"{bare[:6]}{'*' * (len(bare) - 6)}"
    return f"{bare[:2]}****" if len(bare) >= 6 else "****"


def load_key(settings: Settings) -> Key:
    """Read the key of this installation, making it once if there is none.

    The file is the one of the settings, else ``GANGFINDER_KEY_FILE``, else ``gangfinder/key`` in the user's
    configuration folder (``XDG_CONFIG_HOME``).  Only the last is ever made.

    Raises
    ------
    SettingsError
        If the file is missing, readable by others, or too short to be a key.
    """
    named = settings.key_file or _from_environment()
    path = named or _installation_file()
    if named is None and not path.exists():
        _make(path)
    return Key(_read(path))


def _from_environment() -> Path | None:
    named = os.environ.get("GANGFINDER_KEY_FILE")
    return Path(named).expanduser() if named else None


def _installation_file() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "gangfinder" / "key"


def _make(path: Path) -> None:
    """Write a new key beside the path and link it in place: of two runs, one wins, both read its key."""
    draft = path.with_name(f"key.{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(
            os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii"
        ) as file:
            file.write(secrets.token_hex(_KEY_BYTES) + "\n")
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    except OSError as error:
        msg = f"the key file {path} cannot be made: {error.strerror}"
        raise SettingsError(
            msg, hint="set GANGFINDER_KEY_FILE to a file of 64 random characters, mode 0600"
        ) from error


def _read(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        text = path.read_bytes().strip()
    except OSError as error:
        msg = f"the key file {path} cannot be read: {error.strerror}"
        raise SettingsError(msg, hint="make it with: openssl rand -hex 32 > FILE; chmod 600 FILE") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        msg = f"the key file {path} can be read by others"
        raise SettingsError(msg, hint=f"chmod 600 {path}")
    if len(text) < _LEAST_KEY_CHARACTERS:
        msg = f"the key file {path} is too short to be a key"
        raise SettingsError(msg, hint=f"give {_LEAST_KEY_CHARACTERS} random characters or more")
    return text
