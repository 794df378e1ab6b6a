"""Text files of any of the two encodings Chinese exports use → UTF-8 that the engine can stream.

DuckDB reads UTF-8 alone, and its encoding extension would have to be downloaded; fund networks are closed. So
a GB18030 file passes through Python's codec, block by block, into a scratch file; never whole into memory.

A file may hold lines of both encodings (two exports glued together). The encoding of most of its lines is the
file's; the other lines are set aside with their line number, and an empty line keeps the count.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from gangfinder.errors import UnreadableFile

_BLOCK = 4 << 20
_LONGEST_LINE = 64 << 20
_CLASSIFIED = 200_000  # lines looked at one by one before the encoding counts as decided
# three-byte UTF-8 characters of the common Chinese range: in GB18030 text they hardly ever stand two in a row
_UTF8_CHINESE = re.compile(rb"(?:[\xe4-\xe9][\x80-\xbf]{2}){2}")
_UTF8_CHARACTER = re.compile(rb"[\xe3-\xef][\x80-\xbf]{2}")


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was left out before the engine saw the file.

    Parameters
    ----------
    line
        Physical line, 1 for the header.
    text
        What could be read of it; unreadable bytes stand as hexadecimal escapes.
    reason
        Why it was left out.
    """

    line: int
    text: str
    reason: str = "undecodable_bytes"


@dataclass(frozen=True, slots=True)
class TextFile:
    """A text file made readable for the engine.

    Parameters
    ----------
    path
        Where to read it from: the original, or a UTF-8 copy in the scratch folder.
    encoding
        ``utf-8`` or ``gb18030``.
    digest
        SHA-256 of the original file's bytes.
    bad_lines
        Lines that were left out.
    header
        First line, decoded, without byte order mark and line end.
    """

    path: Path
    encoding: str
    digest: str
    bad_lines: tuple[BadLine, ...]
    header: str


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, read as a stream."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _open(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb"))


def open_stream(path: Path) -> TextIO:
    """Open a clean UTF-8 text file for reading line by line, lines ending at line feeds alone."""
    return io.TextIOWrapper(_open(path), encoding="utf-8-sig", newline="\n")


def _blocks(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield blocks that end at a line end, a byte that is part of no longer character in either encoding."""
    while block := stream.read(_BLOCK):
        rest = b"" if block.endswith(b"\n") else stream.readline(_LONGEST_LINE)
        if len(rest) == _LONGEST_LINE:
            message = f"file {name!r} has a line of more than {_LONGEST_LINE >> 20} MB"
            raise UnreadableFile(message, hint="is it a text table with one row per line?")
        yield block + rest


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _classify(block: bytes, votes: dict[str, int]) -> None:
    for line in block.splitlines():
        if line.isascii():
            continue
        if _decodes(line, "utf-8"):
            if not _UTF8_CHARACTER.search(line):
                continue  # a few short GB18030 words are valid UTF-8 by accident; such a line says nothing
            kind = "utf-8"
        else:
            kind = "gb18030" if _decodes(line, "gb18030") else "neither"
        votes[kind] += 1


@dataclass(slots=True)
class _LineEnds:
    """How the lines of a file end; the engine's parser wants one way throughout."""

    crlf: int = 0
    lf: int = 0
    cr: int = 0

    def count(self, block: bytes) -> None:
        pairs = block.count(b"\r\n") if b"\r" in block else 0
        self.crlf += pairs
        self.lf += block.count(b"\n") - pairs
        self.cr += block.count(b"\r") - pairs

    @property
    def uniform(self) -> bool:
        return self.cr == 0 and not (self.crlf and self.lf)

    def unify(self, text: str) -> str:
        """Return the text with line feeds alone; a stray carriage return inside a line becomes a space."""
        if self.uniform:
            return text
        return text.replace("\r\n", "\n").replace("\r", " " if self.lf or self.crlf else "\n")


def _survey(path: Path, name: str) -> tuple[str, bool, bytes, _LineEnds]:
    """Read the file once: its encoding, whether every byte of it is UTF-8, its first line, its line ends."""
    votes = {"utf-8": 0, "gb18030": 0, "neither": 0}
    first, clean, ends = b"", True, _LineEnds()
    with _open(path) as stream:
        for block in _blocks(stream, name):
            first = first or re.split(rb"[\r\n]", block.removeprefix(b"\xef\xbb\xbf"), maxsplit=1)[0]
            ends.count(block)
            if b"\0" in block:
                message = f"file {name!r} is not a text table in UTF-8 or GB18030 (it holds zero bytes)"
                raise UnreadableFile(message, hint="save it as CSV UTF-8; UTF-16 is not read")
            if block.isascii():
                continue
            if _decodes(block, "utf-8"):
                votes["utf-8"] += block.count(b"\n") if clean else 0
                continue
            clean = False
            if sum(votes.values()) < _CLASSIFIED:
                _classify(block, votes)
    if votes["neither"] > votes["utf-8"] + votes["gb18030"]:
        message = f"file {name!r} is neither UTF-8 nor GB18030 text"
        raise UnreadableFile(message, hint="save it as CSV UTF-8")
    encoding = "utf-8" if clean or votes["utf-8"] > votes["gb18030"] else "gb18030"
    return encoding, clean, first, ends


def _foreign(line: bytes, encoding: str) -> bool:
    """Tell whether a line is not in the file's encoding."""
    if line.isascii():
        return False
    if encoding == "utf-8":
        return not _decodes(line, "utf-8")
    # nearly any bytes pass for GB18030; text that is whole and plain Chinese in UTF-8 is UTF-8
    return not _decodes(line, encoding) or (bool(_UTF8_CHINESE.search(line)) and _decodes(line, "utf-8"))


def _convert_block(block: bytes, encoding: str, first_line: int, ends: _LineEnds, bad: list[BadLine]) -> str:
    if encoding == "utf-8" or not _UTF8_CHINESE.search(block):
        with contextlib.suppress(UnicodeDecodeError):
            return ends.unify(block.decode(encoding))
    lines: list[str] = []
    for number, line in enumerate(block.split(b"\n"), start=first_line):
        if _foreign(line, encoding):
            bad.append(BadLine(number, line.decode("ascii", errors="backslashreplace").rstrip("\r")))
            lines.append("")
        else:
            lines.append(line.decode(encoding))
    return ends.unify("\n".join(lines))


def _convert(path: Path, name: str, encoding: str, ends: _LineEnds, target: Path) -> list[BadLine]:
    bad: list[BadLine] = []
    line = 1
    with _open(path) as stream, target.open("w", encoding="utf-8", newline="") as out:
        for block in _blocks(stream, name):
            out.write(_convert_block(block, encoding, line, ends, bad))
            line += block.count(b"\n")
    return bad


def open_text(path: Path, name: str, scratch: Path) -> TextFile:
    """Find out a text file's encoding and make it readable as UTF-8.

    Parameters
    ----------
    path
        A text file, compressed with gzip if its name ends in ``.gz``.
    name
        What to call it in messages.
    scratch
        Folder for a converted copy; only used when the file is not clean UTF-8.

    Raises
    ------
    UnreadableFile
        If the file is empty, damaged, or no text in either encoding.
    """
    try:
        encoding, clean, first, ends = _survey(path, name)
        if not first.strip():
            message = f"file {name!r} is empty"
            raise UnreadableFile(message, hint="export the table again, or remove the file")
        if not _decodes(first, encoding):
            message = f"the first line of file {name!r} is not in the encoding of the rest ({encoding})"
            raise UnreadableFile(message, hint="save the file as CSV UTF-8")
        target, bad = path, []
        if not clean or not ends.uniform:
            target = scratch / f"{len(list(scratch.iterdir()))}.csv"
            bad = _convert(path, name, encoding, ends, target)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        message = f"file {name!r} is a damaged or cut-off gzip file"
        raise UnreadableFile(message, hint="copy it again from its source") from None
    header = first.decode(encoding).lstrip("\ufeff")
    return TextFile(target, encoding, file_digest(path), tuple(bad), header)
