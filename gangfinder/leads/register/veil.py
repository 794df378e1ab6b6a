"""How leads are named in a register: as they are in the open one, by keyed tokens in the sealed one."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gangfinder.errors import LeadError
from gangfinder.leads.tokens import Key

_AGE = "age:"


class Veil(Protocol):
    """What a register may know of a lead."""

    @property
    def sealed(self) -> bool:
        """Whether ids are tokens, and what can be read stands apart."""
        ...

    @property
    def facts(self) -> Mapping[str, str]:
        """What the register has to know of it."""
        ...

    def name(self, kind: str, value: str) -> str:
        """Return the id of an entity, or the code of a typology, as the register has it."""
        ...

    def text(self, value: str) -> str:
        """Return a text that somebody wrote as the register has it."""
        ...

    def document(self, plain: Mapping[str, Any]) -> str:
        """Return plain values that can be read as the register has them; empty where it has them in its tables."""
        ...


@dataclass(frozen=True, slots=True)
class Open:
    """Everything as it is: the open register."""

    sealed = False

    @property
    def facts(self) -> Mapping[str, str]:
        """Nothing."""
        return {}

    def name(self, kind: str, value: str) -> str:
        """Return the value."""
        del kind
        return value

    def text(self, value: str) -> str:
        """Return the text."""
        return value

    def document(self, plain: Mapping[str, Any]) -> str:
        """Return nothing."""
        del plain
        return ""


@dataclass(frozen=True)
class Written:
    """Texts encrypted to the recipient where there is one: what a reviewer writes into the sealed register.

    Parameters
    ----------
    recipient
        One ``age1…`` key or several; ``None`` leaves texts plain.
    """

    recipient: str | None
    sealed = True

    @property
    def facts(self) -> Mapping[str, str]:
        """To whom reviewers have to encrypt."""
        return {"sealed_recipient": self.recipient or ""}

    def name(self, kind: str, value: str) -> str:
        """Refuse: reviewers name leads alone."""
        del kind
        raise ValueError(value)

    def text(self, value: str) -> str:
        """Return the text, encrypted where there is a recipient."""
        return sealed_text(value, self.recipient) if value else ""

    def document(self, plain: Mapping[str, Any]) -> str:
        """Return the values as JSON, encrypted where there is a recipient."""
        return sealed_text(json.dumps(plain, ensure_ascii=False, sort_keys=True), self.recipient)


@dataclass(frozen=True)
class Tokens(Written):
    """Tokens for names as well: what a run writes into the sealed register.

    Parameters
    ----------
    recipient
        As :class:`Written` has it.
    key
        Of this installation.
    """

    key: Key

    def name(self, kind: str, value: str) -> str:
        """Return a token that another entity type or another installation has otherwise."""
        return self.key.token(f"sealed-{kind}", value)


def sealed_text(text: str, recipient: str | None) -> str:
    """Return a text as the sealed register has it: an age file in base64 where there is a recipient."""
    from gangfinder.leads.encryption import encrypted

    if recipient is None:
        return text
    data = encrypted(text.encode("utf-8", "backslashreplace"), recipient)
    return _AGE + base64.b64encode(data).decode("ascii")


def opened_text(stored: str, identity: Path | None) -> str:
    """Return what :func:`sealed_text` hid.

    Raises
    ------
    LeadError
        If it is encrypted and the identity is missing or does not fit.
    """
    from gangfinder.leads.encryption import decrypted

    if not stored.startswith(_AGE):
        return stored
    if identity is None:
        msg = "the sealed leads of this register are encrypted"
        raise LeadError(msg, hint="give --identity FILE, the file that age-keygen made")
    return decrypted(base64.b64decode(stored.removeprefix(_AGE)), identity).decode("utf-8")


__all__ = ["Open", "Tokens", "Veil", "Written", "opened_text", "sealed_text"]
