"""Gather a register's numbers and write the reports."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from gangfinder.errors import OutputError
from gangfinder.leads.catalogue import translator
from gangfinder.leads.texts import installed_texts
from gangfinder.reports import queries
from gangfinder.reports.as_html import html
from gangfinder.reports.as_markdown import markdown, picture_file
from gangfinder.reports.as_xlsx import workbook
from gangfinder.reports.document import Document
from gangfinder.reports.pages import Matter, Words, ledger, weekly
from gangfinder.reports.pictures import svg
from gangfinder.reports.unveiling import unveiled

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gangfinder.leads.register.opening import Register


def gather(connection: Connection, week: str | None = None) -> Matter:
    """Return all that the reports of a run are made from.

    Parameters
    ----------
    connection
        A reading one: it sees one state of the register.
    week
        ISO week of the last day of the data, such as ``2025-W10``; default that of the last run.

    Raises
    ------
    RegisterError
        If there is no such run.
    """
    at = queries.period(connection, week)
    return Matter(
        at, queries.leads(connection, at), queries.changes(connection, at), queries.decisions(connection, at),
        queries.trend(connection, at), queries.institutions(connection, at),
    )


def documents(matter: Matter, lang: str = "zh") -> tuple[Document, Document]:
    """Return the weekly report and the ledger."""
    words = Words(translator(lang), installed_texts())
    return weekly(matter, words), ledger(matter, words)


def write_reports(
    register: Register, folder: Path, week: str | None = None, lang: str = "zh", *, sealed: bool = False,
    identity: Path | None = None,
) -> list[Path]:
    """Write the weekly report and the ledger of a register as XLSX, HTML and Markdown, and return the files.

    Parameters
    ----------
    register
        Open.
    folder
        Where to; made with mode 0700 where there is none.
    week
        See :func:`gather`.
    lang
        ``zh`` or ``en``.
    sealed, identity
        Whether it is a sealed register, and the file with the secret key where it is encrypted.

    Raises
    ------
    RegisterError
        If there is no such run.
    LeadError
        If it is encrypted and the identity is missing or does not fit.
    OutputError
        If the files cannot be written.
    """
    with register.reading() as connection:
        matter = gather(connection, week)
        if sealed:
            matter = unveiled(matter, connection, identity)
    return write_documents(documents(matter, lang), folder)


def write_documents(made: tuple[Document, ...], folder: Path) -> list[Path]:
    """Write documents in every format; a file is there as a whole or not at all."""
    files: dict[str, bytes] = {}
    for one in made:
        files[f"{one.name}.xlsx"] = workbook(one)
        files[f"{one.name}.html"] = html(one).encode()
        files[f"{one.name}.md"] = markdown(one).encode()
        for picture in (picture for section in one.sections for picture in section.pictures):
            files[picture_file(one, picture.name)] = (svg(picture) + "\n").encode()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return [_written(folder / name, data) for name, data in files.items()]
    except OSError as error:
        msg = f"the reports cannot be written: {error.strerror}"
        raise OutputError(msg, hint="choose a folder with room that you may write to") from error


def _written(path: Path, data: bytes) -> Path:
    partial = path.with_name(f".{path.name}.part")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    partial.replace(path)
    return path
