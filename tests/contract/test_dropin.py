"""A typology or an innocent explanation is two files dropped in, and nothing else; a bad one stops with a sentence."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gangfinder.benign import explanations
from gangfinder.errors import ContractError
from gangfinder.scoring.judging import judge_groups
from gangfinder.typologies import typologies
from gangfinder.typologies.contract import Typology
from tests.contract import suite

ROOT = Path(__file__).parents[2]

TYPOLOGY = '''"""T99: a house settles for many people while its contract is suspended (暂停期间结算)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T99.

    Parameters
    ----------
    late_share
        Share of an honest house's records that bear a wrong date.
    surprise_log10_p
        Reported when the tail, corrected for the run's tests, is at most this.
    """

    late_share: float = 0.001
    surprise_log10_p: float = -3.0


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return visits on days on which the house was suspended, grouped by house."""
    import ibis

    visits, houses = tables["visits"], tables["institutions"]
    size = visits.group_by("institution_id").aggregate(m_house_visits=visits.count())
    closed = houses.filter(houses.suspended_from.notnull())
    closed = closed.select("institution_id", begin=closed.suspended_from, end=closed.suspended_to)
    met = visits.inner_join(size, "institution_id").inner_join(closed, "institution_id")
    met = met.filter((met.on >= met.begin) & (met.end.isnull() | (met.on <= met.end)))
    return met.select(
        group_id=met.institution_id, subject_type=ibis.literal("patient"), subject_id=met.patient_id,
        institution_id=met.institution_id, source_table=ibis.literal("settlements"), source_key=met.settlement_id,
        event_at=met["at"], amount=met.amount, grade=ibis.literal(Grade.E1.value), shows=ibis.literal("closed"),
        m_house_visits=met.m_house_visits,
    )


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm more visits than wrong dates explain."""
    k, n = len(group.rows), int(group.rows["m_house_visits"].iloc[0])
    tail = float(log10_binomial_tail(k, n, params.late_share))
    if log10_corrected(tail, group.n_tests) > params.surprise_log10_p:
        return None
    facts = {"n_rows": k, "n_house": n, "n_core": len(group.members)}
    found = Anomaly(Family.CONTRADICTION, "while_suspended", tail, group.n_tests, facts)
    return Verdict(group.members, (found,), None, (("institution", group.group_id, "house"),))


TYPOLOGY = Typology(
    code="T99",
    slug="suspended_house",
    title="疑似暂停期间结算",
    grade=Grade.E1,
    requires={"institutions": frozenset({"suspended_from"})},
    optional={"institutions": frozenset({"suspended_to"})},
    uses=frozenset({"visits"}),
    detect=detect,
    confirm=confirm,
    benign=("family",),
    provisions=("医疗保障定点管理有关规定",),
    clears=("恢复结算的书面通知",),
    records=("协议暂停与恢复通知",),
    sentences={
        "closed": "结算日期在该机构暂停期间",
        "while_suspended": "该机构 {n_house} 笔结算中有 {n_rows} 笔在暂停期间，涉及 {n_core} 人",
    },
    params=Params(),
)
'''

TYPOLOGY_CASES = """
backgrounds:
  an open house:
    settlements:
    - {times: 200, settlement_id: 'c{i}', patient_id: 'C{i}', institution_id: P0, fund_amount: 40,
       settled_at: {from: '2025-01-01T09:10:00', step: 1}, each: {visit_type: ['11']}}
    institutions: [{institution_id: P0}]
cases:
- name: suspended in September
  why: Six people a week into the suspension.
  background: an open house
  tables:
    settlements: &six
    - {each: {patient_id: [A, B, C, D, E, F]}, settlement_id: 's{i}', institution_id: P1, fund_amount: 300,
       settled_at: '2025-09-08T10:00:00'}
    institutions: [&closed {institution_id: P1, suspended_from: '2025-09-01', suspended_to: '2025-09-30'}]
  expect: {find: [[A, B, C, D, E, F]]}
- name: not yet open again
  why: The end of the suspension is not known.
  background: an open house
  tables:
    settlements: *six
    institutions: [{institution_id: P1, suspended_from: '2025-09-01'}]
  expect: {find: [[A, B, C, D, E, F]]}
- name: on the first and the last day
  why: Both days belong to the suspension.
  background: an open house
  tables:
    settlements: *six
    institutions: [{institution_id: P1, suspended_from: '2025-09-08', suspended_to: '2025-09-08'}]
  expect: {find: [[A, B, C, D, E, F]]}
- name: the day after
  why: Near miss in time.
  background: an open house
  tables:
    settlements: *six
    institutions: [{institution_id: P1, suspended_from: '2025-09-01', suspended_to: '2025-09-07'}]
  expect: {nothing: true}
- name: four people
  why: Near miss in number.
  background: an open house
  tables:
    settlements:
    - {each: {patient_id: [A, B, C, D]}, settlement_id: 's{i}', institution_id: P1, fund_amount: 300,
       settled_at: '2025-09-08T10:00:00'}
    institutions: [*closed]
  expect: {nothing: true}
- name: all paid back
  why: What was refunded does not stand.
  background: an open house
  tables:
    settlements:
    - {each: {patient_id: [A, B, C, D, E, F]}, settlement_id: 's{i}', institution_id: P1, fund_amount: 300,
       settled_at: '2025-09-08T10:00:00', reversed: true}
    institutions: [*closed]
  expect: {nothing: true}
- name: nobody was suspended
  why: Without the dates nothing can be said.
  tables:
    settlements: *six
    institutions: [{institution_id: P1}]
  expect: {skipped: suspended_from}
"""

EXPLANATION = '''"""Dormitories: colleagues of one employer at one address (集体宿舍)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.benign.contract import Explanation, Tables
from gangfinder.engine.portable import string_key

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of dormitories.

    Parameters
    ----------
    least_people
        Fewest colleagues at one address.
    """

    least_people: int = 3


def units(tables: Tables, params: Params) -> ir.Table:
    """Return ``patient_id, unit_id``: colleagues at one address."""
    import ibis

    known = tables["patients"].filter(lambda t: t.employer.notnull() & t.address.notnull())
    size = known.group_by("employer", "address").aggregate(n=known.count())
    kept = known.semi_join(size.filter(size.n >= params.least_people), ["employer", "address"])
    return kept.select("patient_id", unit_id=string_key(ibis.literal("dormitory"), kept.employer, kept.address))


EXPLANATION = Explanation(
    code="5.99",
    slug="dormitory",
    title="同单位集体宿舍",
    requires={"patients": frozenset({"employer", "address"})},
    units=units,
    sentences={
        "holds": "{n_core} 名核心成员住同一单位宿舍",
        "partly": "{n_core} 名核心成员中有 {n_covered} 名住同一单位宿舍",
        "fails": "核心成员不住同一单位宿舍",
        "untestable": "缺少 {missing}",
    },
    params=Params(),
)
'''

EXPLANATION_CASES = """
cases:
- {name: three, why: Colleagues at one address., tables: {patients: [{each: {patient_id: [A, B, C]}, employer: 测试厂,
   address: 测试路九号}]}, expect: {units: [[A, B, C]]}}
- {name: two houses, why: Each house is one., tables: {patients: [{each: {patient_id: [A, B, C, D, E, F],
   address: [一, 二]}, employer: 测试厂}]}, expect: {units: [[A, C, E], [B, D, F]]}}
- {name: others beside, why: A neighbour of another employer stays out., tables: {patients: [{each: {
   patient_id: [A, B, C, X], employer: [甲, 甲, 甲, 乙]}, address: 测试路九号}]}, expect: {units: [[A, B, C]]}}
- {name: two people, why: Near miss., tables: {patients: [{each: {patient_id: [A, B]}, employer: 甲, address: 九号}]},
   expect: {nothing: true}}
- {name: scattered, why: Colleagues at home., tables: {patients: [{each: {patient_id: [A, B, C], address: [一, 二, 三]},
   employer: 甲}]}, expect: {nothing: true}}
- {name: neighbours, why: One address and no common employer., tables: {patients: [{each: {patient_id: [A, B, C],
   employer: [甲, 乙, 丙]}, address: 九号}]}, expect: {nothing: true}}
- {name: nobody says where they work, why: Cannot be tested., tables: {patients: [{patient_id: A, address: 九号}]},
   expect: {skipped: employer}}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The library with both pairs dropped in, its fixtures, and the contract suite, in a folder of their own."""
    folder = tmp_path_factory.mktemp("dropped")
    junk = shutil.ignore_patterns("__pycache__")
    rooms = [f"{top}/{room}" for top in ("fixtures", "tests") for room in ("typologies", "benign")]
    for part in ("gangfinder", "tests/contract", *rooms):
        shutil.copytree(ROOT / part, folder / part, ignore=junk)
    for part in ("pyproject.toml", "tests/conftest.py"):
        shutil.copy(ROOT / part, folder / part)
    before = files(folder)
    pairs = {
        "gangfinder/typologies/suspended_house.py": TYPOLOGY, "fixtures/typologies/suspended_house.yml": TYPOLOGY_CASES,
        "gangfinder/benign/dormitory.py": EXPLANATION, "fixtures/benign/dormitory.yml": EXPLANATION_CASES,
    }
    for name, text in pairs.items():
        (folder / name).write_text(text, encoding="utf-8")
    now = files(folder)
    assert {name for name in now if now[name] != before.get(name)} == set(pairs), "two files each, and no other"
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def python(folder: Path, *arguments: str) -> str:
    """Run Python in the folder, on the library there, and return what it printed."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST") and k != "GANGFINDER_REQUIRE_ALL"}
    env |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_contract_suite_passes_over_the_new_typology(installed):
    out = python(
        installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract/test_typologies.py", "-k",
        "suspended_house and not spark",
    )
    assert f"{len(suite.CHECKS) + 7} passed" in out


def test_the_contract_suite_passes_over_the_new_explanation(installed):
    out = python(
        installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/benign/test_contract.py",
        "tests/benign/test_cases.py", "tests/contract/test_benign.py", "-k", "dormitory and not spark",
    )
    assert "passed" in out
    assert int(out.split(" passed")[0].split()[-1]) >= 15


@pytest.mark.parametrize(
    ("command", "code", "slug"), [("typologies", "T99", "suspended_house"), ("benign", "5.99", "dormitory")]
)
def test_the_command_lists_it(installed, command, code, slug):
    listed = json.loads(python(installed, "-m", "gangfinder.cli", command, "--json"))
    assert (code, slug) in {(row["code"], row["slug"]) for row in listed}


INQUIRY = """
import json, sys
from pathlib import Path
import pyarrow.parquet as pq
from gangfinder import pipeline
from gangfinder.settings import Settings
from tests.typologies.cases import as_table, load_cases

town, case = Path("town"), load_cases("suspended_house")[0]
town.mkdir()
colleagues = ["B", "C", "D"] if sys.argv[1] == "dormitory" else ["B"]
case["tables"]["patients"] = [{"each": {"patient_id": colleagues}, "employer": "测试厂", "address": "测试路九号"}]
for name, rows in case["tables"].items():
    pq.write_table(as_table(name, rows), town / f"{name}.parquet")
Path("key").write_text("00" * 32)
Path("key").chmod(0o600)
found = pipeline.run(town, Path("out"), Settings(key_file=Path("key")))
print(json.dumps([[lead.typologies, len(lead.scored.ring.core)] for lead in found.leads]))
"""


@pytest.mark.parametrize(("homes", "leads"), [("apart", [[["T99"], 6]]), ("dormitory", [])])
def test_a_run_asks_both(installed, homes, leads):
    """The new typology makes a lead; the new explanation makes four units of the same six people."""
    try:
        assert json.loads(python(installed, "-c", INQUIRY, homes)) == leads
    finally:
        shutil.rmtree(installed / "town", ignore_errors=True)
        shutil.rmtree(installed / "out", ignore_errors=True)


# bad plug-ins

BAD = {
    "undeclared": ('"""Says nothing."""\n', "has no TYPOLOGY"),
    "misnamed": (TYPOLOGY, "is not its file name 'misnamed'"),
    "taken_code": (TYPOLOGY.replace("T99", "T01").replace("suspended_house", "taken_code"), "code T01 is declared by"),
    "odd_code": (TYPOLOGY.replace("T99", "X1").replace("suspended_house", "odd_code"), "is not T and two digits"),
    "unknown_column": (
        TYPOLOGY.replace('"suspended_from"})', '"suspended_since"})').replace("suspended_house", "unknown_column"),
        "unknown columns ['suspended_since'] of 'institutions'",
    ),
    "unknown_relation": (
        TYPOLOGY.replace('{"visits"}', '{"walks"}').replace("suspended_house", "unknown_relation"),
        "unknown relations ['walks']",
    ),
}

DISCOVER = """
import importlib, json, pathlib, sys
import gangfinder.typologies as package
from gangfinder.errors import ContractError
from gangfinder.model.registry import discover
from gangfinder.typologies.contract import Typology

said = {}
for name, text in json.load(open("bad.json")).items():
    path = pathlib.Path(package.__file__).with_name(f"{name}.py")
    path.write_text(text)
    importlib.invalidate_caches()
    try:
        discover(package, "TYPOLOGY", Typology)
    except ContractError as error:
        said[name] = error.message
    path.unlink()
print(json.dumps(said))
"""


def test_a_bad_plug_in_cannot_be_imported(installed):
    (installed / "bad.json").write_text(json.dumps({name: text for name, (text, _) in BAD.items()}), encoding="utf-8")
    said = json.loads(python(installed, "-c", DISCOVER))
    assert set(said) == set(BAD)
    for name, (_, words) in BAD.items():
        assert words in said[name]


def some() -> Typology:
    return typologies()["card_pooling"]


def test_an_unknown_explanation_stops_the_run():
    with pytest.raises(ContractError, match="unknown explanations \\['no_such'\\]"):
        judge_groups(dataclasses.replace(some(), benign=("no_such",)), [], explanations(), {})


def test_unknown_links_without_grouping_by_links():
    with pytest.raises(ContractError, match="link kinds go with grouping"):
        dataclasses.replace(some(), grouping="hub")


def test_communities_do_not_fall_into_parts():
    with pytest.raises(ContractError, match="'parts' goes with grouping 'hub'"):
        dataclasses.replace(some(), parts=lambda _, __: [])


def test_undeclared_columns_stop_the_run():
    bad = dataclasses.replace(some(), detect=lambda t, p: some().detect(t, p).mutate(shown=1).drop("shows"))
    with pytest.raises(ContractError, match="returns unknown columns \\['shown'\\] and lacks \\['shows'\\]"):
        suite.check_nothing_in_nothing_out(bad, [])


# the suite itself


@pytest.mark.parametrize(
    ("check", "change"),
    [
        (suite.check_no_word_of_guilt, {"title": "疑似骗保团伙"}),
        (suite.check_no_word_of_guilt, {"clears": ("Proof that he is no criminal",)}),
        (suite.check_texts, {"records": ()}),
        (suite.check_texts, {"title": "Pool"}),
        (suite.check_explanations_exist, {"benign": ("no_such",)}),
        (suite.check_declaration, {"params": {}}),
    ],
)
def test_the_suite_notices(check, change):
    with pytest.raises(AssertionError):
        check(dataclasses.replace(some(), **change), [])


def test_the_suite_notices_what_is_not_said_in_the_numbers():
    cases = suite.cases_of("card_pooling")
    for sentences in ({"session": "在"}, {**some().sentences, "same_dates": "共 {n_unknown} 次"}):
        with pytest.raises((AssertionError, KeyError)):
            suite.check_anomalies(dataclasses.replace(some(), slug="other", sentences=sentences), cases)


def test_the_suite_notices_a_short_case_file():
    with pytest.raises(AssertionError):
        suite.check_case_file(some(), suite.cases_of("card_pooling")[:3])
    with pytest.raises(AssertionError):
        suite.check_case_file(some(), suite.cases_of("no_such"))
