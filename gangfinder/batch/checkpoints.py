"""What stages have found so far, in a folder of the result, so that a run that was killed goes on where it was.

A checkpoint is never needed and never trusted: it is used if its signature, made with the key of this installation over
everything the run depends on (input bytes, settings, decisions, code) and over every byte of the checkpoint, is right;
otherwise it is removed, and the stage runs. So a checkpoint of another input, of other settings, by another version or
by another hand cannot enter a result, and a half-written one cannot either.

The input itself is not kept: reading it again takes 12 % of a run from Parquet, writing a copy would cost each run 5 %,
and the folder would hold the whole population once more. Kept are what the explanations and linkers say, the groups,
the findings, and the ranked rings. Fund staff have no part in it: the sealed pass (9 % of a run) starts anew, so that
nothing here could tell of it.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import logging
import pickle
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    from gangfinder.engine import Engine
    from gangfinder.run import Stages

logger = logging.getLogger("gangfinder")

T = TypeVar("T")

Sign = Callable[[str], str]
"""Returns a keyed signature of a text."""

_VALUE, _SIGNATURE, _DRAFT = "value", "signature", ".draft-"


class Memory(Protocol):
    """Remembers what steps of a run have returned."""

    def recall(self, name: str, stages: Stages, make: Callable[[], T]) -> T:
        """Return what the step of that name returned before the run was killed, or run it and remember.

        Parameters
        ----------
        name
            Of the step; a file name.
        stages
            Recorder: what it recorded during the step is remembered and recorded again.
        make
            The step. What it returns may hold kept tables of the engine, plug-ins, and plain values.
        """
        ...

    def has(self, *names: str) -> bool:
        """Say whether one of these steps is remembered."""
        ...


class NoMemory:
    """Remembers nothing: every step runs."""

    def recall(self, name: str, stages: Stages, make: Callable[[], T]) -> T:
        """See :meth:`Memory.recall`."""
        del name, stages
        return make()

    def has(self, *names: str) -> bool:
        """See :meth:`Memory.has`."""
        del names
        return False


class Checkpoints:
    """Remembers in a folder.

    Parameters
    ----------
    folder
        Where; made with mode 0700 when the first step is remembered.
    sign
        Signs with the key of this installation.
    fingerprint
        Digest of everything that a result depends on.
    engine
        Where kept tables are.
    named
        Objects that are remembered by name, because the run has them anyway: plug-ins, with their functions.

    Attributes
    ----------
    seconds
        Wall time spent on writing checkpoints.
    """

    def __init__(
        self, folder: Path, sign: Sign, fingerprint: str, engine: Engine, named: Mapping[str, object]
    ) -> None:
        self._folder, self._sign, self._fingerprint = folder, sign, fingerprint
        self._engine, self._named = engine, named
        self._names = {id(thing): name for name, thing in named.items()}
        self._checked: dict[str, bool] = {}
        self._off = False
        self.seconds = 0.0

    def recall(self, name: str, stages: Stages, make: Callable[[], T]) -> T:
        """See :meth:`Memory.recall`."""
        if self.has(name):
            value, records = self._load(name)
            stages.replay(records)
            found: T = value
            return found
        before = len(stages.records)
        made = make()
        started = time.monotonic()
        self._save(name, (made, stages.records[before:]))
        self.seconds += time.monotonic() - started
        return made

    def has(self, *names: str) -> bool:
        """See :meth:`Memory.has`."""
        return any(self._usable(name) for name in names)

    def _usable(self, name: str) -> bool:
        if name not in self._checked:
            self._checked[name] = self._right(name)
        return self._checked[name]

    def _right(self, name: str) -> bool:
        """Say whether there is a checkpoint with the right signature; remove one that has another."""
        own = self._folder / name
        if not own.is_dir():
            return False
        try:
            right = hmac.compare_digest((own / _SIGNATURE).read_bytes(), self._signature(name, own).encode())
        except OSError:
            right = False
        if not right:
            shutil.rmtree(own, ignore_errors=True)
        return right

    def _signature(self, name: str, own: Path) -> str:
        files = sorted(p for p in own.iterdir() if p.name != _SIGNATURE)
        return self._sign("\n".join([self._fingerprint, name, *(f"{p.name} {_sha256(p)}" for p in files)]))

    def _save(self, name: str, value: object) -> None:
        if self._off:
            return
        draft = self._folder / f"{_DRAFT}{secrets.token_hex(4)}"
        try:
            draft.mkdir(mode=0o700, parents=True)
            self._folder.chmod(0o700)
            self._write(name, value, draft)
            shutil.rmtree(self._folder / name, ignore_errors=True)
            draft.rename(self._folder / name)
        except (OSError, pickle.PicklingError, TypeError, AttributeError) as error:
            # a full disk, or a third party's plug-in that returns what cannot be stored: the run needs no checkpoint
            shutil.rmtree(draft, ignore_errors=True)
            self._off = True
            why = error.strerror if isinstance(error, OSError) else type(error).__name__
            logger.info("no further checkpoints: '%s' could not be written (%s)", name, why)

    def _write(self, name: str, value: object, draft: Path) -> None:
        stream = io.BytesIO()
        pickler = _Pickler(stream, self._names)
        pickler.dump(value)
        for table, expression in pickler.tables.items():
            _write_rows(self._engine.fetch(expression), draft / f"{table}.parquet")
        (draft / _VALUE).write_bytes(stream.getbuffer())
        (draft / _SIGNATURE).write_text(self._signature(name, draft), encoding="ascii")
        for file in draft.iterdir():
            file.chmod(0o600)

    def _load(self, name: str) -> Any:  # noqa: ANN401 - what the step returned
        own = self._folder / name
        with (own / _VALUE).open("rb") as stream:
            return _Unpickler(stream, self._named, self._engine, own).load()


class _Pickler(pickle.Pickler):
    """Writes kept tables and plug-ins as their names."""

    def __init__(self, stream: io.BytesIO, names: Mapping[int, str]) -> None:
        import ibis.expr.types as ir

        super().__init__(stream, protocol=5)
        self._names, self._table = names, ir.Table
        self.tables: dict[str, Any] = {}

    def reducer_override(self, thing: object) -> Any:  # noqa: ANN401 - as pickle has it
        # not persistent_id(): that is asked of every text and number, too, which took twice the time
        name = self._names.get(id(thing))
        if name is not None:
            return _named, ("object", name)
        if not isinstance(thing, self._table):
            return NotImplemented
        table = _kept_name(thing)
        self.tables[table] = thing
        return _named, ("table", table)


class _Unpickler(pickle.Unpickler):
    """Puts the tables and plug-ins of this run in the place of their names; only signed files come here."""

    def __init__(self, stream: Any, named: Mapping[str, object], engine: Engine, folder: Path) -> None:  # noqa: ANN401
        super().__init__(stream)
        self._named, self._engine, self._folder = named, engine, folder

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - as pickle has it
        if (module, name) == (_named.__module__, _named.__name__):
            return self._thing
        return super().find_class(module, name)

    def _thing(self, kind: str, name: str) -> object:
        if kind == "object":
            return self._named[name]
        return self._engine.put(name, _read_rows(self._folder / f"{name}.parquet"))


def _named(kind: str, name: str) -> object:
    """Stand for a table or plug-in in a stored value."""
    raise pickle.UnpicklingError(kind, name)


def _kept_name(table: ir.Table) -> str:
    """Return the name of a table that the engine keeps."""
    import ibis.expr.operations as ops

    op = table.op()
    if not isinstance(op, ops.DatabaseTable):
        msg = "an expression cannot be remembered, only a kept table"
        raise TypeError(msg)
    return str(op.name)


def _write_rows(rows: pa.Table, path: Path) -> None:
    from pyarrow import parquet

    parquet.write_table(rows, path, compression="lz4")


def _read_rows(path: Path) -> pa.Table:
    from pyarrow import parquet

    return parquet.read_table(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


__all__ = ["Checkpoints", "Memory", "NoMemory", "Sign"]
