"""The register as a run uses it: read when the input is known, compared when leads are made, written before they show.

How the two commits are ordered, that of the register and that of the result: a run is recorded in one transaction when
its files are complete under a hidden name, and only then are they shown (:mod:`gangfinder.export.publish`). If the
process dies before the first, nothing has happened. If it dies between the two, the register knows a run that nobody
saw: the next run over the same input finds it, is compared with what the register knew *before* it, comes to the same
result and shows it under a new run id without recording it again. What came over other input is compared with what was
recorded, as if it had been seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from gangfinder import __version__
from gangfinder.errors import RegisterError
from gangfinder.leads.register.comparing import Compared, RegisterParams, Window, compare
from gangfinder.leads.register.entries import CREATED
from gangfinder.leads.register.history import Head, append, head
from gangfinder.leads.register.opening import Register, locked, open_register
from gangfinder.leads.register.recording import WHO, RunFacts, record, result_digest
from gangfinder.leads.register.state import read_state
from gangfinder.leads.register.veil import Veil
from gangfinder.leads.tokens import Key
from gangfinder.model.lead import Lead
from gangfinder.model.remembered import Remembered
from gangfinder.run import InputDigest
from gangfinder.settings import Settings


class Book:
    """A register during one run.

    Parameters
    ----------
    register
        It.
    key
        Of this installation.
    veil
        How it names things.
    """

    def __init__(self, register: Register, key: Key, veil: Veil) -> None:
        self._register, self._key, self._veil = register, key, veil
        with register.reading() as connection:
            self._head = head(connection)
            self._state = read_state(connection, self._head.seq)
        self._facts = RunFacts("", "", "")
        self._replayed = False
        self._compared = Compared()

    @property
    def remembered(self) -> Remembered:
        """What decisions mean for the inquiry."""
        return self._state.remembered

    @property
    def head(self) -> Head:
        """The end of the history, as this run found or left it."""
        return self._head

    @property
    def n_dismissed(self) -> int:
        """How many leads of the run stay out of the list."""
        return sum(not one.listed for one in self._compared.seen)

    def face(self, digests: Iterable[InputDigest], settings: Settings, parts: Iterable[str] = ()) -> bool:
        """Say what the run is made of, and return whether the last run was made of the same and nothing came after.

        If so, this one is compared with what the register knew before that one.

        Parameters
        ----------
        digests
            Of the input tables.
        settings
            Of the run.
        parts
            Names of the plug-ins.
        """
        made_of = _digest(f"{d.table} {d.sha256}" for d in digests)
        self._facts = RunFacts(made_of, _digest([settings.digest, *parts]), __version__)
        last = self._state.last_run
        self._replayed = last is not None and self._facts.same_as(last) and not self._decided_since(last.known_seq)
        if self._replayed and last is not None:
            with self._register.reading() as connection:
                self._state = replace(read_state(connection, last.known_seq), last_run=last)
        return self._replayed

    def _decided_since(self, seq: int) -> bool:
        """Return whether anybody has decided anything since an entry; what runs write themselves does not count."""
        from sqlalchemy import select

        from gangfinder.leads.register.schema import decisions

        made = select(decisions.c.seq).where(decisions.c.seq > seq)
        own = (decisions.c.kind == "dismiss") & decisions.c.target_seq.is_not(None)
        with self._register.reading() as connection:
            return connection.execute(made.where(~own).limit(1)).first() is not None

    def compare(self, leads: Sequence[Lead], window: Window, params: RegisterParams, top: int) -> Compared:
        """Give leads their ids and say what is different about them.

        Raises
        ------
        RegisterError
            If the data are older than those of the last run.
        """
        last = self._state.last_run
        newest = None if last is None else last.window_to
        if newest and window.last is not None and window.last.isoformat() < newest and not params.allow_older:
            msg = f"the data end on {window.last}, before those of the last run, which end on {newest}"
            hint = "give newer data, or another register; [register] allow_older = true in the settings takes them"
            raise RegisterError(msg, hint=hint)
        self._facts = replace(self._facts, window=window)
        self._compared = compare(leads, self._state, window, self._key, self._veil, params, top)
        if self._replayed and last is not None and self._digest() != last.result_digest:
            # made of the same, and yet another result (another library): it is a run of its own
            self._replayed = False
            with self._register.reading() as connection:
                self._state = read_state(connection, self._head.seq)
            self._compared = compare(leads, self._state, window, self._key, self._veil, params, top)
        return self._compared

    def _digest(self) -> str:
        return result_digest(self._facts, self._compared, self._state, self._veil)

    def record(self, run_id: str, started_at: str) -> Head:
        """Write the run, unless it is recorded already, and return the end of the history."""
        if not self._replayed:
            with self._register.writing() as connection:
                self._head = record(
                    connection, run_id, started_at, self._facts, self._compared, self._state, self._veil
                )
        return self._head


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()


@contextmanager
def opened(path: Path, key: Key, veil: Veil, *, wait: float = 0.0) -> Iterator[Book]:
    """Open a register for a run, making it where there is none; no other run uses it meanwhile, reviewers may.

    Parameters
    ----------
    path
        The file.
    key
        Of this installation: a register is read with the key that it was begun with.
    veil
        How it names things.
    wait
        Seconds to wait for another run before leaving.

    Raises
    ------
    RegisterBusy
        If another run is using it.
    RegisterError
        If it cannot be used, or was begun with another key or for another purpose.
    """
    register = open_register(path, create=True)
    with locked(path.with_name(path.name + ".run-lock"), path, wait=wait):
        _begun(register, key, veil)
        yield Book(register, key, veil)


def _begun(register: Register, key: Key, veil: Veil) -> None:
    """Write the first entry of a new register, or see that it is one for us; note what is other than it was."""
    from sqlalchemy import select

    from gangfinder.leads.register.schema import facts

    own = {"kind": "sealed" if veil.sealed else "open", "key_check": key.mark("register"), **veil.facts}
    with register.writing() as connection:
        known = {r.name: r.value for r in connection.execute(select(facts).order_by(facts.c.seq))}
        if known.get("kind", own["kind"]) != own["kind"]:
            msg = f"{register.path} is a register for other leads"
            raise RegisterError(msg, hint="give the file that was --register of earlier runs")
        if known.get("key_check", own["key_check"]) != own["key_check"]:
            msg = f"the register {register.path} was begun with another key"
            hint = "give that key by GANGFINDER_KEY_FILE or key_file, or begin a new register"
            raise RegisterError(msg, hint=hint)
        if other := {name: value for name, value in own.items() if known.get(name) != value}:
            append(connection, WHO, CREATED, other)


__all__ = ["Book", "opened"]
