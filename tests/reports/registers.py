"""Registers made up of random runs and decisions, written the way runs write them."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np

from gangfinder.leads.register.entries import CREATED, RUN, packed
from gangfinder.leads.register.history import append
from gangfinder.leads.register.opening import Register, open_register

CODES = ("T01", "T05", "T17", "T22", "T24")
START = date(2025, 3, 2)  # a Sunday


class Story:
    """Writes runs and decisions into a register."""

    def __init__(self, path: Path, seed: int) -> None:
        self.register: Register = open_register(path, create=True)
        self.rng = np.random.default_rng(seed)
        self.live: dict[str, dict] = {}
        self.gone: dict[str, dict] = {}
        self.n_runs = self.n_leads = 0
        with self.register.writing() as connection:
            append(connection, "gangfinder", CREATED, {"kind": "open", "key_check": "x"})

    def seq(self) -> int:
        with self.register.reading() as connection:
            return connection.exec_driver_sql("SELECT max(seq) FROM history").scalar_one()

    def decide(self, kind: str, lead: str, **given: object) -> int:
        run = f"run-{self.n_runs:03d}"
        with self.register.writing() as connection:
            return append(connection, "测试员", kind, {"lead_id": lead, "run_id": run, **given}).seq

    def new_lead(self) -> str:
        self.n_leads += 1
        lead = f"L-{self.n_leads:08d}"
        codes = self.rng.choice(CODES, int(self.rng.integers(1, 3)), replace=False)
        houses = [f"H{n:03d}" for n in self.rng.choice(9, int(self.rng.integers(0, 3)), replace=False)]
        self.live[lead] = {
            "typologies": " ".join(sorted(codes)), "n_core": int(self.rng.integers(5, 30)), "houses": houses,
            "amount": int(self.rng.integers(10_000, 90_000_000)), "status": "new", "dismissed": False,
            "headline": f"=疑似集中持卡结算|{lead} <b>，待核实",
        }
        return lead

    def run(self, window_to: date | None = None) -> None:
        """Record a run in which leads come, change, leave, merge and return."""
        rng, known = self.rng, self.seq()
        self.n_runs += 1
        run = f"run-{self.n_runs:03d}"
        relations, gone_rows = [], []
        for lead in list(self.live):
            self.live[lead]["status"] = str(rng.choice(["grown", "shrunk", "unchanged", "unchanged"]))
            draw = rng.random()
            if draw < 0.08 and len(self.live) > 3:
                gone_rows.append((lead, "vanished"))
            elif draw < 0.14 and len(self.live) > 3:
                gone_rows.append((lead, "merged"))
            if draw < 0.14 and len(self.live) > 3:
                self.gone[lead] = self.live.pop(lead)
        for lead, status in gone_rows:
            if status == "merged":
                del self.gone[lead]
                other = str(rng.choice(sorted(self.live)))
                relations.append({"run_id": run, "lead_id": lead, "kind": "merged_into", "other": other})
        for lead in list(self.gone):
            if rng.random() < 0.2 and (lead, "vanished") not in gone_rows:
                self.live[lead] = self.gone.pop(lead) | {"status": "reopened", "dismissed": False}
        new = [self.new_lead() for _ in range(int(rng.integers(0, 5)) + (self.n_runs == 1) * 8)]
        for own in self.live.values():
            if own["dismissed"]:
                own["status"] = "dismissed" if rng.random() < 0.7 else "reopened"
                own["dismissed"] = own["status"] == "dismissed"
            if own["status"] == "grown":
                own["n_core"] += 2
                own["amount"] += 1_234_567
        listed = [lead for lead, own in self.live.items() if own["status"] != "dismissed"]
        ranks = {lead: place + 1 for place, lead in enumerate(rng.permutation(listed).tolist())}
        sightings = [self._sighting(run, lead, own, ranks.get(lead)) for lead, own in sorted(self.live.items())]
        blank = dict.fromkeys(("n_core", "n_members", "n_evidence", "n_joined", "n_new_evidence", "n_gone_evidence"), 0)
        for lead, status in gone_rows:
            sightings.append({
                **dict.fromkeys(sightings[0]), **blank, "run_id": run, "lead_id": lead, "status": status, "n_left": 3,
                "typologies": "T01", "headline": "", "why": "", "previous_rank": 4,
            })
        members = [
            {"run_id": run, "lead_id": lead, "entity_type": kind, "entity_id": one, "role": kind,
             "membership": "core", "subject": 0}
            for lead, own in sorted(self.live.items())
            for kind, ids in (("institution", own["houses"]), ("patient", [f"P{lead}"])) for one in ids
        ]
        last = window_to or START + timedelta(days=7 * (self.n_runs - 1))
        runs = [{
            "run_id": run, "started_at": f"{last}T22:00:00+08:00", "input_digest": "i", "settings_digest": "s",
            "version": "0", "window_from": (last - timedelta(days=181)).isoformat(), "window_to": last.isoformat(),
            "n_leads": len(listed), "result_digest": "r", "known_seq": known,
        }]
        leads = [{"lead_id": lead, "first_run": run, "subject_type": "patient"} for lead in new]
        tables = {"runs": runs, "leads": leads, "sightings": sightings, "members": members, "relations": relations}
        with self.register.writing() as connection:
            append(connection, "gangfinder", RUN, {name: packed(rows) for name, rows in tables.items() if rows})

    def _sighting(self, run: str, lead: str, own: dict, rank: int | None) -> dict:
        return {
            "run_id": run, "lead_id": lead, "status": own["status"], "rank": rank, "previous_rank": None, "score": 1.0,
            "q_value": 0.001, "typologies": own["typologies"], "amount_low_fen": own["amount"] // 2,
            "amount_high_fen": own["amount"], "first_seen": "2025-01-01", "last_seen": "2025-03-01",
            "headline": own["headline"], "n_core": own["n_core"], "n_members": 3, "n_evidence": 40,
            "n_joined": 2 * (own["status"] == "grown"), "n_left": 0, "n_new_evidence": 5, "n_gone_evidence": 0,
            "why": "evidence" if own["status"] == "reopened" else "", "members_run": run,
        }

    def decisions(self) -> None:
        """Decide at random, revoke some of it."""
        rng, made = self.rng, []
        for lead, own in sorted(self.live.items()):
            kind = str(rng.choice(["", "", "", "dismiss", "confirm", "transfer", "assign", "note", "outcome"]))
            given: dict[str, object] = {"reason": "+测试理由|一"} if kind in {"dismiss", "note"} else {}
            if kind == "transfer":
                given["document"] = f"测移〔2025〕{int(rng.integers(1, 99))}号"
            if kind == "assign":
                given["assignee"] = str(rng.choice(["测试一科", "测试二科"]))
            if kind == "outcome":
                given["result"] = str(rng.choice(["verified", "verified", "unfounded", "open"]))
                given["amount_fen"] = int(rng.integers(0, 5_000_000)) if given["result"] == "verified" else None
            if kind:
                made.append((self.decide(kind, lead, **given), lead))
                own["dismissed"] = kind == "dismiss"
        for seq, lead in made:
            if rng.random() < 0.1:
                self.decide("revoke", lead, target_seq=seq, reason="误录")


def story(path: Path, seed: int, n_runs: int = 12) -> Register:
    """Return a register with some runs and what was decided between them; two runs are of the same week."""
    one = Story(path, seed)
    for number in range(n_runs):
        one.run(START + timedelta(days=7 * (number - (number >= 6))))
        one.decisions()
    return one.register
