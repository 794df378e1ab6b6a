"""Lives of leads from week to week, and decisions that act on the next run."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gangfinder.errors import RegisterBusy, RegisterError
from gangfinder.leads.register.book import opened
from gangfinder.leads.register.comparing import RegisterParams
from gangfinder.leads.register.opening import open_register
from gangfinder.leads.register.reading import detail, overview
from gangfinder.leads.register.state import read_state
from gangfinder.leads.register.veil import Open
from gangfinder.leads.register.verification import verify
from gangfinder.leads.tokens import Key
from gangfinder.settings import Settings

from ..made import KEY
from .weeks import START, Office, also, ring


@pytest.fixture
def office(tmp_path):
    return Office(tmp_path / "leads.db")


def state(office):
    register = open_register(office.path)
    with register.reading() as connection:
        return read_state(connection, 10**9)


def test_the_first_run_calls_everything_new_and_gives_the_ids_of_a_run_without_register(office):
    from gangfinder.leads import build_leads
    from gangfinder.leads.facts import EntityFacts

    from ..made import TEXTS

    rings = [ring("abcd"), ring("xyz")]
    week = office.run(*rings)
    assert week.told == {"abcd": "new", "xyz": "new"}
    alone = build_leads(rings, EntityFacts(), Settings(), KEY, TEXTS)
    assert [lead.lead_id for lead in alone] == list(week.ids.values())


def test_a_lead_grows_shrinks_and_rests(office):
    first = office.run(ring("abcd"))
    weeks = [office.run(ring("abcdef")), office.run(ring("abcdef")), office.run(ring("abcde")),
             office.run(ring("abcde", (0, 1, 2, 20))), office.run(ring("abcde", (0, 1, 20)))]
    assert [list(w.told.values()) for w in weeks] == [["grown"], ["unchanged"], ["shrunk"], ["grown"], ["shrunk"]]
    assert {i for w in weeks for i in w.ids.values()} == set(first.ids.values())
    change = weeks[0].lead("abcdef").change
    assert (change.joined, change.left, change.n_new_evidence) == (("Pe", "Pf"), (), 6)
    assert change.previous_amount == Decimal("120.00")
    assert change.previous_rank == 1
    assert weeks[4].lead("abcde").change.n_gone_evidence == 5


def test_who_is_gone_because_the_window_moved_is_no_shrinking(office):
    one = ring("abcd", (30, 31))
    old = ring("e", (1, 2)).ring.findings[0].evidence
    (finding,) = one.ring.findings
    both = replace(finding, core=(*finding.core, "Pe"), evidence=(*finding.evidence, *old))
    office.run(replace(one, ring=replace(one.ring, core=both.core, findings=(both,))))
    week = office.run(one, since=20)
    assert week.told == {"abcd": "unchanged"}
    assert week.lead("abcd").change.left == week.lead("abcd").change.aged == ("Pe",)
    assert week.lead("abcd").change.n_gone_evidence == 0


def test_a_member_whose_rows_are_all_too_old_is_named_as_aged(office):
    office.run(ring("abcdef", (2,)))
    week = office.run(ring("abcde", (30, 31)), since=20)
    change = week.lead("abcde").change
    assert week.told == {"abcde": "grown"}  # new rows; the one who left is no reason to call it shrunk
    assert change.left == change.aged == ("Pf",)


def test_two_become_one_and_it_falls_apart_again(office):
    first = office.run(ring("abc"), ring("defg"))
    one = office.run(ring("abcdefg"))
    assert one.ids["abcdefg"] == first.ids["defg"]
    assert one.told == {"abcdefg": "grown"}
    assert one.gone == {first.ids["abc"]: "merged"}
    assert one.lead("abcdefg").change.merged_from == (first.ids["abc"],)
    apart = office.run(ring("abc"), ring("defg"))
    assert apart.told == {"abc": "split", "defg": "shrunk"}
    assert apart.lead("abc").change.split_from == (first.ids["defg"],)
    # the content is that of a lead of old, which went into another one: the id is not given again
    assert apart.ids["abc"] not in first.ids.values()


def test_what_vanished_and_comes_again_is_reopened_under_its_id(office):
    first = office.run(ring("abcd"), ring("xyz"))
    gone = office.run(ring("xyz"))
    assert gone.gone == {first.ids["abcd"]: "vanished"}
    assert office.run(ring("xyz")).gone == {}
    again = office.run(ring("abcd"), ring("xyz"))
    assert again.told == {"abcd": "reopened", "xyz": "unchanged"}
    assert again.ids == first.ids
    assert again.lead("abcd").change.reopened_because == "vanished"
    assert office.run(ring("abcd"), ring("xyz")).told["abcd"] == "unchanged"


def test_a_dismissed_lead_stays_out_and_leaves_no_gap(office):
    first = office.run(ring("abcd"), ring("xyz"))
    office.dismiss(first.ids["abcd"])
    for _ in range(3):
        week = office.run(ring("abcd"), ring("xyz"))
        assert week.told == {"xyz": "unchanged"}
        assert [lead.rank for lead in week.compared.leads] == [1]
        assert week.gone == {}


@pytest.mark.parametrize(
    ("grown", "why"),
    [
        (ring("abcde", (0, 1, 2, 9)), "members"), (ring("abcdef"), "members"),
        (also(ring("abcd", (0, 1, 2, 9)), ring("abcd", code="T10")), "typology"),
        (ring("abcd", (0, 1, 2, 9)), "evidence"), (ring("abcd", (0, 1, 2, 5)), "evidence"),
    ],
)
def test_a_dismissed_lead_that_grows_comes_back_and_says_why(office, grown, why):
    first = office.run(ring("abcd"))
    office.dismiss(first.ids["abcd"])
    assert office.run(ring("abcd")).told == {}
    week = office.run(grown)
    (lead,) = week.compared.leads
    assert (lead.lead_id, lead.status, lead.change.reopened_because) == (first.ids["abcd"], "reopened", why)
    assert list(office.run(grown).told.values()) == ["unchanged"]  # the decision is used up
    office.dismiss(first.ids["abcd"])
    assert office.run(grown).told == {}
    assert office.run(ring("abcd")).told == {}  # less than was known is no growth


def test_the_least_number_of_new_rows_can_be_set(office):
    office.dismiss(office.run(ring("abcd", (0, 1))).ids["abcd"])
    params = RegisterParams(reopen_rows=5)
    assert office.run(ring("abcd", (0, 1, 8)), params=params).told == {}
    assert office.run(ring("abcd", (0, 1, 8, 9)), params=params).told == {"abcd": "reopened"}


def test_what_lay_just_below_a_threshold_when_a_lead_was_dismissed_does_not_bring_it_back(office):
    """One of many steps over a threshold with rows of old days; so does one old day; a typology without any row."""
    office.dismiss(office.run(ring("abcdefghij", (0, 1, 2))).ids["abcdefghij"])
    assert office.run(also(ring("abcdefghij"), ring("k", (3,)))).told == {}
    assert office.run(ring("abcdefghijk", (0, 1))).told == {}
    assert office.run(also(ring("abcdefghij"), ring("abcdefghij", code="T10"))).told == {}
    assert office.run(ring("abcdefghijkl", (0,))).told == {"abcdefghijkl": "reopened"}


def test_a_dismissal_expires_when_the_data_reach_its_day(office):
    first = office.run(ring("abcd"))
    office.dismiss(first.ids["abcd"], expires_on=START + timedelta(days=20))
    assert office.run(ring("abcd"), until=19).told == {}
    week = office.run(ring("abcd"), until=20)
    assert week.lead("abcd").change.reopened_because == "expired"


def test_a_dismissed_lead_that_vanished_is_still_dismissed(office):
    first = office.run(ring("abcd"))
    office.dismiss(first.ids["abcd"])
    assert office.run().gone == {}
    assert office.run(ring("abcd")).told == {}
    assert office.run(ring("abcdx", (0, 1, 2, 30))).told == {"abcdx": "reopened"}


def test_parts_of_a_dismissed_lead_do_not_come_back_under_another_id(office):
    first = office.run(ring("abcdefg"))
    office.dismiss(first.ids["abcdefg"])
    for _ in range(2):
        assert office.run(ring("abc"), ring("defg")).told == {}
    week = office.run(ring("abcx", (0, 1, 2, 30)), ring("defg"))
    assert week.told == {"abcx": "reopened"}
    made = [d for one in overview(open_register(office.path)) for d in detail(
        open_register(office.path), one["lead_id"])["decisions"]]
    assert [d["kind"] for d in made] == ["dismiss", "dismiss"]
    own, inherited = sorted(made, key=lambda d: d["seq"])
    assert (own["target_seq"], inherited["target_seq"], inherited["who"]) == (None, own["seq"], "gangfinder")


def test_parts_of_a_dismissed_lead_that_had_vanished_stay_out_too(office):
    first = office.run(ring("abcdefg"))
    office.dismiss(first.ids["abcdefg"])
    office.run()
    assert office.run(ring("abc"), ring("defg")).told == {}


def test_two_dismissed_leads_that_become_one_stay_out(office):
    first = office.run(ring("abc"), ring("defg"))
    for one in first.ids.values():
        office.dismiss(one)
    assert office.run(ring("abcdefg")).told == {}
    assert office.run(ring("abcdefg")).told == {}
    assert office.run(ring("abcdefgx", (0, 1, 2, 40))).told == {"abcdefgx": "reopened"}


def test_a_lead_that_nobody_dismissed_is_not_lost_in_a_dismissed_one(office):
    first = office.run(ring("abc"), ring("defg"))
    office.dismiss(first.ids["defg"])
    week = office.run(ring("abcdefg"))
    assert week.told == {"abcdefg": "reopened"}
    assert week.gone == {first.ids["abc"]: "merged"}


def test_a_revoked_dismissal_does_not_count(office):
    first = office.run(ring("abcd"))
    office.dismiss(first.ids["abcd"])
    assert office.run(ring("abcd")).told == {}
    office.decide(first.ids["abcd"], "revoke")
    assert office.run(ring("abcd")).told == {"abcd": "unchanged"}


def test_confirmed_leads_are_known_cases_until_somebody_says_otherwise(office):
    first = office.run(ring("abc"))
    assert not state(office).remembered.cases
    office.decide(first.ids["abc"], "confirm")
    assert {("patient", f"P{p}") for p in "abc"} <= state(office).remembered.cases
    office.decide(first.ids["abc"], "outcome", result="unfounded")
    assert not state(office).remembered.cases
    office.decide(first.ids["abc"], "transfer", document="2026-14")
    assert state(office).remembered.cases


def test_never_links_are_remembered(office):
    first = office.run(ring("abc"))
    one = first.ids["abc"]
    seq = office.decide(one, "never_link", entity="phone:0123456789abcdef")
    office.decide(one, "never_link", entity="terminal:TM1")
    office.decide(one, "never_link", entity="Pz", other="Pa")
    known = state(office).remembered
    assert known.values == {("phone", "phone:0123456789abcdef"), ("terminal", "TM1")}
    assert known.pairs == {("Pa", "Pz")}
    office.decide(one, "revoke", target=seq)
    assert state(office).remembered.values == {("terminal", "TM1")}


def test_a_run_that_was_recorded_and_never_shown_is_told_again_in_the_same_words(office):
    office.run(ring("abcd"))
    week = office.run(ring("abcdef"), ring("xyz"))
    n = verify(office.path).head
    again = office.run(ring("abcdef"), ring("xyz"), same=True)
    assert again.replayed
    assert again.compared.leads == week.compared.leads
    assert again.compared.departures == week.compared.departures
    assert verify(office.path).head == n


def test_a_decision_after_a_run_makes_it_a_run_of_its_own(office):
    week = office.run(ring("abcd"), ring("xyz"))
    office.dismiss(week.ids["abcd"])
    again = office.run(ring("abcd"), ring("xyz"), same=True)
    assert not again.replayed
    assert again.told == {"xyz": "unchanged"}


def test_a_run_that_stopped_before_it_was_recorded_has_not_been(office):
    week = office.run(ring("abcd"))
    office.run(ring("abcd"), ring("xyz"), killed=True)
    assert office.run(ring("abcd"), ring("xyz")).told == {"abcd": "unchanged", "xyz": "new"}
    assert week.head.seq + 1 == verify(office.path).head.seq


def test_data_that_end_earlier_are_refused(office):
    office.run(ring("abcd"), until=30)
    with pytest.raises(RegisterError, match="before those of the last run"):
        office.run(ring("abcd"), until=29)
    params = RegisterParams(allow_older=True)
    assert office.run(ring("abcd"), until=29, params=params).told == {"abcd": "unchanged"}


def test_more_leads_than_are_listed(office):
    first = office.run(ring("abc"), ring("def"), ring("xyz"), top=2)
    assert list(first.told) == ["abc", "def"]
    office.dismiss(first.ids["abc"])
    week = office.run(ring("abc"), ring("def"), ring("xyz"), top=2)
    assert week.told == {"def": "unchanged", "xyz": "new"}
    assert state(office).remembered.spare == 1


def test_another_key_is_refused(office):
    office.run(ring("abcd"))
    with pytest.raises(RegisterError, match="another key"), opened(office.path, Key(b"1" * 64), Open()):
        pass


def test_two_runs_at_once(office):
    office.run(ring("abcd"))
    with opened(office.path, KEY, Open()), pytest.raises(RegisterBusy, match="another run"):
        office.run(ring("abcd"))


def test_a_list_of_members_that_stays_is_written_once(office):
    for _ in range(4):
        office.run(ring("abcd"))
    with open_register(office.path).reading() as connection:
        count = {t: connection.exec_driver_sql(f"SELECT count(*) FROM {t}").scalar() for t in
                 ("sightings", "members", "evidence")}
    assert count["sightings"] == 4
    assert count["evidence"] == 12
    assert count["members"] == len(office.run(ring("abcd")).compared.leads[0].members)


parts = st.lists(st.sampled_from("....112233"), min_size=8, max_size=8)
"""For each of eight people: in which part of a dismissed lead he is seen, or nowhere."""


@settings(max_examples=25)
@given(st.lists(st.tuples(parts, st.sets(st.integers(0, 3), min_size=1)), min_size=1, max_size=5))
def test_nothing_of_a_dismissed_lead_comes_back_in_any_part_or_under_any_id(tmp_path_factory, weeks):
    office = Office(tmp_path_factory.mktemp("any") / "leads.db")
    whole = ring("abcdefgh", range(4))
    office.dismiss(office.run(whole).ids["abcdefgh"])
    for seen, days in weeks:
        people = ["".join(p for p, part in zip("abcdefgh", seen, strict=True) if part == n) for n in "123"]
        assert office.run(*(ring(own, sorted(days)) for own in people if own)).told == {}
    assert office.run(whole).told == {}
    assert "reopened" in office.run(ring("abcdefghx", (*range(4), 60))).told.values()
    verify(office.path)


letters = st.text("abcdefghij", min_size=2, max_size=6).map(lambda t: "".join(sorted(set(t))))
worlds = st.lists(st.tuples(letters, st.sets(st.integers(0, 6), min_size=1, max_size=3)), max_size=3)
deeds = st.sampled_from(["", "", "dismiss", "confirm", "revoke", "note"])


@settings(max_examples=25)
@given(st.lists(st.tuples(worlds, deeds, st.integers(0, 20)), min_size=1, max_size=6))
def test_whatever_happens_a_register_stays_sound(tmp_path_factory, weeks):
    """Arbitrary weeks and decisions: ids are unique and never reused, replays change nothing, the history verifies."""
    office = Office(tmp_path_factory.mktemp("any") / "leads.db")
    ever: dict[str, set[str]] = {}
    merged: set[str] = set()
    dismissed: set[str] = set()
    for world, deed, which in weeks:
        rings = [ring(people, sorted(days)) for people, days in world]
        told = office.run(*rings)
        leads = told.compared.leads
        assert len({lead.lead_id for lead in leads}) == len(leads)
        assert [lead.rank for lead in leads] == list(range(1, len(leads) + 1))
        assert not merged & {lead.lead_id for lead in leads}
        for lead in leads:
            if lead.lead_id in ever:
                assert ever[lead.lead_id] & set(lead.scored.ring.core)
            assert (lead.status == "new") == (lead.lead_id not in ever and not lead.change.split_from)
            if lead.lead_id in dismissed:
                assert lead.status == "reopened"
                dismissed.remove(lead.lead_id)
        merged |= {d.lead_id for d in told.compared.departures if d.status == "merged"}
        for one in told.compared.seen:
            ever.setdefault(one.lead.lead_id, set()).update(one.lead.scored.ring.core)
        again = office.run(*rings, same=True)
        assert again.replayed
        assert again.compared.leads == leads
        assert again.head == told.head
        alive = sorted(set(ever) - merged)
        if deed and alive:
            wanted = alive[which % len(alive)]
            try:
                office.decide(wanted, deed)
            except RegisterError:
                continue
            if deed == "dismiss":
                dismissed.add(wanted)
            elif deed in ("confirm", "revoke"):
                dismissed.discard(wanted)
    verify(office.path)
