from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from gangfinder.errors import SettingsError
from gangfinder.intake import Intake, builtin_profiles, load_profile
from gangfinder.intake.discover import table_name
from gangfinder.intake.profile import known_names, match_columns
from gangfinder.model.tables import TABLES

from .inputs import settlement, write_csv

Read = Callable[..., Intake]


def national(number: int, **changes: str) -> dict[str, str]:
    row = {
        "SETL_ID": f"S{number}",
        "MDTRT_ID": f"M{number}",
        "PSN_NO": f"{number:020}",
        "FIXMEDINS_CODE": "H99010100001",
        "MED_TYPE": "11",
        "SETL_TIME": "20240305103000",
        "BEGNTIME": "2024-03-01 08:00:00",
        "ENDTIME": "2024-03-05 09:00:00",
        "FUND_PAY_SUMAMT": "12.50",
        "REFD_SETL_FLAG": "0",
        "VALI_FLAG": "1",
        "MDTRT_CERT_TYPE": "3",
        "CRTE_TIME": "x",
    }
    return {**row, **changes}


def test_the_national_platform_is_recognised_by_its_headers(
    read: Read, folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    write_csv(
        folder / "SETLCENT_DB.SETL_D.csv",
        [
            national(1),
            national(2, MED_TYPE="21"),
            national(3, VALI_FLAG="0", PSN_NO=""),
            national(4, FUND_PAY_SUMAMT="-12.50", REFD_SETL_FLAG="1"),
            national(5, REFD_SETL_FLAG="1"),
        ],
    )
    intake = read()
    report = intake.tables["settlements"]
    assert (report.profile, report.unknown) == ("national", ("CRTE_TIME",))
    assert (report.rows_read, report.rows_kept, report.rows_void, report.rows_rejected) == (5, 4, 1, 0)
    found = connection.execute(
        "SELECT settlement_id, occurred_at, admitted_at, reversed, credential_type "
        "FROM settlements ORDER BY 1"
    ).fetchall()
    begin = dt.datetime(2024, 3, 1, 8)
    assert found == [
        ("S1", begin, None, False, "03"),  # an outpatient visit is no stay
        ("S2", None, begin, False, "03"),  # and a stay's bill did not occur on admission
        ("S4", begin, None, None, "03"),  # the refund itself was not refunded
        ("S5", begin, None, True, "03"),
    ]


def test_mixed_spellings_and_cases(read: Read, folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
    write_csv(folder / "setl_d.csv", [national(1)])
    write_csv(folder / "fee_list_d.csv", [{"med_list_codg": "X", "DRUG_TRAC_CODE": "81000000000000000001"}])
    write_csv(
        folder / "psn_info_b.csv",
        [
            {"Psn_No": "1", "MOB": "", "TEL": "19900000001"},
            {"Psn_No": "2", "MOB": "19900000002", "TEL": "19900000001"},
        ],
    )
    write_csv(folder / "rtal_phac_b.csv", [{"rtal_phac_code": "P1", "prnt_rtal_phac_code": "P0"}])
    write_csv(folder / "medins_info_b.csv", [{"medins_code": "H1", "aprv_bed_cnt": "30"}])
    intake = read()
    assert connection.execute("SELECT trace_code FROM items").fetchall() == [("81000000000000000001",)]
    assert connection.execute("SELECT phone FROM patients ORDER BY 1").fetchall() == [
        ("19900000001",),
        ("19900000002",),
    ]
    found = connection.execute(
        "SELECT institution_id, kind, parent_id, beds FROM institutions ORDER BY 1"
    ).fetchall()
    assert found == [("H1", None, None, 30), ("P1", "pharmacy", "P0", None)]
    assert intake.tables["institutions"].files == ("medins_info_b.csv", "rtal_phac_b.csv")


def test_the_pharmacists_number_in_drug_sales_is_not_read(read: Read, folder: Path) -> None:
    write_csv(folder / "setl_d.csv", [national(1)])
    write_csv(folder / "selinfo_3505.csv", [{"med_list_codg": "X", "certno": "1", "trdn_flag": "0"}])
    assert read().tables["items"].unknown == ("certno",)


def test_canonical_names_win(read: Read, folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
    rows = [settlement(1, psn_no="other", medfee_sumamt="20")]
    write_csv(folder / "settlements.csv", rows)
    intake = read()
    assert intake.tables["settlements"].profile == "canonical+national"
    assert connection.execute("SELECT patient_id, total_amount FROM settlements").fetchall()[0][0] == "0001"
    assert next(w.count for w in intake.warnings if w.code == "profile_line_overruled") == 1


def test_any_other_export_by_a_profile(
    read: Read, folder: Path, tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    names = dict(zip(settlement(1), ("流水号", "个人编号", "机构", "日期", "基金"), strict=True))
    rows = [
        {names[k]: v for k, v in settlement(n, fund_amount=str(n)).items()}
        | {"sex": "男", "ok": "N" if n == 3 else "Y"}
        for n in range(5)
    ]
    write_csv(folder / "结算表.csv", rows, "gb18030")
    write_csv(folder / "人员.csv", [{"编号": "1", "sex": "男"}])
    profile = tmp_path / "county.toml"
    lines = [f'{canonical} = "{source}"' for canonical, source in names.items()]
    profile.write_text(
        "\n".join(
            [
                "[settlements]",
                'from = ["结算表"]',
                *lines,
                "[settlements.constants]",
                'area_code = "990101"',
                "[settlements.void]",
                'ok = ["N"]',
                "[patients]",
                'from = ["人员"]',
                'patient_id = "编号"',
                'gender = "sex"',
                "[patients.values.gender]",
                '"男" = "1"',
            ]
        ),
        encoding="utf-8",
    )
    intake = read(profile=profile)
    assert intake.tables["settlements"].profile == "county"
    assert (intake.tables["settlements"].rows_kept, intake.tables["settlements"].rows_void) == (4, 1)
    assert connection.execute("SELECT DISTINCT area_code FROM settlements").fetchall() == [("990101",)]
    assert connection.execute("SELECT * FROM patients").fetchall() == [("1", "1")]


def test_a_file_with_an_unknown_name_is_ignored_and_the_hint_says_how_to_name_it(
    read: Read, folder: Path
) -> None:
    from gangfinder.errors import MissingTable

    write_csv(folder / "settlement_export.csv", [settlement(1)])
    with pytest.raises(MissingTable, match="settlement_export.csv") as raised:
        read()
    assert "from = " in (raised.value.hint or "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[settlement]\npatient_id = 'x'", "nearest: settlements"),
        ("[settlements]\npatientid = 'x'", "nearest: patient_id"),
        ("settlements = 3", "must be a section"),
        ("[settlements.only_for]\nadmitted_at = 'night'", "inpatient"),
        ("[settlements", "no valid TOML"),
    ],
)
def test_a_wrong_profile_is_explained(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as raised:
        load_profile(path)
    assert message in " ".join([raised.value.message, *raised.value.details])


def test_a_profile_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be opened"):
        load_profile(tmp_path / "none.toml")
    (tmp_path / "gb.toml").write_bytes("[settlements]\npatient_id = '编号'".encode("gb18030"))
    with pytest.raises(SettingsError, match="not UTF-8"):
        load_profile(tmp_path / "gb.toml")


def test_the_built_in_profile_maps_every_required_column() -> None:
    for mapping in (m for p in builtin_profiles() for m in p.mappings):
        covered = set(mapping.columns) | set(mapping.constants)
        assert TABLES[mapping.table].required <= covered, mapping.names


@pytest.mark.parametrize(
    ("stem", "known"),
    [
        ("settlements", "settlements"),
        ("settlements-2024-01", "settlements"),
        ("settlements_part1", "settlements"),
        ("settlements_202401", "settlements"),
        ("settlements (2)", None),
        ("setl_d", "setl_d"),
        ("x_db.setl_d", "setl_d"),
        ("setl_d_3", "setl_d"),
        ("items_dictionary", None),
        ("settlement_rules", None),
        ("settlements.1", "settlements"),
    ],
)
def test_file_names(stem: str, known: str | None) -> None:
    assert table_name(stem, known_names(builtin_profiles())) == known


def test_the_best_of_two_mappings_is_chosen_by_the_header() -> None:
    match = match_columns(
        "institutions", "institutions", ["rtal_phac_code", "legrep_certno"], builtin_profiles()
    )
    assert match.mapping is not None
    assert match.mapping.constants == {"kind": "pharmacy"}
