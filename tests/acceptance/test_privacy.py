"""Nothing of phones, addresses, accounts, names and identity numbers leaves; hostile values break no file."""

from __future__ import annotations

import csv
import io
import json
import shutil
import stat
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from click.testing import CliRunner

from gangfinder.cli import root

from . import towns

pytestmark = pytest.mark.slow

PRIVATE = (
    "phone", "address", "bank_account", "name", "id_number", "contact_phone", "agent_id_number", "agent_phone",
    "agent_name", "payee_account", "payee_name", "legal_rep_name", "legal_rep_id_number",
)
FILES = {"leads.csv", "members.csv", "evidence.csv", "benign.csv", "run.json", "explain.jsonl", "changes.json"}
CANARY = ("19900001234", "测试县测试路1号", "6299009999999999999", "测试金丝雀", "990101199001010018")


def private_values(tables: towns.Tables) -> set[str]:
    values = {
        value
        for table in tables.values()
        for name in PRIVATE if name in table.column_names
        for value in pc.unique(table[name]).to_pylist()
    }
    return {value for value in values if value}


def published(out: Path) -> dict[Path, str]:
    return {path: path.read_text(encoding="utf-8") for path in out.rglob("*") if path.is_file()}


def leaks(out: Path, values: set[str]) -> set[tuple[str, str]]:
    """Return which value stands in which file, also with other spaces or written as escapes."""
    found = set()
    for path, text in published(out).items():
        escaped = text.encode().decode("unicode_escape", errors="ignore") if "\\u" in text else ""
        bare = "".join((text + escaped).split())
        found |= {(path.name, value) for value in values if "".join(value.split()) in bare}
    return found


def test_no_private_value_leaves(finished, out, tables):
    values = private_values(tables)
    assert len(values) > 5_000
    members = (out / "members.csv").read_text(encoding="utf-8")
    kinds = {row["entity_type"] for row in csv.DictReader(io.StringIO(members))}
    assert {"phone", "agent", "bank_account"} <= kinds, "leads that name none of these prove nothing"
    assert leaks(finished.folder, values) == set()


@pytest.mark.parametrize("file", sorted(FILES))
def test_the_check_finds_a_planted_value(file, finished, tables, tmp_path):
    shutil.copytree(finished.folder, tmp_path / "out")
    known = min(pc.unique(tables["reimbursements"]["payee_account"].drop_null()).to_pylist())
    with (tmp_path / "out" / file).open("a", encoding="utf-8") as stream:
        stream.write("".join(f'"{value}",' for value in (*CANARY, known)))
    assert leaks(tmp_path / "out", {*CANARY, known}) == {(file, value) for value in (*CANARY, known)}


def test_only_the_owner_can_read(finished, out):
    assert {p.name for p in finished.folder.iterdir()} == FILES | {"sealed"}
    assert {p.name for p in (finished.folder / "sealed").iterdir()} - {"rejects"} == FILES
    for path in (out, *out.rglob("*")):
        if not path.is_symlink():
            wanted = 0o700 if path.is_dir() else 0o600
            assert stat.S_IMODE(path.stat().st_mode) == wanted, path


HOSTILE = (
    '=HYPERLINK("http://evil.test","x")', "+1+1", "-2+3", "@SUM(A1)", "\uff1d1+1", "\t=1+1", "'=1",
    "<script>alert(1)</script>", "[bold]{n}{ids}%s</b>", '",",\n"', "a,b;c|d", "line\r\nbreak", "\x1b[2J\x07bell",
    "nul\x00nul", "../../../../escape", "/etc/escape", "..\\escape", "C:\\escape", "x" * 10_000, "\u202egnp.exe",
    "zero\u200bwidth", "\ufeffmark", "\u2028separator", "𝕏" * 300, "$(touch escape)", "`touch escape`", "%00", "'", '"',
)
RENAMED = (
    "patient_id", "settlement_id", "reversed_settlement_id", "operator_id", "source_id", "target_id", "department",
    "payee_account", "bank_account", "agent_name", "address",
)


def hostile(tables: towns.Tables, people: set[str], settlements: set[str]) -> dict[str, pa.Table]:
    """Make ids and texts of rings hostile, the same value in the same way in every table."""
    operators = {
        r["operator_id"] for r in tables["settlements"].to_pylist() if r["settlement_id"] in settlements
    }
    texts = {
        value
        for table, column in (("settlements", "department"), ("reimbursements", "payee_account"),
                              ("reimbursements", "agent_name"), ("institutions", "address"))
        for value in pc.unique(tables[table][column]).to_pylist()
    }
    old = sorted((people | settlements | operators | texts) - {None})
    # the bills of one stay keep their order: evidence names the first of them
    bills = tables["settlements"].select(["settlement_id", "visit_id"]).to_pylist()
    stays = {r["settlement_id"]: r["visit_id"] or r["settlement_id"] for r in bills}
    number = {value: n for n, value in enumerate(sorted({stays.get(v, v) for v in old}))}
    names = {v: f"{HOSTILE[number[stays.get(v, v)] % len(HOSTILE)]}~{n:06d}" for n, v in enumerate(old)}
    made = {}
    for table_name, table in tables.items():
        for position, column in enumerate(table.column_names):
            if column in RENAMED and pa.types.is_string(table.schema.field(column).type):
                values = [names.get(value, value) for value in table[column].to_pylist()]
                table = table.set_column(position, column, pa.array(values, pa.string()))
        made[table_name] = table
    return made


def test_hostile_values_break_no_file_and_leave_no_folder(finished, out, tables, tmp_path):
    core = {m.entity_id for lead in finished.leads for m in lead.members if m.entity_type == "patient"}
    keys = {e.row.source_key for lead in finished.leads for e in lead.evidence if e.row.source_table == "settlements"}
    inside = tmp_path / "a" / "b" / "c"
    source = towns.write_parquet(hostile(tables, core, keys), inside / "town")
    result = towns.run(source, inside / "out")
    assert sorted(p.name for p in tmp_path.rglob("*escape*")) == []
    assert {p.name for p in result.folder.iterdir()} - {"rejects", "sealed"} == FILES
    assert {lead.typologies for lead in result.leads} == {lead.typologies for lead in finished.leads}
    for name in towns.SHEETS:
        well_formed((result.folder / name).read_bytes().decode("utf-8"), (out / name).read_text(encoding="utf-8"))
    members = (result.folder / "members.csv").read_text(encoding="utf-8")
    for piece in ("'=HYPERLINK", "'+1+1", "<script>alert(1)</script>", "x" * 10_000, "../../../../escape"):
        assert piece in members, "hostile values that do not arrive prove nothing"
    for line in (result.folder / "explain.jsonl").read_text(encoding="utf-8").rstrip("\n").split("\n"):
        json.loads(line)
    for lead in result.leads:
        done = CliRunner().invoke(root, ["explain", str(inside / "out"), lead.lead_id])
        assert done.exit_code == 0, done.stderr
        assert controls(done.stdout.replace("\n", "")) == set()


def controls(text: str) -> set[str]:
    """Characters that steer a terminal, reorder or hide text."""
    return {c for c in text if ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or c in "\u200b\u202e\ufeff\u2028"}


def well_formed(text: str, sound: str) -> None:
    """Every row has every column, no cell runs in a spreadsheet, and no row is lost."""
    assert controls(text.replace("\n", "")) == set()
    read = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert len(read) == text.count("\n") == sound.count("\n")
    assert {len(row) for row in read} == {len(read[0])}
    for row in read[1:]:
        for cell in row:
            assert not cell.lstrip().startswith(("=", "+", "@", "\uff1d")), cell[:40]
            assert not cell.startswith("-") or cell[1:].replace(".", "").isdigit()
