"""Ids of leads and findings, derived from content: the same people for the same reason have the same id."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Sequence

from gangfinder.leads.tokens import Key, shown_id
from gangfinder.model.evidence import Finding
from gangfinder.model.lead import Ring

_SHORTEST = 8


def finding_id(finding: Finding, key: Key) -> str:
    """Return ``F-`` and 10 characters; identity is typology and subjects, never the window."""
    head = ("finding", finding.typology, finding.subject_type)
    return f"F-{_encoded(head, finding.subject_type, finding.core, key)[:10]}"


def lead_ids(rings: Sequence[Ring], key: Key) -> list[str]:
    """Return one id per ring: ``L-`` and 8 characters, more where two of the rings would share them."""
    whole = [_ring_code(ring, key) for ring in rings]
    return [f"L-{code[: _length(code, whole)]}" for code in whole]


def fresh_id(ring: Ring, key: Key, taken: Collection[str]) -> str:
    """Return the id of a ring that is not registered: derived from its content, and none of those ever given.

    Parameters
    ----------
    ring
        The ring.
    key
        For the tokens of its members.
    taken
        Ids that belong to others, or once did.
    """
    code, salt = _ring_code(ring, key), 0
    while True:
        for length in range(_SHORTEST, len(code)):
            if (one := f"L-{code[:length]}") not in taken:
                return one
        salt += 1
        content = f"{_ring_code(ring, key)}\x00{salt}".encode()
        code = base64.b32encode(hashlib.sha256(content).digest()).decode("ascii").rstrip("=")


def _ring_code(ring: Ring, key: Key) -> str:
    typologies = tuple(sorted({f.typology for f in ring.findings}))
    return _encoded((*typologies, ring.subject_type), ring.subject_type, ring.core, key)


def _encoded(head: tuple[str, ...], subject_type: str, core: Sequence[str], key: Key) -> str:
    subjects = sorted(shown_id(key, subject_type, one) for one in core)
    content = "\x00".join((*head, *subjects)).encode()
    return base64.b32encode(hashlib.sha256(content).digest()).decode("ascii").rstrip("=")


def _length(code: str, others: Sequence[str]) -> int:
    for length in range(_SHORTEST, len(code)):
        if sum(other[:length] == code[:length] for other in others) == 1:
            return length
    return len(code)
