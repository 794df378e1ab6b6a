"""Who is who from run to run: matching as a property, and the cases that an investigator would argue about."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from gangfinder.leads.register.matching import Registered, Trace, match

DAY = date(2025, 1, 1)


def trace(people: str, days: int = 3, kind: str = "patient", first: int = 0) -> Trace:
    """People as letters; each has a row on each of some days."""
    rows = {f"{p}{d}": DAY + timedelta(days=d) for p in people for d in range(first, first + days)}
    return Trace(kind, frozenset(people), rows, frozenset({"T01"}), {k: k[0] for k in rows})


def known(*people: str, live: bool = True) -> list[Registered]:
    return [Registered(f"L-{n}", n, live, trace(p)) for n, p in enumerate(people)]


traces = st.builds(
    trace, st.text("abcdefghijkl", min_size=1, max_size=6).map(lambda t: "".join(sorted(set(t)))),
    st.integers(0, 4), st.sampled_from(["patient", "doctor"]), st.integers(0, 5),
)
current_leads = st.lists(traces, max_size=7)
registers = st.lists(st.tuples(traces, st.booleans()), max_size=7).map(
    lambda own: [Registered(f"L-{n}", n, live, t) for n, (t, live) in enumerate(own)]
)


@given(current_leads, registers)
def test_every_lead_has_at_most_one_id_and_every_id_one_lead(current, old):
    found = match(current, old)
    ids = [*found.kept.values(), *found.merged, *found.vanished]
    assert len(ids) == len(set(ids))
    assert not set(found.kept) & set(found.split)
    assert {k.lead_id for k in old if k.live} <= set(ids)
    assert set(ids) <= {k.lead_id for k in old}
    dead = {k.lead_id for k in old if not k.live}
    assert not dead & {*found.merged, *found.vanished}


@given(current_leads, registers, st.randoms())
def test_the_order_of_leads_and_rows_changes_nothing(current, old, random):
    places = list(range(len(current)))
    random.shuffle(places)
    turned, reordered = [current[i] for i in places], list(old)
    random.shuffle(reordered)

    def told(leads, found):
        # alike leads cannot be told apart: they are compared by what they are
        as_seen = {i: (t.subject_type, t.core, tuple(sorted(t.evidence))) for i, t in enumerate(leads)}
        return (
            sorted((str(as_seen[i]), one) for i, one in found.kept.items()),
            sorted((one, str(as_seen[i])) for one, i in found.merged.items()),
            sorted((str(as_seen[i]), parts) for i, parts in found.split.items()), found.vanished,
        )

    assert told(current, match(current, old)) == told(turned, match(turned, reordered))


@given(current_leads)
def test_a_replay_keeps_every_id(current):
    """Leads of one run do not overlap so far that they would be one ring (rings.merge); alike ones are one here."""
    alone: list[Trace] = []
    for one in current:
        if not any(one.core & other.core and one.subject_type == other.subject_type for other in alone):
            alone.append(one)
    old = [Registered(f"L-{n}", n, True, t) for n, t in enumerate(alone)]
    found = match(alone, old)
    assert found.kept == {n: f"L-{n}" for n in range(len(alone))}
    assert not found.merged
    assert not found.split
    assert not found.vanished


@given(current_leads, registers, traces)
def test_a_stranger_changes_nothing(current, old, stranger):
    other = Trace("terminal", stranger.core, {f"x{k}": v for k, v in stranger.evidence.items()})
    before, after = match(current, old), match([*current, other], old)
    assert (before.kept, before.merged, before.split) == (after.kept, after.merged, after.split)
    assert before.vanished == after.vanished


@example([trace("a", 1), trace("a", 0)], known("a", live=False), 1)
@given(current_leads, registers, st.integers(0, 9))
def test_rows_that_left_the_window_say_nothing(current, old, days):
    first = DAY + timedelta(days=days)
    cut = [Trace(t.subject_type, t.core, {k: v for k, v in t.evidence.items() if v >= first}) for t in current]
    assert match(current, old, first) == match(cut, old, first)


@given(st.lists(current_leads, min_size=1, max_size=6))
def test_ids_are_never_used_again(weeks):
    """Many weeks of arbitrary leads: an id that was given once is given to leads that touch its last trace alone."""
    book: dict[str, Registered] = {}
    merged_ids: set[str] = set()
    for week in weeks:
        found = match(week, [k for k in book.values() if k.lead_id not in merged_ids])
        named = dict(found.kept)
        for i in range(len(week)):
            named.setdefault(i, f"L-{len(book) + len(named)}-{len(book)}-{i}")
        assert len(set(named.values())) == len(week)
        merged_ids |= set(found.merged)
        assert not merged_ids & set(named.values())
        for i, one in found.kept.items():
            old = book[one].trace
            assert week[i].core & old.core or set(week[i].evidence) & set(old.evidence)
        book = {n: Registered(k.lead_id, k.age, False, k.trace) for n, k in book.items()}
        for i, one in named.items():
            age = book[one].age if one in book else len(book)
            book[one] = Registered(one, age, True, week[i])


def test_a_core_that_lives_on_keeps_its_id():
    found = match([trace("abcdxy")], known("abcd"))
    assert found.kept == {0: "L-0"}


def test_two_rings_that_become_one_keep_the_id_of_the_larger():
    found = match([trace("abcdefg")], known("abc", "defg"))
    assert found.kept == {0: "L-1"}
    assert found.merged == {"L-0": 0}


def test_a_ring_that_falls_apart_leaves_its_id_to_the_larger_part():
    found = match([trace("ab"), trace("cdef")], known("abcdef"))
    assert found.kept == {1: "L-0"}
    assert found.split == {0: ("L-0",)}


def test_equal_halves_are_told_apart_by_evidence():
    found = match([trace("abc", 2), trace("def", 3)], known("abcdef"))
    assert found.kept == {1: "L-0"}
    assert found.split == {0: ("L-0",)}


def test_of_two_that_fit_equally_the_older_keeps_its_id():
    old = [Registered("L-9", 0, True, trace("ab", 0)), Registered("L-1", 1, True, trace("cd", 0))]
    found = match([trace("abcd", 0)], old)
    assert found.kept == {0: "L-9"}
    assert found.merged == {"L-1": 0}


def test_a_core_that_mostly_lives_on_outweighs_two_that_half_do():
    """L-0 lives on whole in the first lead; that giving it away would keep two ids is no reason."""
    found = match([trace("abcdefgh", 0), trace("ghij", 0)], known("abcdefgh", "gh"))
    assert found.kept == {0: "L-0", 1: "L-1"}
    rest = match([trace("abcdefghi", 0), trace("efghij", 0)], [*known("abcdefgh")])
    assert rest.kept == {0: "L-0"}
    assert rest.split == {1: ("L-0",)}


def test_a_live_lead_goes_before_one_that_vanished():
    old = [Registered("L-0", 0, False, trace("abcd")), Registered("L-1", 1, True, trace("abcde"))]
    found = match([trace("abcd")], old)
    assert found.kept == {0: "L-1"}
    assert not found.merged


def test_a_vanished_lead_that_comes_again_has_its_old_id():
    found = match([trace("abcd")], known("abcd", live=False))
    assert found.kept == {0: "L-0"}
    assert not found.vanished


def test_leads_about_other_kinds_of_subjects_are_others():
    found = match([trace("abcd", kind="doctor")], known("abcd"))
    assert not found.kept
    assert found.vanished == ("L-0",)


def test_a_small_core_is_recognised_by_its_evidence():
    """One of two doctors in the core is another one, but nearly all rows are the same."""
    rows = {f"r{n}": DAY for n in range(8)}
    old = [Registered("L-0", 0, True, Trace("doctor", frozenset("abc"), rows))]
    found = match([Trace("doctor", frozenset("axyz"), rows)], old)
    assert found.kept == {0: "L-0"}


def test_less_than_half_of_the_core_and_of_the_rows_is_another_lead():
    found = match([trace("abxyz")], known("abcde"))
    assert not found.kept
    assert found.vanished == ("L-0",)
