"""The result of a self-test as files, never in a folder that holds results on real people."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from gangfinder.errors import OutputError
from gangfinder.export.folder import FOLDER_MODE, output_errors, write_file
from gangfinder.selftest.report import SelfTest

FILES = ("selftest.json", "selftest.csv")

_OF_A_RUN = ("latest", "runs", "leads.csv", "run.json", "settlements.parquet", "settlements.csv", "settlements.csv.gz",
             "settlements.xlsx")


def check_folder(out: Path) -> None:
    """Refuse a folder that holds a run or an input: planted rings must never stand beside real leads.

    Raises
    ------
    OutputError
        If it does.
    """
    for name in _OF_A_RUN:
        if (out / name).is_symlink() or (out / name).exists():
            msg = f"{out} holds {name}: a self-test never writes beside real results or data"
            raise OutputError(msg, hint="give --out a folder of its own")


def write_result(result: SelfTest, out: Path) -> None:
    """Write ``selftest.json`` and ``selftest.csv``, whole or not at all.

    Parameters
    ----------
    result
        The result.
    out
        A folder of its own; made with mode 0700 where it does not exist.

    Raises
    ------
    OutputError
        If the folder holds a run or an input, or cannot be written.
    """
    check_folder(out)
    with output_errors(out):
        out.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        write_file(out / FILES[0], json.dumps(result.to_json(), ensure_ascii=False, indent=2) + "\n")
        write_file(out / FILES[1], _table(result))


def _table(result: SelfTest) -> str:
    text = io.StringIO()
    lines = csv.DictWriter(text, ["style", "size", "planted", "found", "recall"], lineterminator="\n")
    lines.writeheader()
    lines.writerows(result.rows())
    return text.getvalue()
