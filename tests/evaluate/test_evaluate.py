"""Evaluation: the matching rule on small hand-made lists."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from gangfinder.errors import MissingTable, UnreadableFile
from gangfinder.evaluate import evaluate, summary

LEAD_COLUMNS = ("lead_id", "rank", "typologies")
MEMBER_COLUMNS = ("lead_id", "entity_type", "entity_id", "role", "membership", "grade")
EVIDENCE_COLUMNS = ("lead_id", "finding_id", "source_table", "source_key")


def ring(name: str, patients: str, typology: str = "T01", **more: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"institutions": [], "doctors": [], "agents": []}
    keys = {"settlements": more.pop("rows", []), "reimbursements": []}
    return {
        "ring_id": name,
        "typology": typology,
        "patients": patients.split(),
        "source_keys": keys,
        **empty,
        **more,
    }


def alike(kind: str, patients: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "patients": patients.split(), "institutions": [], "agents": [], **more}


def write(path: Path, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def run(
    tmp_path: Path,
    rings: list[dict[str, Any]],
    lookalikes: list[dict[str, Any]],
    leads: list[str],
    associated: str = "",
    entity: str = "patient",
    evidence: tuple[str, ...] = (),
    sealed: tuple[str, ...] = (),
    sealed_entity: str = "",
):
    (tmp_path / "truth.json").write_text(
        json.dumps({"rings": rings, "lookalikes": lookalikes}), encoding="utf-8"
    )
    for folder, listed in ((tmp_path, leads), (tmp_path / "sealed", sealed)):
        name, kind = ("S", sealed_entity or entity) if folder != tmp_path else ("L", entity)
        write(
            folder / "leads.csv",
            LEAD_COLUMNS,
            [
                {"lead_id": f"{name}{i}", "rank": i, "typologies": "T01"}
                for i in range(1, len(listed) + 1)
            ],
        )
        write(
            folder / "members.csv",
            MEMBER_COLUMNS,
            [
                {"lead_id": f"{name}{i}", "entity_type": kind, "entity_id": who, "membership": membership}
                for i, members in enumerate(listed, 1)
                for text, membership in ((members, "core"), (associated, "associated"))
                for who in text.split()
            ],
        )
    write(
        tmp_path / "evidence.csv",
        EVIDENCE_COLUMNS,
        [{"lead_id": "L1", "source_table": "settlements", "source_key": key} for key in evidence],
    )
    return evaluate(tmp_path, tmp_path)


def test_exactly_sixty_percent_on_both_sides_is_found(tmp_path):
    verdict = run(tmp_path, [ring("r1", "a b c d e")], [], ["a b c x y"])
    assert verdict.recall_at_k == 1
    assert verdict.precision_at_k == 1
    assert verdict.member_precision == pytest.approx(0.6)
    assert verdict.member_recall == pytest.approx(0.6)


@pytest.mark.parametrize("lead", ["a b", "a b c w x y"])
def test_less_than_sixty_percent_on_either_side_is_missed(tmp_path, lead):
    verdict = run(tmp_path, [ring("r1", "a b c d e")], [], [lead])
    assert verdict.recall_at_k == 0
    assert verdict.rings[0].best_lead == "L1"


def test_associated_members_do_not_count(tmp_path):
    verdict = run(tmp_path, [ring("r1", "a b c d e")], [], ["a"], associated="b c d e")
    assert verdict.found == 0


def test_second_lead_on_a_found_ring_is_false_and_says_so(tmp_path):
    verdict = run(tmp_path, [ring("r1", "a b c"), ring("r2", "d e f")], [], ["a b c", "a b c"])
    assert verdict.found == 1
    assert verdict.precision_at_k == 0.5
    assert verdict.false_leads[0].cause == "duplicate of r1 T01"


def test_assignment_prefers_more_rings_to_closer_rings(tmp_path):
    # the first lead fits both rings; only if it takes the second one can both be found
    rings = [ring("r1", "a b c d e"), ring("r2", "c d e f g")]
    verdict = run(tmp_path, rings, [], ["a b c d e f g", "a b c d e"])
    assert verdict.found == 2


def test_leads_below_k_do_not_count_and_are_named(tmp_path):
    verdict = run(tmp_path, [ring("r1", "a b c")], [], ["x y z", "a b c"])
    assert verdict.found == 0
    assert verdict.precision_at_k == 0
    assert [f.cause for f in verdict.false_leads] == ["background", "rank of r1 T01"]
    assert [f.in_top for f in verdict.false_leads] == [True, False]


def test_causes_name_the_lookalike_and_the_partial_ring(tmp_path):
    verdict = run(
        tmp_path,
        [ring("r1", "a b c d e f"), ring("r2", "g h")],
        [alike("dialysis", "m n o"), alike("family", "m")],
        ["m n o p", "a b", "q"],
    )
    assert [f.cause for f in verdict.false_leads] == [
        "look-alike dialysis",
        "partial r1 T01 (33% of it)",
        "background",
    ]
    assert verdict.false_leads[0].share == pytest.approx(0.75)


def test_rings_without_patients_are_compared_by_their_houses(tmp_path):
    verdict = run(tmp_path, [ring("r1", "", institutions=["H1", "H2"])], [], ["H1 H2"], entity="institution")
    assert verdict.recall_at_k == 1


def _inside(name: str, staff: str, offices: str = "o1") -> dict[str, Any]:
    return ring(name, "", "T20", subject_type="staff", staff=staff.split(), offices=offices.split())


def test_insiders_are_found_in_sealed_leads_on_staff_and_counted_apart(tmp_path):
    rings = [ring("r1", "a b c"), _inside("r2", "s1 s2")]
    verdict = run(tmp_path, rings, [], ["x y z", "a b c"], sealed=("s1 s2",), sealed_entity="staff")
    assert [one.lead_id for one in verdict.rings] == [None, "S1"]  # the open ring has one place, taken by another
    assert verdict.k == 2
    assert verdict.precision_at_k == 0.5
    assert [one.cause for one in verdict.false_leads] == ["background", "rank of r1 T01"]


def test_one_of_two_insiders_is_not_the_pair(tmp_path):
    verdict = run(tmp_path, [_inside("r1", "s1 s2")], [], [], sealed=("s1",), sealed_entity="staff")
    assert verdict.found == 0


def test_a_lead_on_innocent_staff_is_false_and_names_the_lookalike(tmp_path):
    innocent = alike("sole_handler", "", staff=["s9"])
    verdict = run(tmp_path, [_inside("r1", "s1")], [innocent], [], sealed=("s1", "s9"), sealed_entity="staff")
    assert verdict.found == 1
    assert [one.cause for one in verdict.false_leads] == ["look-alike sole_handler"]


@pytest.mark.parametrize(("office", "false"), [("o1", 0), ("o2", 1)])
def test_a_lead_on_the_process_of_an_office_is_false_where_no_insider_works(tmp_path, office, false):
    verdict = run(tmp_path, [_inside("r1", "s1")], [], [], sealed=(office,), sealed_entity="office")
    assert len(verdict.false_leads) == false


def test_sealed_leads_are_leads(tmp_path):
    verdict = run(tmp_path, [ring("r1", "a b c"), ring("r2", "d e f")], [], ["a b c"], sealed=("d e f",))
    assert verdict.found == 2


def test_clean_town_has_no_shares_only_a_count(tmp_path):
    verdict = run(tmp_path, [], [], ["a b"])
    assert verdict.leads == 1
    assert verdict.recall_at_k is None
    assert verdict.precision_at_k is None
    assert "clean town: 1 leads" in summary(verdict)


def test_no_leads_at_all(tmp_path):
    verdict = run(tmp_path, [ring("r1", "a b c")], [], [])
    assert verdict.recall_at_k == 0
    assert verdict.precision_at_k is None


def test_evidence_rows_are_compared(tmp_path):
    verdict = run(
        tmp_path, [ring("r1", "a b c", rows=["1", "2", "3", "4"])], [], ["a b c"], evidence=("1", "2", "9")
    )
    assert verdict.evidence_precision == pytest.approx(2 / 3)
    assert verdict.evidence_recall == pytest.approx(0.5)


def test_typology_recall_and_summary(tmp_path):
    verdict = run(
        tmp_path, [ring("r1", "a b"), ring("r2", "c d", "T05"), ring("r3", "e f", "T05")], [], ["a b", "c d"]
    )
    assert verdict.typology_recall == {"T01": 1.0, "T05": 0.5}
    text = summary(verdict)
    assert "recall@k 67%" in text
    assert "missed r3 T05" in text
    assert json.loads(json.dumps(verdict.to_json()))["found"] == 2


def test_missing_and_broken_files_are_named(tmp_path):
    with pytest.raises(MissingTable, match=r"truth\.json"):
        evaluate(tmp_path, tmp_path)
    (tmp_path / "truth.json").write_text("{", encoding="utf-8")
    with pytest.raises(UnreadableFile, match=r"truth\.json"):
        evaluate(tmp_path, tmp_path)
    (tmp_path / "truth.json").write_text('{"rings": [], "lookalikes": []}', encoding="utf-8")
    with pytest.raises(MissingTable, match=r"leads\.csv"):
        evaluate(tmp_path, tmp_path)


def test_staff_are_counted_person_by_person(tmp_path):
    rings = [_inside("r1", "s1 s2"), _inside("r2", "s3")]
    named = run(tmp_path, rings, [], [], sealed=("s1 s9", "s3", "s1"), sealed_entity="staff").staff
    assert (named.planted, named.right, named.wrong) == (3, 2, 1)
    assert (named.recall, named.precision) == (2 / 3, 2 / 3)


def test_where_nobody_of_the_staff_is_named_there_is_no_precision(tmp_path):
    named = run(tmp_path, [ring("r1", "a b c")], [], ["a b c"]).staff
    assert (named.recall, named.precision) == (None, None)
