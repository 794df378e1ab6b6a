"""Leads on fund staff: they arise, they are kept apart, and nothing outside ``sealed/`` depends on them."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sqlite3
import stat
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from gangfinder.cli import root
from gangfinder.leads.texts import installed_texts
from gangfinder.model.sealing import DIVIDED_TABLES, SEALED_COLUMNS, SEALED_TABLES
from gangfinder.run import new_run_id
from gangfinder.settings import Settings
from gangfinder.synth import build_town
from gangfinder.typologies import typologies

from . import towns

CANARY = "ZZKANARI"
"""Every id of a member of staff begins with it; nothing else does."""

OFFICES = replace(towns.SETTINGS, offices=True)
"""The shared town with rosters, actions, ties of staff, and insiders among them."""

CLOCK = ("run_id", "started_at", "finished_at")


@pytest.fixture(scope="module", autouse=True)
def dropped_in(tmp_path_factory) -> Iterator[None]:
    """The sealed typology of :mod:`tests.acceptance.one_hand`, installed as that of a third party would be."""
    site = tmp_path_factory.mktemp("site")
    info = site / "one_hand-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: one_hand\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[gangfinder.typologies]\none_hand = tests.acceptance.one_hand\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        forget()
        assert "one_hand" in typologies()
        yield
    forget()
    assert "one_hand" not in typologies()


@pytest.fixture(scope="module")
def tables() -> dict[str, pa.Table]:
    return towns.town_tables(OFFICES)


def forget() -> None:
    typologies.cache_clear()
    installed_texts.cache_clear()


def canaries(tables: towns.Tables) -> dict[str, pa.Table]:
    """Return the tables with other ids for staff, wherever one stands."""
    made = dict(tables)
    for name, columns in {**{t: frozenset({"staff_id"}) for t in SEALED_TABLES}, **SEALED_COLUMNS}.items():
        for column in columns & set(made[name].column_names) if name in made else ():
            made[name] = changed(made[name], column, [True] * len(made[name]))
    for side in ("source", "target"):
        about = [kind == "staff" for kind in made["ties"][f"{side}_type"].to_pylist()]
        made["ties"] = changed(made["ties"], f"{side}_id", about)
    return made


def changed(table: pa.Table, column: str, where: list[bool]) -> pa.Table:
    """Return the table with a canary before every id of a column that is one of staff."""
    old = zip(table[column].to_pylist(), where, strict=True)
    new = [f"{CANARY}{v}" if v is not None and own else v for v, own in old]
    return table.set_column(table.column_names.index(column), column, pa.array(new, pa.string()))


def without_staff(ties: pa.Table) -> pa.Table:
    """Return the ties of which no end is a member of staff."""
    ends = zip(ties["source_type"].to_pylist(), ties["target_type"].to_pylist(), strict=True)
    return ties.filter(pa.array(["staff" not in pair for pair in ends]))


def row(table: pa.Table, **values: object) -> pa.Table:
    """Return the table with one row more."""
    one = pa.table({f.name: pa.array([values.get(f.name)], f.type) for f in table.schema})
    return pa.concat_tables([table, one])


@pytest.fixture(scope="module")
def claims() -> list[dict[str, str]]:
    """The claims of the planted ring of agents."""
    town = build_town(OFFICES)
    keys = {k for r in town.truth.rings if r.kind == "T17" for k in r.reimbursements}
    return [r for r in town.tables["reimbursements"].to_pylist() if r["reimbursement_id"] in keys]


def commonest(claims: list[dict[str, str]], column: str) -> str:
    return Counter(r[column] for r in claims if r[column]).most_common(1)[0][0]


@pytest.fixture(scope="module")
def insider(claims) -> str:
    """Who took in most of these claims."""
    return f"{CANARY}{commonest(claims, 'handler_id')}"


@pytest.fixture(scope="module")
def both(tables, claims, insider, tmp_path_factory) -> tuple[Path, Path]:
    """The town with all that is said of staff, and the same town without."""
    folder, made = tmp_path_factory.mktemp("sealed"), canaries(tables)
    blind = {name: table for name, table in made.items() if name not in SEALED_TABLES}
    blind["ties"] = without_staff(made["ties"])
    assert all(len(made[name]) for name in SEALED_TABLES)
    assert len(blind["ties"]) < len(made["ties"])
    account = commonest([r for r in claims if f"{CANARY}{r['handler_id']}" == insider], "payee_account")
    staff = made["staff"].to_pylist()
    for one in staff:
        one["bank_account"] = account if one["staff_id"] == insider else one["bank_account"]
    seen = {**made, "staff": pa.Table.from_pylist([*staff, {"staff_id": None}], schema=made["staff"].schema)}
    seen["ties"] = row(
        made["ties"], source_type="staff", source_id=insider, target_type="patient", target_id="P1", kind="relative"
    )
    seen["ties"] = row(
        seen["ties"], source_type="patient", source_id="P1", target_type=" Staff", target_id=insider, kind="relative"
    )
    seen["signals"] = row(
        made["signals"], entity_type="official", entity_id=insider, kind="tip",
        observed_on=made["signals"]["observed_on"][0].as_py(), note=insider,
    )
    seen["actions"] = row(
        made["actions"], staff_id=insider, action="account_changed", acted_at=datetime(2025, 3, 4, 22, 10),
        target_type="patient", target_id="P1",
    )
    return towns.write_parquet(seen, folder / "with" / "town"), towns.write_parquet(blind, folder / "without" / "town")


def call(source: Path) -> Result:
    """Run the command beside its town; what it says and logs is kept."""
    where = ["--out", str(source.parent / "out"), "--register", str(source.parent / "leads.db")]
    return CliRunner().invoke(root, ["run", str(source), *where, "--threads", "2"])


@pytest.fixture(scope="module")
def said(both) -> tuple[Result, Result]:
    return call(both[0]), call(both[1])


@pytest.fixture(scope="module")
def outs(both, said) -> tuple[Path, Path]:
    assert [done.exit_code for done in said] == [0, 0], said[0].stderr
    return both[0].parent / "out", both[1].parent / "out"


def opened(out: Path) -> dict[str, bytes]:
    """Every file of a run that is not sealed, but its record."""
    folder = (out / "latest").resolve()
    files = (p for p in folder.rglob("*") if p.is_file())
    names = {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}
    return {n: data for n, data in names.items() if not n.startswith("sealed/") and n != "run.json"}


def record(folder: Path) -> dict[str, object]:
    """The record of a run without its clock."""
    plain = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    stages = [{k: v for k, v in one.items() if k not in ("seconds", "peak_mb")} for one in plain["stages"]]
    if plain["register"]:
        del plain["register"]["hash"]  # of a history that says when
    return {**{k: v for k, v in plain.items() if k not in CLOCK}, "stages": stages}


def sheet(folder: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / name).read_text(encoding="utf-8"))))


# a lead on staff arises


@pytest.mark.slow
def test_a_sealed_lead_names_the_insider(outs, insider):
    sealed = outs[0] / "sealed"
    assert not [part for part in record(sealed)["skipped"] if part["kind"] == "pass" or part["slug"] == "one_hand"]
    (lead,) = (r["lead_id"] for r in sheet(sealed, "leads.csv") if "T97" in r["typologies"])
    of = {name: [r for r in sheet(sealed, f"{name}.csv") if r["lead_id"] == lead] for name in ("members", "benign")}
    named = {r["entity_id"] for r in of["members"] if r["entity_type"] == "staff"}
    # the ring's insiders are two: who took in most of its claims, and who reviewed them
    planted = {f"{CANARY}{s}" for r in build_town(OFFICES).truth.rings if r.kind == "T20" for s in r.staff}
    assert {insider} <= named <= planted
    own = [r for r in sheet(sealed, "evidence.csv") if r["lead_id"] == lead and r["typology"] == "T97"]
    assert {r["source_table"] for r in own} == {"reimbursements"}
    assert "local_agent" in {r["explanation"] for r in of["benign"]}
    assert record(sealed)["n_leads"] == len(sheet(sealed, "leads.csv"))
    assert record(sealed)["n_tests"]["one_hand"] >= 1


@pytest.mark.slow
def test_the_sealed_record_tells_of_the_tables_on_staff(outs):
    counted = {i["table"]: (i["rows"], i["rejected"]) for i in record(outs[0] / "sealed")["inputs"]}
    assert set(counted) == SEALED_TABLES | set(DIVIDED_TABLES)
    assert counted["staff"][1] == 1
    assert "missing:staff_id" in (outs[0] / "sealed" / "rejects" / "staff.csv").read_text(encoding="utf-8")


@pytest.mark.slow
def test_without_tables_on_staff_the_sealed_part_says_why_not(outs):
    sealed = outs[1] / "sealed"
    assert not [r for r in sheet(sealed, "leads.csv") if "T97" in r["typologies"]]
    reasons = {part["slug"]: part["reason"] for part in record(sealed)["skipped"]}
    assert "needs table 'staff', which is absent" in reasons["one_hand"]


@pytest.mark.slow
def test_the_sealed_folder_is_its_owners_alone_and_always_the_same(outs):
    for out in outs:
        folder = (out / "sealed").resolve()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for path in folder.rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    names = [{p.name for p in (out / "sealed").iterdir()} - {"rejects"} for out in outs]
    assert names[0] == names[1] == {*towns.SHEETS, "run.json", "explain.jsonl", "changes.json"}


# and nothing else depends on it


@pytest.mark.slow
def test_the_open_files_are_the_same_bytes(outs):
    first, second = map(opened, outs)
    assert sorted(first) == sorted(second)
    assert [name for name in first if first[name] != second[name]] == []
    assert len(sheet(outs[0], "leads.csv")) >= 10, "a run without leads proves nothing"
    assert {p.name for p in outs[0].iterdir()} == {p.name for p in outs[1].iterdir()}


@pytest.mark.slow
def test_the_record_is_the_same_but_for_the_clock(outs):
    assert record(outs[0]) == record(outs[1])
    plain = json.loads((outs[0] / "run.json").read_text(encoding="utf-8"))
    digests = tuple(one["sha256"] for one in plain["inputs"])
    assert {one["table"] for one in plain["inputs"]} & SEALED_TABLES == set()
    # the id is made of the open inputs alone; its clock is finer than the record's, so its form is all that is left
    assert re.fullmatch(r"\d{8}T\d{6}-[0-9a-f]{8}", plain["run_id"])
    at = datetime(2026, 1, 1)
    assert new_run_id(at, Settings(), digests) == new_run_id(
        at, Settings(), tuple(one["sha256"] for one in record(outs[1])["inputs"])
    )


@pytest.mark.slow
def test_what_is_said_and_logged_is_the_same(said):
    first, second = (without_clock(done.stdout + "\n" + done.stderr) for done in said)
    assert first == second
    assert "reading input" in first
    assert "sealed" not in first.replace("/sealed0/", "/")  # but for the name of the test's own folder


def without_clock(text: str) -> str:
    return re.sub(r"\d+\.\d s", "# s", text).replace("/without/", "/with/")


def leaks(files: dict[str, bytes], wanted: set[str]) -> set[tuple[str, str]]:
    """Which value stands in which file."""
    return {(name, value) for name, data in files.items() for value in wanted if value.encode() in data}


def known_of_staff(tables: towns.Tables) -> set[str]:
    """All that identifies a member of staff: ids, and names, numbers and accounts of the register."""
    register = canaries(tables)["staff"]
    columns = [c for c in ("staff_id", "name", "id_number", "phone", "bank_account") if c in register.column_names]
    return {v for c in columns for v in register[c].to_pylist() if v} | {CANARY}


@pytest.mark.slow
def test_no_identifier_of_staff_stands_in_an_open_file(outs, said, tables):
    wanted = known_of_staff(tables)
    record_of_it = {"run.json": (outs[0] / "run.json").read_bytes(), "said": said[0].output.encode()}
    assert leaks({**opened(outs[0]), **record_of_it}, wanted) == set()


def dump(register: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of a register without its clock."""
    with closing(sqlite3.connect(register)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        found = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for (name,) in tables}
        ((run_id, at),) = connection.execute("SELECT run_id, started_at FROM runs").fetchall()
    text = json.dumps({n: sorted(map(str, rows)) for n, rows in found.items() if n != "history"}, ensure_ascii=False)
    return json.loads(text.replace(run_id, "RUN").replace(at, "AT"))


@pytest.mark.slow
def test_the_open_register_is_the_same(outs):
    first, second = (dump(out.parent / "leads.db") for out in outs)
    assert sorted(first) == sorted(second)
    assert [name for name in first if first[name] != second[name]] == []
    assert len(first["leads"]) >= 10
    names = [sorted(p.relative_to(out.parent).as_posix() for p in out.parent.rglob("leads.db*")) for out in outs]
    assert names[0] == names[1]
    inside = [sorted(p.name for p in (out.parent / "leads.db.sealed").iterdir()) for out in outs]
    assert inside[0] == inside[1]
    assert stat.S_IMODE((outs[0].parent / "leads.db.sealed").stat().st_mode) == 0o700


@pytest.mark.slow
def test_no_identifier_of_staff_stands_in_a_register_that_anybody_reads(outs, tables):
    folder = outs[0].parent
    files = {p.name: p.read_bytes() for p in folder.glob("leads.db*") if p.is_file()}
    assert leaks(files, known_of_staff(tables)) == set()


@pytest.mark.slow
def test_a_sealed_lead_is_decided_on_for_a_reason_that_is_recorded(outs, insider, tmp_path):
    for name in ("leads.db", "leads.db.head", "leads.db.sealed"):
        source = outs[0].parent / name
        shutil.copytree(source, tmp_path / name) if source.is_dir() else shutil.copy(source, tmp_path / name)
    register = str(tmp_path / "leads.db")

    def review(*more: str) -> Result:
        return CliRunner().invoke(root, ["review", register, *more])

    listed = json.loads(review("--sealed", "--reason", "file 7", "--json").stdout)
    assert {one["lead_id"] for one in listed} == {r["lead_id"] for r in sheet(outs[0] / "sealed", "leads.csv")}
    (lead,) = (one["lead_id"] for one in listed if "T97" in one["typologies"])
    assert lead not in review("--json", "--every").stdout
    done = review(lead, "confirm", "--sealed", "--reason", "seen")
    assert done.exit_code == 0
    shown = json.loads(review(lead, "--sealed", "--reason", "file 8", "--json").stdout)
    assert insider in {m["entity_id"] for m in shown["members"]}
    assert [(d["kind"], d["reason"]) for d in shown["decisions"]] == [("confirm", "seen")]
    assert review(lead, "--sealed").exit_code == 2
    lines = (tmp_path / "leads.db.sealed" / "access.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["reason"] for line in lines] == ["file 7", "seen", "file 8"]
    assert CliRunner().invoke(root, ["verify", register]).exit_code == 0


@pytest.mark.slow
def test_the_search_finds_what_is_there(outs, insider, tables, tmp_path):
    sealed = (outs[0] / "sealed").resolve()
    inside = {p.name: p.read_bytes() for p in sealed.iterdir() if p.is_file()}
    assert ("members.csv", insider) in leaks(inside, known_of_staff(tables))
    copy = tmp_path / "out"
    shutil.copytree((outs[0] / "latest").resolve(), copy / "latest")
    for name in opened(copy):
        with (copy / "latest" / name).open("ab") as stream:
            stream.write(insider.encode())
    assert {name for name, _ in leaks(opened(copy), {insider})} == set(opened(outs[0]))


# the same on small inputs: other forms, and tables on staff that cannot be used

SETTLEMENTS = "settlement_id,patient_id,institution_id,settled_at,fund_amount\n" + "".join(
    f"S{n},P{n % 7},H{n % 3},2024-03-{n % 28 + 1:02} 10:00:00,12.50\n" for n in range(40)
)
CLAIMS = f"""reimbursement_id,patient_id,fund_amount,handler_id,submitted_at
R1,P1,100,{CANARY}1,2024-03-01
R2,P2,abc,{CANARY}2,2024-03-01
R3,P3,100,{CANARY}3,2024-03-01,{CANARY}4
R4,P4,100,{CANARY}5,2024-03-01
R4,P4,200,{CANARY}6,2024-03-01
"""
TIES = "source_type,source_id,target_type,target_id,kind\n"
HONEST_TIES = TIES + "patient,P1,patient,P2,relative\npatient,P1,patient,,relative\n"
STAFF_TIES = HONEST_TIES.replace(
    "patient,P1,patient,,", f"staff,{CANARY}1,patient,P3,relative\npatient,P1,patient,,"
) + (
    f"staff,{CANARY}1,patient,,relative\npatient,P3,handler,{CANARY}1,relative\n,{CANARY}1,patient,P3,relative\n"
    f"staff,{CANARY}1,patient,P3,relative,too,many\n"
)
STAFF = f"staff_id,name,office\n{CANARY}1,测试经办,测试医保中心\n,测试无号,\n"


def small(folder: Path, **files: str | bytes) -> Path:
    folder.mkdir(parents=True)
    for name, text in {"settlements": SETTLEMENTS, "reimbursements": CLAIMS, **files}.items():
        name = name.replace("__", ".") if "__" in name else f"{name}.csv"
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


LOOSE = ("[typologies.one_hand]\nclaims = 5\n", "reject_share = 0.9\n")


def compare(seen: Path, blind: Path, tmp_path: Path, *more: str) -> Path:
    """Run both; all that is open must be the same. Returns the sealed folder of the first."""
    (tmp_path / "loose.toml").write_text(LOOSE[1] + LOOSE[0])
    outs, told = [], []
    for name, source in (("with", seen), ("without", blind)):
        out = tmp_path / f"out-{name}"
        done = CliRunner().invoke(
            root, ["run", str(source), "--out", str(out), "--settings", str(tmp_path / "loose.toml"), *more]
        )
        assert done.exit_code == 0, done.stderr
        told.append(without_clock(done.stdout + done.stderr).replace("out-without", "out-with"))
        outs.append(out)
    assert told[0] == told[1]
    assert opened(outs[0]) == opened(outs[1])
    assert {**record(outs[0]), "source": ""} == {**record(outs[1]), "source": ""}
    assert leaks({**opened(outs[0]), "run.json": (outs[0] / "run.json").read_bytes()}, {CANARY}) == set()
    return outs[0] / "sealed"


def test_rejects_tell_of_no_staff(tmp_path):
    seen = small(tmp_path / "with" / "town", staff=STAFF, ties=STAFF_TIES)
    blind = small(tmp_path / "without" / "town", ties=HONEST_TIES)
    sealed = compare(seen, blind, tmp_path)
    shown = {r["key"]: r for r in sheet(tmp_path / "out-with" / "rejects", "reimbursements.csv")}
    assert set(shown) == {"", "R2", "R4"}
    assert all("withheld" in r["raw"] or r["reasons"] == "same_key_different_row" for r in shown.values())
    assert [r["row"] for r in sheet(tmp_path / "out-with" / "rejects", "ties.csv")] == ["2"]
    kept = (sealed / "rejects" / "ties.csv").read_text(encoding="utf-8")
    assert len(sheet(sealed / "rejects", "ties.csv")) == 4
    assert CANARY in kept
    assert "missing:staff_id" in (sealed / "rejects" / "staff.csv").read_text(encoding="utf-8")


def test_a_table_of_staff_ties_alone_is_as_good_as_absent(tmp_path):
    only = "\n".join(line for line in STAFF_TIES.split("\n") if "staff," in line[:6] or line.startswith("source"))
    compare(small(tmp_path / "with" / "town", ties=only + "\n"), small(tmp_path / "without" / "town"), tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("staff__parquet", b"no parquet", "'staff.parquet' is no readable Parquet file"),
        ("staff", "name,office\nx,y\n", "lacks column 'staff_id'"),
        ("staff", "", "'staff.csv' is empty"),
        ("actions", "staff_id,action,acted_at\nS1,x,never\n", "cannot be used, more than the limit"),
    ],
)
def test_an_unusable_table_of_staff_changes_nothing_and_is_told_inside(tmp_path, name, content, why):
    seen = small(tmp_path / "with" / "town", **{name: content})
    sealed = compare(seen, small(tmp_path / "without" / "town"), tmp_path)
    (part,) = record(sealed)["skipped"]
    assert part["kind"] == "pass"
    assert why in part["reason"]
    assert sheet(sealed, "leads.csv") == []


def test_a_database_tells_no_more_than_files(tmp_path):
    import duckdb

    for name, ties, staff in (("with", STAFF_TIES, STAFF), ("without", HONEST_TIES, None)):
        # a database has no malformed lines
        whole = "".join(f"{line}\n" for line in ties.splitlines() if line.count(",") == TIES.count(","))
        files = small(tmp_path / name / "files", ties=whole, **({"staff": staff} if staff else {}))
        with duckdb.connect(str(tmp_path / name / "town.duckdb")) as connection:
            for file in sorted(files.iterdir()):
                connection.execute(
                    f"CREATE TABLE {file.stem} AS FROM read_csv('{file}', all_varchar=true, header=true, "
                    "ignore_errors=true, delim=',')"
                )
    sealed = compare(tmp_path / "with" / "town.duckdb", tmp_path / "without" / "town.duckdb", tmp_path)
    assert {i["table"] for i in record(sealed)["inputs"]} == {"staff", "ties"}
    plain = json.loads((tmp_path / "out-with" / "run.json").read_text(encoding="utf-8"))
    assert len({one["sha256"] for one in plain["inputs"]}) == len(plain["inputs"])


def test_new_tables_on_staff_are_something_new(tmp_path):
    """A run over a known input ends at once; one over known open tables and other tables on staff does not."""
    (tmp_path / "loose.toml").write_text(LOOSE[1])
    source = small(tmp_path / "town", staff=STAFF)

    def ended_at_once() -> bool:
        more = ["--out", tmp_path / "out", "--register", tmp_path / "leads.db", "--settings", tmp_path / "loose.toml"]
        done = CliRunner().invoke(root, ["run", str(source), *map(str, more)])
        assert done.exit_code == 0, done.stderr
        return "Nothing is new" in done.stderr

    assert [ended_at_once(), ended_at_once()] == [False, True]
    (source / "staff.csv").write_text(STAFF + f"{CANARY}2,测试经办,测试医保中心\n")
    assert [ended_at_once(), ended_at_once()] == [False, True]
    (source / "staff.csv").write_text("")  # cannot be used: that is for check to say, and nothing new
    assert ended_at_once()


def test_an_error_in_the_sealed_pass_stays_inside(tmp_path, monkeypatch):
    import warnings

    def broken(*_: object, **__: object) -> None:
        warnings.warn(f"about {CANARY}", stacklevel=1)
        raise ZeroDivisionError(CANARY)

    monkeypatch.setattr(sys.modules["gangfinder.sealed"], "detect", broken)
    sealed = compare(small(tmp_path / "a" / "town", staff=STAFF), small(tmp_path / "b" / "town"), tmp_path)
    (part,) = record(sealed)["skipped"]
    assert part["reason"] == "internal error of gangfinder (ZeroDivisionError)"
    assert CANARY not in (sealed / "run.json").read_text(encoding="utf-8")


def test_check_tells_its_owner_of_the_tables_on_staff(tmp_path):
    source = small(tmp_path / "town", staff=STAFF)
    (tmp_path / "loose.toml").write_text(LOOSE[1])
    asked = ["check", str(source), "--json", "--quiet", "--settings", str(tmp_path / "loose.toml")]
    told = json.loads(CliRunner().invoke(root, asked).stdout)
    assert "staff" in {one["table"] for one in told["tables"]}


# a run that is killed when the sealed part is under way, and the next one


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.slow
def test_what_a_killed_run_leaves_tells_nothing_of_staff(both, outs, monkeypatch, tmp_path):
    """The same checkpoints under the same names, no id of staff in any; and the next run says and writes the same."""
    left, said = [], []
    for source, out in zip(both, outs, strict=True):
        own = tmp_path / source.parent.name
        asked = ["run", str(source), "--out", str(own), "--threads", "2"]
        asked += ["--register", str(tmp_path / f"{source.parent.name}.db")]
        with monkeypatch.context() as patch:
            patch.setattr("gangfinder.pipeline.second_pass", interrupt)
            stopped = CliRunner().invoke(root, asked)
        assert stopped.exit_code == 130
        work = own / "runs" / ".work"
        assert stat.S_IMODE(work.stat().st_mode) == 0o700
        files = {p.relative_to(work).as_posix(): p.read_bytes() for p in work.rglob("*") if p.is_file()}
        assert not [name for name, data in files.items() if CANARY.encode() in data]
        left.append(sorted(files))
        done = CliRunner().invoke(root, asked)
        assert done.exit_code == 0
        said.append(re.sub(r"[0-9]+\.[0-9] s|with(out)?/", "", done.stderr))
        assert opened(own) == opened(out)
        assert not work.exists()
    assert left[0] == left[1] != []
    assert said[0] == said[1]
    assert "done before the run was killed" in said[0]
