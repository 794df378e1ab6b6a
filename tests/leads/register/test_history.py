"""The file, its migrations, and the chain: what a register is before anybody puts a lead into it."""

from __future__ import annotations

import json
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from gangfinder.errors import OutputError, RegisterBusy, RegisterChanged, RegisterError
from gangfinder.leads.register import migrations, opening
from gangfinder.leads.register.entries import CREATED, RUN, packed
from gangfinder.leads.register.history import append, canonical, digest, entries, head
from gangfinder.leads.register.opening import head_file, open_register
from gangfinder.leads.register.schema import DECISIONS, PROJECTED, STATUSES, decisions, metadata
from gangfinder.leads.register.verification import verify

from .made import a_run, decide, filled


@pytest.fixture
def path(tmp_path):
    return tmp_path / "office" / "leads.db"


@pytest.fixture
def register(path):
    return filled(path)


def problems(path, *outs):
    with pytest.raises(RegisterChanged) as caught:
        verify(path, outs)
    return "\n".join(caught.value.details)


def tamper(path, *statements):
    """Do what somebody with a database tool would: take the guards away, change rows, put the guards back."""
    with closing(sqlite3.connect(path)) as raw:
        guards = raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        raw.execute("PRAGMA foreign_keys=OFF")
        for name, _ in guards:
            raw.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            raw.execute(statement)
        for _, sql in guards:
            raw.execute(sql)
        raw.commit()


def test_the_migrations_make_what_the_schema_says(path):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    register = open_register(path, create=True)
    with register.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        (checks,) = connection.exec_driver_sql("SELECT group_concat(sql) FROM sqlite_master").scalars()
    assert all(f"{words}" in checks for words in (STATUSES, DECISIONS))


def test_the_newest_revision_is_the_head():
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", migrations.__path__[0])
    assert ScriptDirectory.from_config(config).get_current_head() == migrations.HEAD


def test_the_files_are_for_their_owner_alone(path, register):
    with register.reading():
        files = list(path.parent.iterdir())
        assert {p.name for p in files} >= {"leads.db", "leads.db-wal", "leads.db.head", "leads.db.lock"}
        assert {stat.S_IMODE(p.stat().st_mode) for p in files} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_register_is_durable_and_lets_readers_read(register):
    with register.reading() as connection:
        pragma = {p: connection.exec_driver_sql(f"PRAGMA {p}").scalar() for p in
                  ("journal_mode", "synchronous", "foreign_keys")}
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_there_is_none(path):
    with pytest.raises(RegisterError, match="no register"):
        open_register(path)
    assert not path.parent.exists()


@pytest.mark.parametrize("content", [b"lead_id,rank\n", b"SQLite format 3\x00 and then nothing of use" * 99])
def test_something_else_is_left_alone(tmp_path, content):
    file = tmp_path / "leads.csv"
    file.write_bytes(content)
    with pytest.raises(RegisterError):
        open_register(file, create=True)
    assert file.read_bytes() == content


def test_the_database_of_another_program_is_left_alone(tmp_path):
    file = tmp_path / "other.db"
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE history (a)")
    with pytest.raises(RegisterError, match="other tables"):
        open_register(file, create=True)


def test_a_newer_register_is_refused(path, register):
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("UPDATE alembic_version SET version_num = 'r9999'")
        raw.commit()
    with pytest.raises(RegisterError, match="newer version") as caught:
        open_register(path)
    assert caught.value.hint


def test_an_older_register_is_copied_and_migrated(path, register, monkeypatch, tmp_path):
    """With one migration there is no older one yet: a next one is put beside it."""
    import shutil

    home = tmp_path / "next"
    shutil.copytree(opening.Path(opening.__file__).parent / "migrations", home / "migrations")
    (home / "migrations" / "versions" / "r0002_more.py").write_text(
        "from alembic import op\nrevision, down_revision = 'r0002', 'r0001'\n"
        "def upgrade(): op.execute('CREATE TABLE more (a)')\n"
    )
    monkeypatch.setattr(opening, "__file__", str(home / "opening.py"))
    monkeypatch.setattr(opening, "HEAD", "r0002")
    with pytest.raises(RegisterError, match="older version"):
        open_register(path, readable=True)
    with open_register(path).reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM more").scalar() == 0
        n = head(connection).seq
    copy = path.with_name("leads.db.before-r0002")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as old:
        assert old.execute("SELECT version_num FROM alembic_version").fetchone() == ("r0001",)
        assert old.execute("SELECT max(seq) FROM history").fetchone() == (n,)


def test_what_is_written_cannot_be_changed(register):
    for table in ("history", *(t.name for t in PROJECTED)):
        for statement in (f"UPDATE {table} SET seq = seq", f"DELETE FROM {table}"):
            with register.writing() as connection:
                n = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
                if n:
                    with pytest.raises(sa.exc.IntegrityError, match="only added to"):
                        connection.exec_driver_sql(statement)


def test_a_sound_register_is_verified(path, register):
    found = verify(path)
    assert found.head.seq == 4
    assert found.n_anchors == 1


def test_a_write_that_fails_leaves_nothing(path, register):
    def write():
        with register.writing() as connection:
            append(connection, "me", "note", decide("L-AAAAAAAA", reason="x"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert verify(path).head.seq == 4


TAMPERINGS = {
    "a decision's row": "UPDATE decisions SET reason = 'another one'",
    "a decision's author": "UPDATE decisions SET who = 'somebody else'",
    "a decision taken away": "DELETE FROM decisions",
    "a member's row": "UPDATE members SET entity_id = 'P999' WHERE entity_id = 'P1'",
    "a run's row": "UPDATE runs SET n_leads = 7",
    "evidence taken away": "DELETE FROM evidence WHERE key = 'k1'",
    "a row of no entry": "INSERT INTO leads VALUES (99, 'L-BBBBBBBB', 'r1', 'patient')",
    "a row of another entry": "INSERT INTO leads VALUES (2, 'L-BBBBBBBB', 'r1', 'patient')",
    "an entry's payload": "UPDATE history SET payload = replace(payload, 'regular', 'no regular') WHERE seq = 3",
    "an entry's time": "UPDATE history SET at = '2020-01-01T00:00:00+08:00' WHERE seq = 2",
    "an entry that is no JSON": "UPDATE history SET payload = '{' WHERE seq = 2",
    "an entry's author": "UPDATE history SET who = 'somebody else' WHERE seq = 3",
    "an entry taken out of the middle": "DELETE FROM history WHERE seq = 3",
    "the tail": "DELETE FROM history WHERE seq = 4",
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_is_found(path, register, what):
    verify(path)
    tamper(path, TAMPERINGS[what])
    assert "entry" in problems(path) or "table" in problems(path)


def test_a_tail_cut_off_cleanly_is_found(path, register):
    """The entry and all that it wrote: the file itself is a sound register of an earlier day."""
    tamper(path, "DELETE FROM decisions WHERE seq = 4", "DELETE FROM history WHERE seq = 4")
    assert "ends at entry 3" in problems(path)


def test_a_tail_cut_off_together_with_the_head_file_is_found_by_a_run(path, register, tmp_path):
    run = tmp_path / "out" / "runs" / "r1"
    run.mkdir(parents=True)
    with register.reading() as connection:
        last = head(connection)
    (run / "run.json").write_text(json.dumps({"register": {"seq": last.seq, "hash": last.hash}}))
    assert verify(path, [tmp_path / "out"]).n_anchors == 2
    tamper(path, "DELETE FROM decisions WHERE seq = 4", "DELETE FROM history WHERE seq = 4")
    head_file(path).unlink()
    assert "r1/run.json" in problems(path, tmp_path / "out")
    assert "leads.db.head is missing" in problems(path)


def test_entries_in_another_order_are_found(path, register):
    tamper(
        path, "UPDATE history SET seq = 99 WHERE seq = 3", "UPDATE history SET seq = 3 WHERE seq = 4",
        "UPDATE history SET seq = 4 WHERE seq = 99",
    )
    assert "entry 3" in problems(path)


def test_a_chain_that_was_computed_again_is_found(path, register):
    """Somebody who knows how changes an entry, all hashes after it, and the rows: the head outside disagrees."""
    with closing(sqlite3.connect(path)) as raw:
        rows = raw.execute("SELECT seq, at, who, action, payload FROM history ORDER BY seq").fetchall()
    before, statements = "0" * 64, ["UPDATE decisions SET reason = 'forged' WHERE seq = 3"]
    for seq, at, who, action, payload in rows:
        new = payload.replace("regular customers", "forged")
        own = digest(opening_entry(seq, at, who, action, json.loads(new)), new, before)
        statements.append(
            f"UPDATE history SET payload = '{new}', prev_hash = '{before}', hash = '{own}' WHERE seq = {seq}"
        )
        before = own
    tamper(path, *statements)
    assert "is another one than leads.db.head knows" in problems(path)


def opening_entry(*fields):
    from gangfinder.leads.register.entries import Entry

    return Entry(*fields)


def test_guards_that_were_taken_away_are_found(path, register):
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("DROP TRIGGER decisions_no_update")
    assert "'decisions': it could be changed" in problems(path)


def test_a_damaged_file_is_found(path, register):
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    data[-4096 * 3 :: 7] = b"x" * len(data[-4096 * 3 :: 7])
    path.write_bytes(data)
    with pytest.raises((RegisterChanged, RegisterError)):
        verify(path)


def test_findings_name_no_value(path, register):
    tamper(path, "UPDATE members SET entity_id = 'P999' WHERE entity_id = 'P1'", "UPDATE decisions SET who = 'zed'")
    told = problems(path)
    assert not any(word in told for word in ("P999", "P1", "zed", "regular"))


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=6,
)


@given(plain_values)
def test_canonical_json_has_one_form(value):
    assert canonical(json.loads(canonical(value))) == canonical(value)
    assert canonical(value).isascii()


@settings(max_examples=15)
@given(st.lists(st.tuples(st.sampled_from(["note", "dismiss", "assign"]), st.text(max_size=30)), max_size=6))
def test_any_text_can_be_recorded_and_verified(tmp_path_factory, made):
    path = tmp_path_factory.mktemp("any") / "leads.db"
    register = filled(path)
    for kind, text in made:
        with register.writing() as connection:
            append(connection, text or "me", kind, decide("L-AAAAAAAA", reason=text))
    assert verify(path).head.seq == 4 + len(made)
    with register.reading() as connection:
        assert [e.action for _, e in entries(connection)][:2] == [CREATED, RUN]


def test_a_locked_register_says_so(path, register, monkeypatch):
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.05)
    other = open_register(path)
    with register.writing(), pytest.raises(RegisterBusy), other.writing():
        pass


def test_a_full_disk_says_so(path, register):
    with register.reading() as connection:
        size = connection.exec_driver_sql("PRAGMA page_count").scalar()
    def write():
        with register.writing() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count={size}")
            for _ in range(2_000):
                append(connection, "me", "note", decide("L-AAAAAAAA", reason="x" * 500))

    with pytest.raises(OutputError, match="full"):
        write()
    assert verify(path).head.seq == 4


REVIEWER = """
import sys
from pathlib import Path
from gangfinder.leads.register.history import append
from gangfinder.leads.register.opening import open_register
path, who, n = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for k in range(n):
    with open_register(path).writing() as connection:
        append(connection, who, "note", {"lead_id": "L-AAAAAAAA", "reason": f"{who} {k}", "run_id": "r1"})
"""


def test_eight_writers_at_once(path, register):
    """Real processes: no entry is lost, none is in the chain twice."""
    writers = [
        subprocess.Popen([sys.executable, "-c", REVIEWER, str(path), f"w{n}", "5"], stderr=subprocess.PIPE, text=True)
        for n in range(8)
    ]
    told = [w.communicate(timeout=300)[1] for w in writers]
    assert [w.returncode for w in writers] == [0] * 8, told
    assert verify(path).head.seq == 4 + 40
    with register.reading() as connection:
        made = connection.execute(sa.select(decisions.c.reason)).scalars().all()
    assert sorted(r for r in made if r.startswith("w")) == sorted(f"w{n} {k}" for n in range(8) for k in range(5))


def test_eight_processes_make_one_register(tmp_path):
    path = tmp_path / "leads.db"
    code = "import sys; from pathlib import Path; from gangfinder.leads.register.opening import open_register;" \
           "open_register(Path(sys.argv[1]), create=True)"
    made = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(8)]
    assert [p.wait(timeout=300) for p in made] == [0] * 8
    with open_register(path).reading() as connection:
        assert head(connection).seq == 0


def test_a_run_entry_writes_all_its_tables():
    from gangfinder.leads.register.entries import Entry, written

    rows = written(Entry(7, "", "", RUN, a_run("r7")))
    assert {t.name for t, _ in rows} == {"runs", "leads", "sightings", "members", "evidence"}
    assert all(row["seq"] == 7 for _, own in rows for row in own)
    assert packed([]) == {"columns": [], "rows": []}
