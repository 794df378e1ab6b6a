"""Numbers of people and companies: check digits, lost digits, and numbers that stand for somebody else."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from gangfinder.intake.casts import named
from gangfinder.intake.quality.probe import Check, Probe, finding
from gangfinder.intake.report import QualityFinding, Severity
from gangfinder.model.tables import TABLES, Kind

MAX_CHECKED = 200_000
"""Distinct numbers of a column that are checked one by one; of more, a fixed selection by hash."""
ROUNDED_SHARE = 0.5
"""One long number in a thousand ends in 000; most of them do only after a spreadsheet."""
CONSTANT_SHARE = 0.5
CONSTANT_ROWS = 20
"""An agent on more than this share of at least so many agent rows of an institution is a form's default."""

_MEANINGS = {
    "check_digit": (Severity.WARNING, "have a wrong check digit", "typing errors split a person in two"),
    "malformed": (Severity.WARNING, "are no identity numbers", "check the column for other documents"),
    "birth_date": (Severity.WARNING, "hold an impossible birth date", "check them at the source"),
    "old_form": (Severity.INFO, "have the old form of 15 digits", "map them to 18 digits if both occur"),
    "unknown_region": (Severity.INFO, "begin with an unlisted region", "nothing to do; not rejected"),
}  # fmt: skip


@lru_cache(maxsize=65_536)
def _region_known(prefix: str, year: str) -> bool:
    from stdnum.cn import ric
    from stdnum.exceptions import ValidationError

    try:
        ric.get_birth_place(f"{prefix}{year}0101")
    except ValidationError:
        return False
    return True


def judge_id_number(number: str) -> str:
    """Return what is wrong with a resident identity number, ``ok`` when nothing is.

    Notes
    -----
    Check digit, birth date and region by python-stdnum (ISO 7064 MOD 11-2, GB 11643).
    """
    from stdnum.cn import ric
    from stdnum.exceptions import ValidationError

    compact = ric.compact(number)
    if len(compact) == 15 and compact.isdigit() and compact.isascii():
        return "old_form"
    if len(compact) != 18 or not (compact[:17].isascii() and compact[:17].isdigit()):
        return "malformed"
    if compact[-1] != ric.calc_check_digit(compact):
        return "check_digit"
    try:
        ric.get_birth_date(compact)
    except ValidationError:
        return "birth_date"
    return "ok" if _region_known(compact[:6], compact[6:10]) else "unknown_region"


def judge_uscc(number: str) -> str:
    """Return what is wrong with a unified social credit code (GB 32100), ``ok`` when nothing is."""
    from stdnum.cn import uscc

    return "ok" if uscc.is_valid(number) else "malformed"


def _distinct(probe: Probe, table: str, column: str) -> list[str]:
    name = named(column)
    rows = probe.rows(
        f"SELECT DISTINCT {name} FROM main.{named(table)} WHERE {name} IS NOT NULL "
        f"ORDER BY hash({name}) LIMIT {MAX_CHECKED}"
    )
    return [row[0] for row in rows]


def id_numbers(probe: Probe) -> list[QualityFinding]:
    """Check every identity number column."""
    found = []
    for table, spec in TABLES.items():
        for column in (n for n in spec.names if n.endswith("id_number") and probe.has(table, n)):
            numbers = _distinct(probe, table, column)
            verdicts = Counter(map(judge_id_number, numbers))
            for verdict, (severity, what, action) in _MEANINGS.items():
                found += finding(
                    f"id_number_{verdict}", severity, f"{table}.{column}", (verdicts[verdict], len(numbers)),
                    f"{{n}} of {{of}} distinct numbers in {table}.{column} {what} ({{share}})", action,
                )  # fmt: skip
    return found


def credit_codes(probe: Probe) -> list[QualityFinding]:
    """Check the credit codes of institutions."""
    if not probe.has("institutions", "uscc"):
        return []
    codes = _distinct(probe, "institutions", "uscc")
    bad = sum(judge_uscc(code) != "ok" for code in codes)
    return finding(
        "uscc_invalid", Severity.WARNING, "institutions.uscc", (bad, len(codes)),
        "{n} of {of} unified social credit codes are not valid ({share})",
        "correct them at the source: owner links between institutions rest on them",
    )  # fmt: skip


def _with_long_numbers(probe: Probe, table: str, columns: tuple[str, ...]) -> list[str]:
    """Return the identifier columns that hold values of 16 characters and more."""
    ids = [c for c in columns if TABLES[table].column(c).kind is Kind.ID]
    longest = ", ".join(f"max(length({named(c)}))" for c in ids)
    lengths = probe.row(f"SELECT {longest} FROM main.{named(table)}") if ids else ()
    return [c for c, length in zip(ids, lengths, strict=True) if length >= 16]


def rounded_identifiers(probe: Probe) -> list[QualityFinding]:
    """Find identifier columns that passed through a spreadsheet's 15 significant digits."""
    found = []
    for table, report in sorted(probe.intake.tables.items()):
        columns = _with_long_numbers(probe, table, report.columns)
        long_number = "CASE WHEN length({c}) >= 16 THEN regexp_matches({c}, '^[0-9]+$') ELSE FALSE END"
        tests = ", ".join(
            f"count(*) FILTER (WHERE right({c}, 3) = '000' AND {long_number.format(c=c)}), "
            f"count(*) FILTER (WHERE {long_number.format(c=c)})"
            for c in map(named, columns)
        )
        counts = probe.row(f"SELECT {tests} FROM main.{named(table)}") if columns else ()
        for column, rounded, long in zip(columns, counts[::2], counts[1::2], strict=True):
            if long >= CONSTANT_ROWS and rounded > ROUNDED_SHARE * long:
                found += finding(
                    "id_rounded", Severity.ERROR, f"{table}.{column}", (rounded, long),
                    f"{{share}} of the long numbers in {table}.{column} end in 000: cut by a spreadsheet",
                    "export the column as text; until then different people share one number",
                )  # fmt: skip
    return found


def shared_id_numbers(probe: Probe) -> list[QualityFinding]:
    """Count identity numbers that stand on several patients."""
    if not probe.has("patients", "id_number"):
        return []
    shared, total = probe.row("""
        SELECT count(*) FILTER (WHERE n > 1), count(*)
        FROM (SELECT count(DISTINCT patient_id) AS n FROM main.patients
              WHERE id_number IS NOT NULL GROUP BY upper(id_number))""")
    return finding(
        "id_number_shared", Severity.INFO, "patients.id_number", (shared, total),
        "{n} identity numbers stand on more than one patient ({share})",
        "they are treated as one person each; check whether records were re-issued",
    )  # fmt: skip


_AGENT_TABLES = ("settlements", "filings", "reimbursements")


def constant_agents(probe: Probe) -> list[QualityFinding]:
    """Find institutions with one agent on most rows: a known bug writes the pharmacist's number there."""
    found = []
    for table in _AGENT_TABLES:
        if not probe.has(table, "agent_id_number", "institution_id"):
            continue
        n, of = probe.row(f"""
            WITH pairs AS (SELECT institution_id AS place, agent_id_number, count(*) AS n FROM main.{table}
                           WHERE agent_id_number IS NOT NULL AND institution_id IS NOT NULL GROUP BY ALL),
                 places AS (SELECT place, sum(n) AS n, max(n) AS top FROM pairs GROUP BY place)
            SELECT count(*) FILTER (WHERE top > {CONSTANT_SHARE} * n), count(*)
            FROM places WHERE n >= {CONSTANT_ROWS}""")
        found += finding(
            "agent_constant", Severity.WARNING, f"{table}.agent_id_number", (n, of),
            "{n} of {of} institutions name one and the same agent on most of their agent rows",
            "check whether their software writes its pharmacist or clerk there; then drop the column",
        )  # fmt: skip
    return found


CHECKS: tuple[Check, ...] = (
    id_numbers,
    credit_codes,
    rounded_identifiers,
    shared_id_numbers,
    constant_agents,
)
