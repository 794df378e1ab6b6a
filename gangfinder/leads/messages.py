"""Keep the translations complete: walk every registry, update the ``.po`` files, compile the ``.mo`` files.

Run ``python -m gangfinder.leads.messages`` after a text was added or changed, translate what is new in
``gangfinder/locale/en/LC_MESSAGES/gangfinder.po``, and run it again; a test compares both to the registries.
"""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from gangfinder.leads.catalogue import DOMAIN
from gangfinder.leads.phrases import PHRASES
from gangfinder.leads.report_phrases import REPORT_PHRASES
from gangfinder.leads.texts import installed_texts, plugin_messages

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

FOLDER = Path(__file__).parent.parent / "locale" / "en" / "LC_MESSAGES"


def messages() -> list[str]:
    """Return every message id: our own sentences and those of all installed plug-ins, sorted."""
    return sorted({*PHRASES.values(), *REPORT_PHRASES.values(), *plugin_messages(installed_texts())})


def read_po(path: Path) -> Catalog:
    """Return the catalogue in a ``.po`` file."""
    from babel.messages.pofile import read_po as read

    with path.open("rb") as file:
        return read(file, locale="en", domain=DOMAIN)


def updated(old: Catalog) -> Catalog:
    """Return a catalogue of exactly the current messages, with the translations known; new ones are empty."""
    from babel.messages.catalog import Catalog

    known = {str(m.id): str(m.string) for m in old if m.id}
    # a fixed date: the same messages give the same bytes
    fresh = Catalog(
        locale="en",
        domain=DOMAIN,
        fuzzy=False,
        creation_date=_EPOCH,
        revision_date=_EPOCH,
        project=DOMAIN,
        version="0",
        header_comment="# English texts of gangfinder; see gangfinder/leads/messages.py for how to update.",
        last_translator="gangfinder",
        language_team="en",
        msgid_bugs_address="none",
    )
    for text in messages():
        fresh.add(text, known.get(text, ""))
    return fresh


_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def po_text(catalogue: Catalog) -> bytes:
    """Return a catalogue as the bytes of its ``.po`` file."""
    from babel.messages.pofile import write_po

    buffer = BytesIO()
    write_po(buffer, catalogue, width=0, omit_header=False, sort_output=True)
    return buffer.getvalue()


def mo_bytes(catalogue: Catalog) -> bytes:
    """Return a catalogue as the bytes of its ``.mo`` file."""
    from babel.messages.mofile import write_mo

    buffer = BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def update(folder: Path = FOLDER) -> int:
    """Rewrite both files and return how many messages have no translation."""
    file = folder / f"{DOMAIN}.po"
    catalogue = updated(read_po(file))
    file.write_bytes(po_text(catalogue))
    file.with_suffix(".mo").write_bytes(mo_bytes(catalogue))
    return sum(1 for m in catalogue if m.id and not m.string)


if __name__ == "__main__":
    raise SystemExit(f"{missing} messages have no translation" if (missing := update()) else 0)
