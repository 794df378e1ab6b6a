"""Phones and addresses: placeholders and switchboards tie people together who have nothing in common."""

from __future__ import annotations

from gangfinder.intake.casts import named
from gangfinder.intake.quality.probe import Check, Probe, finding
from gangfinder.intake.report import QualityFinding, Severity
from gangfinder.model.tables import TABLES

SWITCHBOARD_PATIENTS = 30
"""Patients on one phone beyond any family or neighbourhood."""
COARSE_ADDRESS_PATIENTS = 200
"""Patients on one address beyond any house: a village or a street without a number."""
PHONES = ("phone", "contact_phone", "agent_phone")


def placeholder_sql(phone: str) -> str:
    """Return the test for a phone that nobody has: one digit repeated, 13800000000 and such, too short."""
    digits = f"regexp_replace({phone}, '[^0-9]', '', 'g')"
    return (
        f"(length({digits}) < 7 OR replace({digits}, left({digits}, 1), '') = '' "
        f"OR regexp_matches({digits}, '^1[3-9][0-9]?0{{8,}}$') "
        f"OR {digits} IN ('12345678901', '12345678910', '13812345678', '13912345678', '1234567'))"
    )


def phones(probe: Probe) -> list[QualityFinding]:
    """Find placeholder phones."""
    found = []
    for table, spec in TABLES.items():
        for column in (p for p in PHONES if p in spec.names and probe.has(table, p)):
            name = named(column)
            fake, filled = probe.row(
                f"SELECT sum(n) FILTER (WHERE {placeholder_sql('phone')}), sum(n) FROM "
                f"(SELECT {name} AS phone, count({name}) AS n FROM main.{named(table)} GROUP BY 1)"
            )
            found += finding(
                "phone_placeholder", Severity.WARNING, f"{table}.{column}", (fake, filled),
                f"{{n}} phones in {table}.{column} are placeholders ({{share}} of those given)",
                "nothing to do: they are never linked; collect real ones where possible",
            )  # fmt: skip
    return found


def switchboards(probe: Probe) -> list[QualityFinding]:
    """Find phones that stand on more patients than any family has."""
    found = []
    for table, column in (("patients", "phone"), ("settlements", "contact_phone")):
        if not probe.has(table, column):
            continue
        n, of = probe.row(f"""
            SELECT count(*) FILTER (WHERE n >= {SWITCHBOARD_PATIENTS} AND NOT {placeholder_sql(column)}),
                   count(*)
            FROM (SELECT {column}, count(*) AS n
                  FROM (SELECT DISTINCT {column}, patient_id FROM main.{table} WHERE {column} IS NOT NULL)
                  GROUP BY 1)""")
        found += finding(
            "phone_switchboard", Severity.WARNING, f"{table}.{column}", (n, of),
            f"{{n}} phones in {table}.{column} stand on {SWITCHBOARD_PATIENTS} or more patients each",
            "mostly switchboards and clerks; beyond the degree cap they are not linked pairwise",
        )  # fmt: skip
    return found


def own_phones(probe: Probe) -> list[QualityFinding]:
    """Find contact phones that belong to the institution."""
    if not (probe.has("settlements", "contact_phone") and probe.has("institutions", "phone")):
        return []
    n, of = probe.row("""
        SELECT count(*) FILTER (WHERE i.phone IS NOT NULL), count(s.contact_phone) FROM main.settlements s
        LEFT JOIN (SELECT DISTINCT institution_id, phone FROM main.institutions) i
          ON i.institution_id = s.institution_id AND i.phone = s.contact_phone
        WHERE s.contact_phone IS NOT NULL""")
    return finding(
        "contact_is_institution", Severity.INFO, "settlements.contact_phone", (n, of),
        "{n} contact phones are the institution's own ({share})",
        "nothing to do: a default of the admission form, not a tie between patients",
    )  # fmt: skip


def coarse_addresses(probe: Probe) -> list[QualityFinding]:
    """Find addresses that name a village and not a house."""
    if not probe.has("patients", "address"):
        return []
    n, of = probe.row(f"""
        SELECT sum(n) FILTER (WHERE n >= {COARSE_ADDRESS_PATIENTS}), sum(n)
        FROM (SELECT count(*) AS n FROM main.patients WHERE address IS NOT NULL GROUP BY address)""")
    return finding(
        "address_coarse", Severity.INFO, "patients.address", (n, of),
        f"{{n}} patients ({{share}}) have an address shared by {COARSE_ADDRESS_PATIENTS} or more: no house",
        "nothing to do: such addresses are not linked",
    )  # fmt: skip


def households(probe: Probe) -> list[QualityFinding]:
    """Say so when families cannot be told."""
    if not probe.has("patients") or probe.has("patients", "household_id") or probe.has("ties"):
        return []
    n = probe.intake.tables["patients"].rows_kept
    return finding(
        "household_unknown", Severity.WARNING, "patients.household_id", (n, n),
        "no household is known for any of {n} patients: families cannot be told from strangers",
        "supply household_id (resdbook_no) or the table ties; each person counts as a household of one",
    )  # fmt: skip


CHECKS: tuple[Check, ...] = (phones, switchboards, own_phones, coarse_addresses, households)
