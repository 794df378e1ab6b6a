"""What every typology must do, whoever wrote it: checks that anyone can run on his own plug-in.

Each check takes the declaration and the cases of its case file, raises ``AssertionError`` when the contract is broken,
and says nothing otherwise::

    from tests.contract import suite

    cases = suite.cases_of("my_typology", Path("my/fixtures"))
    for check in suite.CHECKS:
        check(MY_TYPOLOGY, cases)

The reference tables of the checks are those of the first case that must be found. What the checks take for granted:
identical rows are removed by the intake, so no detector ever sees a duplicate, and only the *order* of rows is turned
here; values that carry meaning (phones, identity numbers, accounts, invoice numbers) keep theirs when ids are renamed.
"""

from __future__ import annotations

import dataclasses
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from string import Formatter
from typing import Any

import pyarrow as pa
import yaml

from gangfinder.benign import explanations
from gangfinder.engine import DuckDBEngine, Engine
from gangfinder.leads.catalogue import translator
from gangfinder.linking.contract import empty_links
from gangfinder.model.evidence import EVIDENCE_SCHEMA, Grade
from gangfinder.model.tables import TABLES, Kind
from gangfinder.synth.columns import ARROW_TYPES
from gangfinder.typologies.contract import Typology
from gangfinder.typologies.detection import detect
from tests.typologies import cases as runner

Cases = Sequence[Mapping[str, Any]]
Tables = Mapping[str, pa.Table]

GUILT = ("骗", "诈", "犯", "罪", "违法", "作案", "赃", "同伙", "主谋", "嫌疑人")
GUILT_IN_ENGLISH = re.compile(r"(?i)\b(fraud|crim|guilt|cheat|swindl|culprit|offend|thie[fv]|gang|illegal|launder)")

MEANINGFUL = frozenset(
    {
        "contact_phone", "agent_id_number", "agent_phone", "phone", "id_number", "legal_rep_id_number", "uscc",
        "bank_account", "payee_account", "invoice_no", "trace_code", "lot_no",
    }
)
"""Identifiers whose text is read (length, digits, neighbours), not only compared."""

NAMES = frozenset({"typology", "subject_type", "source_table", "grade"})
"""Columns of the relations of the sealed pass that are no ids."""


def cases_of(slug: str, folder: Path = runner.FIXTURES) -> Cases:
    """Return the cases of a typology's case file, or none where there is no file."""
    path = folder / f"{slug}.yml"
    if not path.is_file():
        return []
    file = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [{**case, "tables": runner._with_background(case, file.get("backgrounds", {}))} for case in file["cases"]]


def tables_of(case: Mapping[str, Any]) -> dict[str, pa.Table]:
    """Return the typed tables of a case."""
    return {name: runner.as_table(name, rows) for name, rows in case["tables"].items()}


def reference(cases: Cases) -> dict[str, pa.Table]:
    """Return the tables of the first case that must be found."""
    return tables_of(next(case for case in cases if "find" in case["expect"]))


_known: dict[str, tuple[Cases, runner.Outcome]] = {}


def outcome(typology: Typology, cases: Cases) -> runner.Outcome:
    """Return what the typology says of the reference tables; computed once."""
    if typology.slug not in _known or _known[typology.slug][0] is not cases:
        _known[typology.slug] = (cases, runner.run(typology, reference(cases)))
    return _known[typology.slug][1]


def said(found: runner.Outcome) -> list[object]:
    """Return everything but the order of groups that an outcome says, in a form that can be compared."""
    return sorted(
        (
            tuple(sorted(v.core)),
            sorted((a.name, round(a.log10_p, 6), a.n_tests, sorted(a.detail.items())) for a in v.anomalies),
            sorted(v.hubs),
        )
        for v in found.verdicts.values()
    )


# declaration


def check_declaration(typology: Typology, cases: Cases) -> None:
    """Frozen parameters that can be made without arguments; code and slug as the registry wants them."""
    params = typology.params
    assert dataclasses.is_dataclass(params)
    assert type(params).__dataclass_params__.frozen
    assert type(params)() == params, "the declared parameters are the defaults"
    assert re.fullmatch(r"T\d\d", typology.code)
    assert re.fullmatch(r"[a-z][a-z0-9_]*", typology.slug)
    assert typology.minimum_subjects >= 0
    assert isinstance(typology.grade, Grade)


def check_docstrings(typology: Typology, cases: Cases) -> None:
    """The module, both functions and every parameter are described."""
    module = sys.modules[type(typology.params).__module__]
    for thing in (module, type(typology.params), typology.detect, typology.confirm):
        assert (thing.__doc__ or "").strip(), f"{thing} has no docstring"
    described = "".join(c.__doc__ or "" for c in type(typology.params).__mro__)
    for field in dataclasses.fields(typology.params):
        assert re.search(rf"\b{field.name}\b", described), f"parameter {field.name} is not described"


def check_texts(typology: Typology, cases: Cases) -> None:
    """A Chinese title; citations, what would clear the group, and which records to ask for, each non-empty."""
    assert re.search(r"[\u4e00-\u9fff]", typology.title)
    for texts in (typology.provisions, typology.clears, typology.records):
        assert isinstance(texts, tuple)
        assert texts
        assert all(text.strip() for text in texts)
    assert typology.sentences
    assert all(re.search(r"[\u4e00-\u9fff]", text) for text in typology.sentences.values())


def check_no_word_of_guilt(typology: Typology, cases: Cases) -> None:
    """No text calls anybody guilty, in Chinese or in its translation (citations of law are not translated)."""
    own = [typology.title, *typology.clears, *typology.records, *typology.sentences.values()]
    for text in (*own, *typology.provisions):
        assert not [word for word in GUILT if word in text], text
    say = translator("en")
    for text in own:
        assert not GUILT_IN_ENGLISH.search(say(text)), say(text)


def check_explanations_exist(typology: Typology, cases: Cases) -> None:
    """It names at least one innocent explanation, each once, and all of them exist."""
    assert typology.benign
    assert len(set(typology.benign)) == len(typology.benign)
    assert set(typology.benign) <= set(explanations())


# cases


def check_case_file(typology: Typology, cases: Cases) -> None:
    """At least three cases that must be found, three that must not (one a near miss), one that is skipped."""
    assert cases, f"fixtures/typologies/{typology.slug}.yml is missing"
    assert all(case["why"] for case in cases)
    assert len({case["name"] for case in cases}) == len(cases)
    assert sum("find" in case["expect"] for case in cases) >= 3
    innocent = [case for case in cases if case["expect"].get("nothing")]
    assert len(innocent) >= 3
    assert any("near miss" in f"{case['name']} {case['why']}".lower() for case in innocent), "no near miss"
    assert sum("skipped" in case["expect"] for case in cases) >= 1


def check_cases(typology: Typology, cases: Cases) -> None:
    """Every case comes out as it says."""
    for case in cases:
        check_case(typology, case)


def check_case(typology: Typology, case: Mapping[str, Any]) -> None:
    """One case comes out as it says."""
    runner.check(typology.slug, case)


# behaviour


def check_nothing_in_nothing_out(typology: Typology, cases: Cases) -> None:
    """Empty tables give an empty answer with the columns and types of ``EVIDENCE_SCHEMA``, and measures ``m_*``."""
    engine = DuckDBEngine(threads=1)
    try:
        canonical = {name: engine.put(name, empty(name)) for name in TABLES}
        derived = {**runner._behaviour(engine, canonical), "links": engine.put("links", empty_links())}
        derived |= {name: engine.put(name, runner.as_table(name, ())) for name in runner.RELATIONS}
        every = {name: frozenset(spec.names) for name, spec in TABLES.items()}
        detected, skipped = detect({typology.slug: typology}, canonical, derived, every, clock=True)
        assert not skipped
        rows = detected[0].rows
        assert engine.fetch(rows).num_rows == 0
        schema = {name: str(kind) for name, kind in rows.schema().items()}
    finally:
        engine.close()
    assert list(schema)[: len(EVIDENCE_SCHEMA)] == list(EVIDENCE_SCHEMA)
    assert all(name.startswith("m_") for name in list(schema)[len(EVIDENCE_SCHEMA) :])
    for name, kind in EVIDENCE_SCHEMA.items():
        assert schema[name].replace(" ", "").split("(")[0] == kind.split("(")[0]


def empty(name: str) -> pa.Table:
    """Return a canonical table without rows."""
    return pa.table({c.name: pa.array([], ARROW_TYPES[c.kind]) for c in TABLES[name].columns})


def check_row_order(typology: Typology, cases: Cases) -> None:
    """Shuffled rows give the same cores, anomalies and hubs, number by number."""
    random = Random(20250108)
    turned = {}
    for name, table in reference(cases).items():
        order = list(range(table.num_rows))
        random.shuffle(order)
        turned[name] = table.take(pa.array(order, pa.int64()))
    assert said(runner.run(typology, turned)) == said(outcome(typology, cases))
    assert outcome(typology, cases).cores


def check_a_stranger_changes_nothing(typology: Typology, cases: Cases) -> None:
    """One more person, who shares nothing with anybody, leaves the cores as they were."""
    tables = reference(cases)
    more = {name: pa.concat_tables([t, _stranger(name, t)]) for name, t in tables.items() if name in _STRANGER}
    assert runner.run(typology, {**tables, **more}).cores == outcome(typology, cases).cores


_STRANGER = {
    "settlements": {"settlement_id": "zz-s", "patient_id": "zz-p", "institution_id": "zz-i", "fund_amount": Decimal(1)},
    "patients": {"patient_id": "zz-p"},
    "reimbursements": {"reimbursement_id": "zz-r", "patient_id": "zz-p", "fund_amount": Decimal(1)},
}


def _stranger(name: str, like: pa.Table) -> pa.Table:
    """One row of the stranger; an instant that the table requires is that of its first row."""
    row = dict(_STRANGER[name])
    if name == "settlements":
        row["settled_at"] = like["settled_at"][0].as_py() if like.num_rows else None
    return pa.table({f.name: pa.array([row.get(f.name)], f.type) for f in like.schema})


def check_renaming(typology: Typology, cases: Cases) -> None:
    """Other ids, in another order, give the same cores under their new ids."""
    renamed = {name: rename(name, table) for name, table in reference(cases).items()}
    # an office is known by its name, which is text and stays
    told = str if typology.subject_type == "office" else new_id
    expected = sorted(tuple(sorted(told(m) for m in core)) for core in outcome(typology, cases).cores)
    assert runner.run(typology, renamed).cores == expected


def new_id(old: str) -> str:
    """Return another id: a bijection that does not keep the order."""
    return "n" + old[::-1]


def rename(name: str, table: pa.Table) -> pa.Table:
    """Return the table with a new id for every id of people, houses, staff, desks and rows."""
    kinds = {column.name: column.kind for column in runner.columns_of(name)}
    for position, field in enumerate(table.schema):
        if kinds[field.name] is Kind.ID and field.name not in MEANINGFUL | NAMES:
            values = [None if v is None else new_id(v) for v in table[field.name].to_pylist()]
            table = table.set_column(position, field.name, pa.array(values, pa.string()))
    return table


def check_nulls(typology: Typology, cases: Cases) -> None:
    """Gaps in every second row of all columns that may be empty, or none but the required columns, do not raise."""
    tables = reference(cases)
    runner.run(typology, {name: half_null(name, table) for name, table in tables.items()})
    wanted = {name: frozenset(TABLES[name].required) for name in ("settlements", *typology.requires)}
    for name, columns in typology.requires.items():
        wanted[name] |= frozenset(columns)
    bare = {n: t.select([c for c in t.column_names if c in wanted[n]]) for n, t in tables.items() if n in wanted}
    runner.run(typology, bare)


def half_null(name: str, table: pa.Table) -> pa.Table:
    """Return the table with nulls in every second row wherever the canonical table allows them."""
    required = {column.name for column in runner.columns_of(name) if column.required}
    for position, field in enumerate(table.schema):
        if field.name not in required:
            values = [v if i % 2 == 0 else None for i, v in enumerate(table[field.name].to_pylist())]
            table = table.set_column(position, field.name, pa.array(values, field.type))
    return table


# what is said


def check_anomalies(typology: Typology, cases: Cases) -> None:
    """Tails are at most 1, tests at least one, and every sentence can be filled from the numbers beside it."""
    verdicts = outcome(typology, cases).verdicts
    assert verdicts
    for verdict in verdicts.values():
        assert verdict.anomalies
        for anomaly in verdict.anomalies:
            assert anomaly.log10_p <= 0
            assert not math.isnan(anomaly.log10_p)
            assert anomaly.n_tests >= 1
            assert anomaly.name in typology.sentences
            template = typology.sentences[anomaly.name]
            assert {f for _, f, _, _ in Formatter().parse(template) if f} <= set(anomaly.detail)
            assert template.format(**anomaly.detail)


def check_evidence(typology: Typology, cases: Cases) -> None:
    """Evidence rows name rows that exist, people of the core, sentences that exist, and the net amount at stake."""
    tables, found = reference(cases), outcome(typology, cases)
    own = {name: table for name, table in tables.items() if name in TABLES and TABLES[name].key}
    keys = {name: set(table[TABLES[name].key[0]].to_pylist()) for name, table in own.items()}
    amounts = net_amounts(tables)
    for row in evidence(found):
        if len(TABLES[row["source_table"]].key) != 1:  # lines and books: all parts of the key, joined
            assert row["source_key"] in joined_keys(row["source_table"], tables[row["source_table"]])
            assert row["amount"] >= 0
            continue
        assert row["source_key"] in keys[row["source_table"]]
        assert row["shows"] in typology.sentences
        assert Grade(row["grade"]) >= typology.grade
        # a filing or a prescription costs nothing by itself
        assert row["amount"] in amounts.get((row["source_table"], row["source_key"]), {Decimal(0)})


def joined_keys(name: str, table: pa.Table) -> set[str]:
    """Return the keys of a table whose key has several columns, its parts joined by a bar."""
    parts = [table[c].to_pylist() if c in table.column_names else [None] * table.num_rows for c in TABLES[name].key]
    return {"|".join("" if v is None else str(v) for v in row) for row in zip(*parts, strict=True)}


def evidence(found: runner.Outcome) -> Iterator[Mapping[str, Any]]:
    """Yield the evidence rows of all verdicts."""
    for group_id, verdict in found.verdicts.items():
        rows = found.groups[group_id].rows
        rows = rows[rows["subject_id"].isin(verdict.core)]
        kept = rows if verdict.keep is None else rows[verdict.keep.reindex(rows.index, fill_value=False)]
        assert len(kept), "a verdict without evidence"
        assert set(kept["subject_id"]) == set(verdict.core), "a core member without evidence"
        yield from kept.to_dict("records")


def net_amounts(tables: Tables) -> dict[tuple[str, str], set[Decimal]]:
    """Return, counted by a plain loop, what each source row may weigh: its net fund money, or that of its whole stay.

    The first bill of a stay stands for all bills of the stay, of one visit or of one patient, house and admission.
    """
    result: dict[tuple[str, str], set[Decimal]] = {}
    bills = tables["settlements"].to_pylist() if "settlements" in tables else []
    refunded: dict[str, Decimal] = {}
    for bill in bills:
        if original := bill.get("reversed_settlement_id"):
            refunded[original] = refunded.get(original, Decimal(0)) + bill["fund_amount"]
    stays: dict[object, list[tuple[str, Decimal]]] = {}
    for bill in bills:
        net = bill["fund_amount"] + refunded.get(bill["settlement_id"], Decimal(0))
        result["settlements", bill["settlement_id"]] = {net}
        stay = bill.get("visit_id") or (bill["patient_id"], bill["institution_id"], bill.get("admitted_at"))
        stays.setdefault(stay, []).append((bill["settlement_id"], net))
    for parts in stays.values():
        result["settlements", min(parts)[0]].add(sum((net for _, net in parts), Decimal(0)))
    for claim in tables["reimbursements"].to_pylist() if "reimbursements" in tables else []:
        result["reimbursements", claim["reimbursement_id"]] = {claim["fund_amount"]}
    return result


# engines


def check_engines_agree(typology: Typology, cases: Cases, engine: Engine) -> None:
    """Another engine gives the same cores, anomalies and hubs on the reference tables."""
    assert said(runner.run(typology, reference(cases), engine=engine)) == said(outcome(typology, cases))


CHECKS: tuple[Callable[[Typology, Cases], None], ...] = (
    check_declaration, check_docstrings, check_texts, check_no_word_of_guilt, check_explanations_exist, check_case_file,
    check_nothing_in_nothing_out, check_row_order, check_a_stranger_changes_nothing, check_renaming, check_nulls,
    check_anomalies, check_evidence,
)
"""All checks but the cases themselves (:func:`check_cases`) and those that need a second engine."""
