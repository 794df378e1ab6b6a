"""What counts as a planted ring that was seen."""

from __future__ import annotations

from gangfinder.selftest.matching import matched, same
from gangfinder.selftest.report import CopyShare, SelfTest, SizeResult, StyleResult


def core(text: str, kind: str = "patient"):
    return frozenset((kind, c) for c in text)


def test_most_of_the_ring_in_a_lead_that_is_mostly_the_ring_is_found():
    rings = {"a": "abcde", "b": "fghij"}
    came = matched(rings, [core("abcxy"), core("fgxyz")], [])
    assert came.found == {"a"}
    assert came.false_by_ring == {"b": 1}
    assert came.other_false == 0


def test_a_second_lead_on_a_found_ring_is_false_and_the_closer_one_counts():
    came = matched({"a": "abcde"}, [core("abcx"), core("abcde")], [])
    assert came.found == {"a"}
    assert came.false_by_ring == {"a": 1}


def test_leads_that_were_there_before_are_not_false():
    before = [core("uvwxy"), core("h", "institution")]
    came = matched({"a": "abcde"}, [core("uvwxyz"), core("h", "institution"), core("klmno")], before)
    assert came.found == frozenset()
    assert came.false_by_ring == {}
    assert came.other_false == 1


def test_the_same_letters_of_another_kind_are_nobody():
    assert not same(core("abc"), core("abc", "doctor"))
    assert not same(frozenset(), frozenset())


def style(*found: int, planted: int = 2) -> StyleResult:
    sizes = tuple(SizeResult(size, planted, n) for size, n in zip((4, 6, 8), found, strict=True))
    return StyleResult("cards", "cards", "", (), sizes, 1)


def test_the_smallest_size_is_seen_with_all_larger_ones():
    assert style(0, 2, 2).smallest == 6
    assert style(2, 2, 2).smallest == 4
    assert style(2, 0, 2).smallest == 8
    assert style(2, 2, 1).smallest == 4, "one miss among many is no wall"
    assert style(1, 1, 1).smallest is None
    assert style(0, 0, 0, planted=0).smallest is None


def test_recall_and_precision():
    one = style(0, 2, 2)
    assert (one.recall, one.precision) == (4 / 6, 4 / 5)
    gone = StyleResult("star", "star", "needs a table")
    whole = SelfTest(100, (CopyShare(6, 10, 0.1),), 3, (one, gone), 1)
    assert (whole.recall, whole.precision) == (4 / 6, 4 / 6)
    assert whole.smallest == "The smallest ring that would be seen here: cards: 6 people."
    assert SelfTest(1, (), 0, (gone,), 0).precision is None
    assert "nothing could be tested" in SelfTest(1, (), 0, (gone,), 0).smallest
    assert whole.to_json()["styles"][1]["reason"] == "needs a table"
