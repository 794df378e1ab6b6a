"""How good is a list of leads: recall and precision against the truth of a synthetic town.

The rule (DESIGN §6): leads are matched one to one to rings; a ring is found when at least 60 % of its
patients are core members of one lead among the first k, k the number of planted rings, and at least 60 % of
that lead's core patients are the ring's. A second lead on a found ring is false. Rings without patients are
compared by their institutions and doctors. Rings of the fund's staff and leads on staff are counted apart, k being
the number of such rings. Not judged: amounts, grades, texts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gangfinder.evaluate.causes import Causes
from gangfinder.evaluate.reading import SHARE, Lead, Ring, read_leads, read_truth, ring_of, shares
from gangfinder.evaluate.verdict import Evaluation, FoundRing, Named


def evaluate(town_folder: str | Path, out_folder: str | Path) -> Evaluation:
    """Compare the leads of a run with the truth of a town.

    Parameters
    ----------
    town_folder
        A folder written by ``write_town``; only ``truth.json`` is read.
    out_folder
        The output of a run, or a run folder (DESIGN §5).

    Raises
    ------
    MissingTable
        If ``truth.json`` or ``leads.csv`` is absent.
    UnreadableFile
        If one of the files cannot be read.
    """
    truth = read_truth(Path(town_folder) / "truth.json")
    return judge(truth, read_leads(Path(out_folder)))


def judge(truth: Mapping[str, Any], leads: list[Lead]) -> Evaluation:
    """Compare leads, in their order, with the contents of ``truth.json``."""
    rings = [ring_of(entry) for entry in truth["rings"]]
    leads = [lead for lead in leads if not _of_process(rings, lead)]
    k = len(rings)
    first = _first(rings, leads)
    matched = _match(rings, first)
    by_ring = {ring: lead for lead, ring in matched.items()}
    verdicts = tuple(_verdict(ring, by_ring.get(ring.ring_id), leads) for ring in rings)
    found = [v for v in verdicts if v.lead_id is not None]
    causes = Causes(rings, truth["lookalikes"], set(by_ring))
    false = tuple(causes.explain(lead, lead in first) for lead in leads if lead.lead_id not in matched)
    evidence = _evidence(rings, leads, matched)
    return Evaluation(
        k=k,
        leads=len(leads),
        found=len(found),
        recall_at_k=len(found) / k if k else None,
        precision_at_k=len(found) / len(first) if first else None,
        typology_recall=_by_typology(verdicts),
        member_precision=_mean(v.member_precision for v in found),
        member_recall=_mean(v.member_recall for v in found),
        rings=verdicts,
        false_leads=false,
        evidence_precision=evidence[0],
        evidence_recall=evidence[1],
        staff=_named(rings, leads),
    )


def _of_process(rings: list[Ring], lead: Lead) -> bool:
    """Return whether a lead names an office of planted insiders and no person: it is neither found nor false."""
    return bool(lead.core) and any(lead.core <= ring.offices for ring in rings)


def _named(rings: list[Ring], leads: list[Lead]) -> Named:
    """Compare whom the leads name of the fund's staff with the planted insiders, wherever a lead stands."""
    planted = {s for ring in rings if ring.of_staff for s in ring.subjects}
    named = {s for lead in leads for s in lead.core if s[0] == "staff"}
    return Named(len(planted), len(named & planted), len(named - planted))


def _first(rings: list[Ring], leads: list[Lead]) -> list[Lead]:
    """Return the first leads of each list, as many as there are rings of its sort."""
    lists = [([lead for lead in leads if lead.of_staff == staff], staff) for staff in (False, True)]
    return [lead for own, staff in lists for lead in own[: sum(ring.of_staff == staff for ring in rings)]]


def _match(rings: list[Ring], leads: list[Lead]) -> dict[str, str]:
    """Return ring by lead: as many pairs as possible, and among those the closest."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    gain = np.zeros((len(leads), len(rings)))
    for row, lead in enumerate(leads):
        for column, ring in enumerate(rings):
            recall, precision = shares(ring, lead)
            if recall >= SHARE and precision >= SHARE:
                gain[row, column] = 10 + recall * precision
    rows, columns = linear_sum_assignment(-gain)
    return {
        leads[r].lead_id: rings[c].ring_id
        for r, c in zip(rows.tolist(), columns.tolist(), strict=True)
        if gain[r, c]
    }


def _verdict(ring: Ring, lead_id: str | None, leads: list[Lead]) -> FoundRing:
    best = max(leads, key=lambda x: (shares(ring, x)[0], -x.rank), default=None)
    share = shares(ring, best)[0] if best else 0.0
    name = best.lead_id if best and share else None
    lead = next((x for x in leads if x.lead_id == lead_id), None)
    if lead is None:
        return FoundRing(ring.ring_id, ring.typology, None, None, None, None, name, share)
    recall, precision = shares(ring, lead)
    return FoundRing(ring.ring_id, ring.typology, lead.lead_id, lead.rank, precision, recall, name, share)


def _by_typology(verdicts: Iterable[FoundRing]) -> dict[str, float]:
    hits: dict[str, list[bool]] = defaultdict(list)
    for verdict in verdicts:
        hits[verdict.typology].append(verdict.lead_id is not None)
    return {typology: sum(found) / len(found) for typology, found in sorted(hits.items())}


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _evidence(
    rings: list[Ring], leads: list[Lead], matched: Mapping[str, str]
) -> tuple[float | None, float | None]:
    """Return precision and recall of the rows cited for the found rings."""
    rows = {ring.ring_id: ring.evidence for ring in rings}
    pairs = [
        (
            frozenset(e for e in lead.evidence if e[0] in {t for t, _ in rows[matched[lead.lead_id]]}),
            rows[matched[lead.lead_id]],
        )
        for lead in leads
        if lead.lead_id in matched
    ]
    return (
        _mean(len(cited & own) / len(cited) if cited else None for cited, own in pairs),
        _mean(len(cited & own) / len(own) if own else None for cited, own in pairs),
    )
