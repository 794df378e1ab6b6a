"""Towns: the same twice, possible, dense in look-alikes, and planted as the settings say."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stdnum.cn import uscc
from stdnum.iso7064 import mod_11_2

from gangfinder.errors import SettingsError
from gangfinder.model.tables import INPATIENT_VISIT_TYPES, TABLES
from gangfinder.synth import TYPOLOGIES, Town, TownSettings, build_town, write_town
from gangfinder.synth.ledgers import LEDGERS
from gangfinder.synth.lookalikes import LOOKALIKES

SMALL = 6_000


def settlements(town: Town) -> pd.DataFrame:
    rows = town.tables["settlements"].to_pandas().drop_duplicates()
    return rows.set_index("settlement_id", drop=False).sort_index()


@pytest.fixture(scope="module")
def town() -> Town:
    return build_town(TownSettings(patients=SMALL, seed=5))


@pytest.fixture(scope="module")
def clean() -> Town:
    return build_town(TownSettings(patients=SMALL, seed=5, clean=True))


def test_same_settings_same_rows_and_another_seed_others(town):
    again = build_town(TownSettings(patients=SMALL, seed=5))
    assert all(again.tables[name].equals(table) for name, table in town.tables.items())
    assert again.truth == town.truth
    other = build_town(TownSettings(patients=SMALL, seed=6))
    assert not other.tables["settlements"].equals(town.tables["settlements"])


def test_planting_leaves_every_honest_row_as_it_was(town, clean):
    planted, honest = settlements(town), settlements(clean)
    both = honest.index.intersection(planted.index)
    # a ring's stay removes the few visits its recruit would have made meanwhile
    assert len(honest) - len(both) < 0.003 * len(honest)
    columns = [c for c in honest if c != "bed_id"]  # beds are given out in turn
    pd.testing.assert_frame_equal(honest.loc[both, columns], planted.loc[both, columns])
    added_to = {"settlements", "items", "prescriptions", "stock", "reimbursements", *(one.table for one in LEDGERS)}
    assert all(town.tables[name].equals(clean.tables[name]) for name in set(town.tables) - added_to)
    for name in sorted(added_to - {"settlements", "items", "prescriptions", "stock"}):
        before, after = (Counter(map(repr, t.tables[name].to_pylist())) for t in (clean, town))
        assert not before - after, name


@pytest.mark.parametrize(
    ("name", "keys"), [("items", ["settlement_id", "line_no"]), ("prescriptions", ["prescription_id"])]
)
def test_planting_leaves_what_comes_with_honest_visits_as_it_was(town, clean, name, keys):
    """These rows come with a visit; those of the few visits that a ring's stay removes go with them."""
    before, after = (t.tables[name].to_pandas().drop_duplicates().set_index(keys).sort_index() for t in (clean, town))
    both = before.index.intersection(after.index)
    assert len(before) - len(both) < 0.003 * len(before)
    pd.testing.assert_frame_equal(before.loc[both], after.loc[both])


def sold(town: Town) -> pd.Series:
    """Return which lines each house sold of each drug."""
    houses = settlements(town)["institution_id"].groupby(level=0).first()
    lines = town.tables["items"].to_pandas().drop_duplicates()
    house = lines["settlement_id"].map(houses).fillna(lines["institution_id"]).rename("institution_id")
    return lines["settlement_id"].groupby([house, lines["item_code"]]).agg(frozenset)


def books(town: Town, wanted: frozenset) -> Counter:
    stock = town.tables["stock"].to_pandas()
    own = [key in wanted for key in zip(stock["institution_id"], stock["item_code"], strict=True)]
    return Counter(map(repr, stock[own].to_numpy().tolist()))


def test_planting_leaves_the_stock_of_all_that_sells_as_before_as_it_was(town, clean):
    """A house buys what it sells, so its stock follows the sales that rings make there, and no others."""
    before, after = sold(clean), sold(town)
    same = frozenset(key for key in before.index.intersection(after.index) if before[key] == after[key])
    assert len(same) > 0.5 * len(before)
    old, new = (books(t, same) for t in (clean, town))
    assert old.total() == new.total() > 10_000
    # a house where rings buy may send a carton of something else away in another month
    assert (old - new).total() < 0.003 * old.total()
    quiet = {house for house, of in before.groupby(level=0) if of.equals(after[after.index.isin([house], level=0)])}
    untouched = frozenset(key for key in same if key[0] in quiet)
    assert books(clean, untouched) == books(town, untouched)


def _hardly_moved(whole: Town, fewer: Town) -> None:
    members = {(r.kind, i % 3): set(r.patients) for i, r in enumerate(whole.truth.rings)}
    for i, ring in enumerate(fewer.truth.rings):
        same = members[ring.kind, i % 3] & set(ring.patients)
        assert len(same) >= 0.6 * len(ring.patients), ring.kind


def test_leaving_out_many_typologies_hardly_moves_the_first_ones(town):
    _hardly_moved(town, build_town(TownSettings(patients=SMALL, seed=5, typologies=("T02", "T05", "T17"))))


def test_leaving_out_one_typology_hardly_moves_the_others():
    # in a town where not everybody is somebody's member or look-alike
    kept = tuple(code for code in TYPOLOGIES if code != "T06")
    whole, fewer = (build_town(TownSettings(patients=20_000, seed=5, typologies=own)) for own in (None, kept))
    _hardly_moved(whole, fewer)


def test_clean_towns_have_the_same_lookalikes_and_no_ring(town, clean):
    assert clean.truth.rings == ()

    def counts(t: Town) -> Counter[str]:
        return Counter(group.kind for group in t.truth.lookalikes)

    assert counts(clean) == counts(town)


@pytest.mark.parametrize("patients", [2_000, SMALL])
@pytest.mark.parametrize("clean", [False, True])
def test_at_least_three_of_every_lookalike(patients, clean):
    counts = build_town(TownSettings(patients=patients, seed=8, clean=clean)).truth.to_json()["lookalike_counts"]
    assert set(counts) == set(LOOKALIKES)
    assert min(counts.values()) >= 3


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("months", [3, 12])
def test_the_smallest_town_can_be_built_and_a_ring_nobody_is_in_is_no_ring(seed, months):
    tiny = build_town(TownSettings(patients=2_000, seed=seed, months=months, difficulty=seed))
    assert len(tiny.truth.rings) >= 0.75 * 3 * len(TYPOLOGIES)
    members = Counter(p for ring in tiny.truth.rings for p in ring.patients)
    assert max(members.values()) == 1
    houses = Counter(h for ring in tiny.truth.rings for h in ring.institutions)
    assert max(houses.values()) == 1
    assert all(len(ring.patients) >= 3 and ring.n_rows > 0 for ring in tiny.truth.rings)


def test_three_rings_of_every_typology_with_people_and_rows(town):
    kinds = Counter(ring.kind for ring in town.truth.rings)
    assert kinds == dict.fromkeys(TYPOLOGIES, 3)
    for ring in town.truth.rings:
        assert len(ring.patients) >= 3
        assert ring.settlements or ring.reimbursements
        assert ring.first_on <= ring.last_on
        assert float(ring.amount) > 0


def test_ring_sites_and_members_never_collide(town):
    members = [p for ring in town.truth.rings for p in ring.patients]
    assert len(members) == len(set(members))
    houses = [h for ring in town.truth.rings for h in ring.institutions]
    assert len(houses) == len(set(houses))


def test_truth_keys_are_rows_of_the_ring(town):
    rows = settlements(town)
    claims = town.tables["reimbursements"].to_pandas().set_index("reimbursement_id")
    for ring in town.truth.rings:
        own = rows.loc[list(ring.settlements)]
        assert set(own["patient_id"]) | set(claims.loc[list(ring.reimbursements), "patient_id"]) == set(
            ring.patients
        )
        total = own["fund_amount"].sum() + claims.loc[list(ring.reimbursements), "fund_amount"].sum()
        assert float(total) == pytest.approx(float(ring.amount), abs=0.02 * len(own) + 0.01)


def test_tables_follow_the_model(town):
    for name, table in town.tables.items():
        spec = TABLES[name]
        assert set(table.column_names) <= set(spec.names)
        assert spec.required <= set(table.column_names)
        for required in spec.required:
            assert table[required].null_count == 0
        if spec.key and name != "settlements":
            keys = [k for k in spec.key if k in table.column_names]
            frame = table.select(keys).to_pandas()
            assert not frame.dropna().duplicated().any(), name


def test_identity_numbers_are_impossible_valid_and_distinct(town):
    numbers = town.tables["patients"]["id_number"].drop_null().to_pylist()
    assert len(set(numbers)) == len(numbers)
    for number in numbers[:500]:
        assert number.startswith("99")
        assert mod_11_2.is_valid(number)
    for code in town.tables["institutions"]["uscc"].to_pylist():
        assert uscc.is_valid(code)


def test_names_and_phones_are_of_the_reserved_sort(town):
    patients = town.tables["patients"].to_pandas()
    assert patients["name"].str.startswith("测试").all()
    phones = patients["phone"].dropna()
    reserved = phones.str.match(r"1990\d{7}$")
    assert reserved.mean() > 0.95
    assert phones[~reserved].nunique() <= 4  # placeholders
    assert 0.005 < (~reserved).mean() < 0.04


def test_money_adds_up(town):
    rows = settlements(town)
    parts = ["pooled_amount", "catastrophic_amount", "assistance_amount"]
    money = (
        rows[[*parts, "fund_amount", "account_amount", "cash_amount", "total_amount"]].astype(float).fillna(0)
    )
    assert (money[parts].sum(axis=1) - money["fund_amount"]).abs().max() < 0.03
    paid = money[["fund_amount", "account_amount", "cash_amount"]].sum(axis=1)
    assert (paid - money["total_amount"]).abs().max() < 0.03


def test_refunds_name_what_they_refund(town):
    rows = settlements(town)
    refunds = rows[rows["reversed_settlement_id"].notna()]
    assert 0.002 < len(refunds) / len(rows) < 0.012
    first = rows.loc[refunds["reversed_settlement_id"]]
    assert (first["fund_amount"].to_numpy() == -refunds["fund_amount"].to_numpy()).all()
    assert first["reversed"].all()
    assert (refunds["settled_at"].to_numpy() > first["settled_at"].to_numpy()).all()


def _stays(town: Town) -> pd.DataFrame:
    rows = settlements(town)
    stays = rows[rows["visit_type"].isin(INPATIENT_VISIT_TYPES) & rows["discharged_at"].notna()]
    return stays.drop_duplicates("visit_id").sort_values(["patient_id", "admitted_at"])


def _overlapping(stays: pd.DataFrame) -> pd.DataFrame:
    before = stays.groupby("patient_id")["discharged_at"].shift()
    return stays[stays["admitted_at"] < before]


def test_honest_people_lie_in_one_bed_at_a_time(clean):
    assert len(_overlapping(_stays(clean))) <= max(2, SMALL / 5_000)


def test_honest_people_are_not_treated_elsewhere_while_in_hospital(clean):
    rows = settlements(clean)
    visits = rows[~rows["visit_type"].isin(INPATIENT_VISIT_TYPES) & rows["reversed_settlement_id"].isna()]
    visits = visits.dropna(subset="occurred_at")[["patient_id", "occurred_at"]]
    both = visits.merge(_stays(clean)[["patient_id", "admitted_at", "discharged_at"]], on="patient_id")
    inside = (both["occurred_at"] > both["admitted_at"]) & (both["occurred_at"] < both["discharged_at"])
    assert inside.sum() <= 3


def test_honest_people_are_not_at_two_counters_within_minutes(clean):
    rows = settlements(clean)
    rows = rows[~rows["visit_type"].isin(INPATIENT_VISIT_TYPES) & rows["reversed_settlement_id"].isna()]
    rows = rows.dropna(subset="occurred_at").sort_values(["patient_id", "occurred_at"])
    gap = rows.groupby("patient_id")["occurred_at"].diff().dt.total_seconds()
    moved = rows["institution_id"] != rows.groupby("patient_id")["institution_id"].shift()
    assert ((gap < 1_500) & moved).sum() <= 2


def test_the_dead_stay_dead_but_for_late_entries(clean):
    rows = settlements(clean)
    death = clean.tables["patients"].to_pandas().set_index("patient_id")["death_date"]
    days = (rows["occurred_at"].dt.normalize() - pd.to_datetime(rows["patient_id"].map(death))).dt.days
    late = days[(days >= 0) & rows["reversed_settlement_id"].isna()]
    assert len(late) <= 12
    assert late.max() <= 7


def test_beds_are_enough_for_honest_patients_and_none_is_shared(clean):
    stays = _stays(clean).sort_values(["institution_id", "bed_id", "admitted_at"])
    before = stays.groupby(["institution_id", "bed_id"])["discharged_at"].shift()
    assert (stays["admitted_at"] < before).sum() <= 3
    beds = clean.tables["institutions"].to_pandas().set_index("institution_id")["beds"]
    assert beds[stays["institution_id"].unique()].notna().all()
    assert (stays["bed_id"].astype(int).to_numpy() <= beds[stays["institution_id"]].to_numpy()).all()


@pytest.mark.parametrize(("difficulty", "share"), [(0, 1.0), (1, 0.8), (2, 0.6), (3, 0.4)])
def test_participation_is_what_the_difficulty_says(difficulty, share):
    hidden = build_town(TownSettings(patients=SMALL, seed=9, difficulty=difficulty, typologies=("T01",)))
    rows = settlements(hidden)
    for ring in hidden.truth.rings:
        own = rows.loc[list(ring.settlements)]
        own = own[own["reversed_settlement_id"].isna()]
        day = pd.to_datetime(own["occurred_at"].fillna(own["settled_at"])).dt.normalize()
        sessions = day.value_counts()
        sessions = len(sessions[sessions > 0.15 * len(ring.patients)]) if difficulty == 3 else len(sessions)
        found = len(own) / (len(ring.patients) * sessions)
        # jitter of a day spreads sessions over their neighbours
        assert found == pytest.approx(share, abs=0.09) if difficulty < 3 else found < 0.6


def test_camouflage_is_added_to_ordinary_life():
    plain, covered = (
        build_town(TownSettings(patients=SMALL, seed=9, difficulty=d, typologies=("T05",))) for d in (0, 2)
    )

    def ordinary_rows(t: Town) -> float:
        rows = settlements(t)
        ring = {p for r in t.truth.rings for p in r.patients}
        keys = {k for r in t.truth.rings for k in r.settlements}
        own = rows[rows["patient_id"].isin(ring)]
        return (~own["settlement_id"].isin(keys)).sum() / max(own["settlement_id"].isin(keys).sum(), 1)

    assert ordinary_rows(covered) > ordinary_rows(plain) + 2.4


def test_only_required_columns_and_dates():
    thin = build_town(TownSettings(patients=SMALL, seed=3, only_required=True, dates_only=True))
    assert set(thin.tables) == {"settlements"}
    table = thin.tables["settlements"]
    assert set(table.column_names) == TABLES["settlements"].required
    instants = table["settled_at"].to_numpy()
    assert (instants == instants.astype("datetime64[D]")).all()
    assert Counter(r.kind for r in thin.truth.rings) == {"T01": 3, "T05": 3, "lockstep": 3}


def test_ring_rows_cannot_be_told_from_their_position(town):
    table = town.tables["settlements"]
    planted = {k for r in town.truth.rings for k in r.settlements}
    at = np.flatnonzero(np.isin(table["settlement_id"].to_numpy(zero_copy_only=False), list(planted)))
    assert abs(at.mean() / table.num_rows - 0.5) < 0.02


def test_files_in_every_format(tmp_path, town):
    write_town(town, tmp_path / "parquet")
    back = pq.read_table(tmp_path / "parquet" / "settlements.parquet")
    assert back.equals(town.tables["settlements"])
    truth = json.loads((tmp_path / "parquet" / "truth.json").read_text(encoding="utf-8"))
    assert len(truth["rings"]) == 3 * len(TYPOLOGIES)
    assert truth["settings"]["seed"] == 5
    assert (tmp_path / "parquet" / "truth.json").stat().st_mode & 0o777 == 0o600


def test_csv_in_gb18030_and_xlsx(tmp_path):
    tiny = TownSettings(patients=2_000, seed=2, rings_per_typology=1, lookalikes_per_kind=1, months=3)
    for form, encoding in (("csv", "gb18030"), ("xlsx", "utf-8")):
        settings = TownSettings(**{**_plain(tiny), "file_format": form, "encoding": encoding})
        made = build_town(settings)
        folder = write_town(made, tmp_path / form)
        assert {p.name for p in folder.iterdir()} == {f"{t}.{form}" for t in made.tables} | {"truth.json"}
    text = (tmp_path / "csv" / "patients.csv").read_text(encoding="gb18030")
    assert "测试" in text
    first = pd.read_csv(tmp_path / "csv" / "settlements.csv", dtype=str, encoding="gb18030")
    assert len(first) == made.tables["settlements"].num_rows
    book = pd.read_excel(tmp_path / "xlsx" / "staff.xlsx", dtype=str, engine="openpyxl")
    assert list(book.columns) == made.tables["staff"].column_names


def _plain(settings: TownSettings) -> dict[str, object]:
    return {name: getattr(settings, name) for name in TownSettings.__dataclass_fields__}


@pytest.mark.parametrize(
    "wrong",
    [
        {"patients": 10},
        {"difficulty": 4},
        {"typologies": ("T99",)},
        {"file_format": "doc"},
        {"encoding": "ebcdic"},
        {"months": 1},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(SettingsError) as refused:
        TownSettings(**wrong)
    assert refused.value.hint


def test_dates_lie_in_the_period(town):
    rows = settlements(town)
    start, end = pd.Timestamp(date(2025, 1, 1)), pd.Timestamp(date(2026, 1, 20))
    assert rows["settled_at"].between(start, end).all()
    assert pa.types.is_decimal(town.tables["settlements"].schema.field("fund_amount").type)
