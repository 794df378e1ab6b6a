"""The register's file: made with mode 0600, migrated by alembic when it is older, refused when it is newer."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gangfinder.batch.locking import FOREVER, Held, held
from gangfinder.errors import OutputError, RegisterBusy, RegisterError
from gangfinder.leads.register.migrations import HEAD

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from gangfinder.leads.register.history import Head

BUSY_SECONDS = 60.0
"""How long a writer waits for another one; a transaction takes milliseconds, the one of a run a second or two."""

_MAGIC = b"SQLite format 3\x00"


class Register:
    """An open register.

    Parameters
    ----------
    path
        Its file.
    engine
        Its connections.
    """

    def __init__(self, path: Path, engine: Engine) -> None:
        self.path = path
        self._engine = engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the register, whatever others write meanwhile."""
        with explained(self.path), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection that holds the write lock; all is written when the block ends well, nothing otherwise.

        Raises
        ------
        RegisterBusy
            If somebody else keeps the lock for longer than :data:`BUSY_SECONDS`.
        OutputError
            If the disk is full.
        """
        from gangfinder.leads.register.history import head

        with explained(self.path):
            with self._engine.connect() as plain:
                connection = plain.execution_options(begin="BEGIN IMMEDIATE")
                with connection.begin():
                    before = head(connection)
                    yield connection
                    after = head(connection)
            if after != before:
                _anchor(self.path, after)


def open_register(path: Path, *, create: bool = False, readable: bool = False) -> Register:
    """Open a register, bring it to the newest form, and return it.

    Parameters
    ----------
    path
        The file.
    create
        Make it where there is none.
    readable
        Open it to read only; an older one is refused instead of migrated.

    Raises
    ------
    RegisterError
        If there is none, it is something else, or it was made by a newer version.
    """
    with explained(path):
        if not path.exists():
            if not create:
                msg = f"there is no register {path}"
                raise RegisterError(msg, hint="gangfinder run … --register FILE makes one")
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(path.with_name(path.name + ".lock"), path):
            _made(path)
            engine = _engine(path)
            with engine.connect() as connection:
                revision = _revision(connection)
            if revision != HEAD:
                _migrate(path, engine, revision, readable=readable)
        return Register(path, engine)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the errors of SQLite and of the file system into ours.

    Raises
    ------
    GangfinderError
        With what to do about it.
    """
    from sqlalchemy.exc import DBAPIError, IntegrityError

    try:
        yield
    except IntegrityError:
        raise  # an error of ours, and no damage
    except DBAPIError as error:
        raise _ours(path, str(error.orig)) from error
    except sqlite3.Error as error:
        raise _ours(path, str(error)) from error
    except OSError as error:
        msg = f"the register {path} cannot be used: {error.strerror}"
        raise RegisterError(msg, hint="check the path, its permissions and the space on its disk") from error


def _ours(path: Path, text: str) -> RegisterError | OutputError:
    if "locked" in text or "busy" in text:
        msg = f"somebody else is writing to the register {path}"
        return RegisterBusy(msg, hint="try again when the other run or review is done")
    if "full" in text or "disk I/O" in text:
        msg = f"the register {path} cannot be written: the disk is full or failing"
        return OutputError(msg, hint="free some space and try again; nothing was changed")
    if "readonly" in text or "unable to open" in text:
        msg = f"the register {path} cannot be opened or written"
        return RegisterError(msg, hint="check the permissions of the file and of its folder")
    msg = f"{path} is no register, or a damaged one"
    return RegisterError(msg, hint=f"gangfinder verify {path} says more; a copy of it may be sound")


@contextmanager
def locked(lock: Path, path: Path, *, wait: float = FOREVER) -> Iterator[None]:
    """Hold a lock file for as long as the block lasts.

    Raises
    ------
    RegisterBusy
        If somebody else holds it and is not done within ``wait`` seconds.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(held(lock, wait))
        except Held as error:
            msg = f"another run is using the register {path}"
            hint = "start this one again when the other is done, or let it wait with --wait"
            raise RegisterBusy(msg, hint=hint) from error
        yield


def _made(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
        if start and start != _MAGIC:
            msg = f"{path} is no register"
            raise RegisterError(msg, hint="give the file that gangfinder run --register made") from None
        if start:
            return
    with closing(_connected(path)) as fresh:
        fresh.execute("PRAGMA journal_mode=WAL")  # stays with the file; its companions inherit its mode 0600


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


def _engine(path: Path) -> Engine:
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import NullPool

    engine = create_engine("sqlite://", creator=lambda: _connected(path), poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:  # noqa: ANN401 - as the event has it
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


def _revision(connection: Connection) -> str | None:
    """Return the revision of a register; ``None`` of an empty file.

    Raises
    ------
    RegisterError
        If the file holds other tables.
    """
    names = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars())
    if not names:
        return None
    if not {"alembic_version", "history"} <= names:
        msg = "the file holds other tables than those of a register"
        raise RegisterError(msg, hint="give the file that gangfinder run --register made")
    found: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
    return found


def _migrate(path: Path, engine: Engine, revision: str | None, *, readable: bool) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        msg = f"the register {path} was made by a newer version of gangfinder"
        raise RegisterError(msg, hint="install that version, or give another register")
    if readable:
        msg = f"the register {path} is of an older version"
        raise RegisterError(msg, hint="the next gangfinder run --register brings it to this one")
    if revision is not None:
        _copy(path, path.with_name(f"{path.name}.before-{HEAD}"))
    with engine.connect() as plain:
        connection = plain.execution_options(begin="BEGIN IMMEDIATE")
        with connection.begin():
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _copy(path: Path, copy: Path) -> None:
    if copy.exists():
        return  # of an attempt that did not end; the register is still as it was
    draft = copy.with_name(f".{copy.name}.draft")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(draft)) as target:
        source.backup(target)
    draft.replace(copy)


def head_file(path: Path) -> Path:
    """Return where the head of a register's history stands outside of it."""
    return path.with_name(path.name + ".head")


def sealed_path(path: Path) -> Path:
    """Return where the sealed register stands beside an open one: in a folder of its own, for others to guard."""
    return path.with_name(path.name + ".sealed") / "register.db"


def read_anchor(path: Path) -> Head | None:
    """Return the head as the file beside a register has it; ``None`` where there is no such file.

    Raises
    ------
    ValueError
        If the file holds something else.
    """
    from gangfinder.leads.register.history import Head

    file = head_file(path)
    if not file.exists():
        return None
    try:
        plain = json.loads(file.read_text(encoding="ascii"))
        return Head(int(plain["seq"]), str(plain["hash"]))
    except (KeyError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(file.name) from error


def _anchor(path: Path, head: Head) -> None:
    """Say the head outside the file, unless a later writer has already said a later one."""
    with locked(path.with_name(path.name + ".lock"), path):
        try:
            known = read_anchor(path)
        except ValueError:
            return  # somebody changed it: verification has to find that
        if known is not None and known.seq >= head.seq:
            return
        draft = head_file(path).with_name(f".{path.name}.head.draft")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(json.dumps({"seq": head.seq, "hash": head.hash}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(head_file(path))


__all__ = ["Register", "explained", "head_file", "locked", "open_register", "read_anchor", "sealed_path"]
