"""The canonical tables (DESIGN §4): the one place that says which tables and columns exist and what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """What a column holds; decides how its text is read and which physical type it has."""

    ID = "id"            # identifier: always a string, spaces trimmed, never a number
    CODE = "code"        # value of a code list: a string
    TEXT = "text"        # free text
    INSTANT = "instant"  # Asia/Shanghai without zone, microseconds; midnight when only a date is known
    DATE = "date"
    MONEY = "money"      # yuan, decimal(18,2)
    NUMBER = "number"    # double
    COUNT = "count"      # int64
    FLAG = "flag"        # boolean


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a canonical table.

    Parameters
    ----------
    name
        Canonical name, in lower case.
    kind
        What it holds.
    required
        Whether the table is unusable without it.
    """

    name: str
    kind: Kind
    required: bool = False


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One canonical table.

    Parameters
    ----------
    name
        Canonical name, in lower case.
    columns
        All columns, in output order.
    key
        The columns that identify a row. Empty: rows have no identity, and only identical rows are duplicates.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()

    @property
    def required(self) -> frozenset[str]:
        """Names of the columns without which the table is unusable."""
        return frozenset(c.name for c in self.columns if c.required)

    def column(self, name: str) -> Column:
        """Return the column of that name.

        Raises
        ------
        KeyError
            If the table has no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        """All column names, in output order."""
        return tuple(c.name for c in self.columns)


_MARKS: dict[str, Kind] = {
    "#": Kind.ID, "=": Kind.CODE, "~": Kind.TEXT, "@": Kind.INSTANT,
    "/": Kind.DATE, "$": Kind.MONEY, "%": Kind.NUMBER, "+": Kind.COUNT, "?": Kind.FLAG,
}


def _table(name: str, key: str, columns: str) -> TableSpec:
    """Read the compact notation below: one mark for the kind, the name, a trailing ``!`` when required."""
    parsed = tuple(
        Column(word[1:].rstrip("!"), _MARKS[word[0]], word.endswith("!")) for word in columns.split()
    )
    return TableSpec(name, parsed, tuple(key.split()))


# marks: # id  = code  ~ text  @ instant  / date  $ money  % number  + count  ? flag;  ! required
_ALL = (
    _table("settlements", "settlement_id", """
        #settlement_id! #patient_id! #institution_id! @settled_at! $fund_amount! @occurred_at $total_amount #card_id
        #doctor_id #terminal_id #operator_id #visit_id =visit_type @admitted_at @discharged_at =admission_way
        =discharge_way #bed_id ~department =diagnosis_code #prescription_id #invoice_no =credential_type
        #contact_phone #agent_id_number #agent_phone $pooled_amount $catastrophic_amount $assistance_amount
        $account_amount $cash_amount $mutual_aid_amount $account_balance $cap_amount =area_code ?reversed
        #reversed_settlement_id"""),
    _table("patients", "patient_id", """
        #patient_id! ~name #id_number =gender /birth_date /death_date #phone ~address #household_id ~employer
        =area_code =insured_type /enrolled_on"""),
    _table("cards", "card_id patient_id", "#card_id! #patient_id! =card_type /issued_on =status"),
    _table("institutions", "institution_id", """
        #institution_id! ~name =kind =level #uscc ~legal_rep_name #legal_rep_id_number #parent_id #phone ~address
        #bank_account +beds +dialysis_stations +catchment =area_code %longitude %latitude ?public
        /suspended_from /suspended_to"""),
    _table("contracts", "institution_id valid_from", """
        #institution_id! /valid_from! /valid_to =status #approved_by"""),
    _table("terminals", "terminal_id institution_id valid_from", """
        #terminal_id! #institution_id! ~mac ~ip /valid_from /valid_to"""),
    _table("doctors", "doctor_id institution_id active_from", """
        #doctor_id! ~name #id_number #phone ~address #institution_id ~department ?multi_site /active_from
        /active_to"""),
    _table("operators", "operator_id institution_id active_from", """
        #operator_id! #institution_id! ~name #id_number /active_from /active_to"""),
    _table("staff", "staff_id", "#staff_id! ~name #id_number #phone ~address #bank_account ~office =role"),
    _table("roster", "staff_id valid_from office role business_kind", """
        #staff_id! /valid_from! /valid_to ~office =role =business_kind"""),
    _table("actions", "", "#staff_id! =action! @acted_at! =target_type #target_id"),
    _table("items", "settlement_id line_no", """
        =item_code! #settlement_id #institution_id @sold_at +line_no ~item_name %quantity ~unit $amount
        %days_supplied #trace_code #lot_no /expires_on ?split_pack ?returned"""),
    _table("prescriptions", "prescription_id", """
        #prescription_id! #doctor_id! #patient_id! @issued_at! #institution_id #pharmacy_id #pharmacist_id @visited_at
        @checked_at =diagnosis_code ?first_visit ?online ?paper #renewal_of ?long_term ?dual_channel"""),
    _table("reimbursements", "reimbursement_id", """
        #reimbursement_id! #patient_id! $fund_amount! $total_amount =benefit_kind #invoice_no /invoice_on
        #institution_id ~institution_name @admitted_at @discharged_at #payee_account ~payee_name ~agent_name
        #agent_id_number #agent_phone @submitted_at @handled_at @reviewed_at @paid_at =decision #handler_id
        #reviewer_id"""),
    _table("filings", "filing_id", """
        #filing_id! #patient_id! =kind! @filed_at! =disease_code /valid_from /valid_to #doctor_id #institution_id
        #agent_id_number #agent_phone #handler_id @handled_at #reviewer_id @reviewed_at =decision"""),
    _table("enrolments", "", """
        #patient_id! /valid_from! /valid_to #employer_id ~employer_name $base_amount #handler_id #agent_id_number
        #agent_phone"""),
    _table("lab_reports", "report_id", """
        #report_id! #patient_id! =item_code! @reported_at! #laboratory_id #institution_id #doctor_id =result
        #report_digest"""),
    _table("stock", "institution_id item_code month", """
        #institution_id! =item_code! =month! ~unit %opening %purchased %sold %returned %transferred %closing
        #supplier_id"""),
    _table("ties", "", """
        =source_type! #source_id! =target_type! #target_id! =kind! %share /since"""),
    _table("signals", "", """
        =entity_type! #entity_id! =kind! /observed_on! =severity ~source ~note"""),
)

TABLES: Mapping[str, TableSpec] = MappingProxyType({spec.name: spec for spec in _ALL})
"""Every canonical table by name. ``TABLES["settlements"]`` alone is mandatory."""

MANDATORY = "settlements"

INPATIENT_VISIT_TYPES = frozenset(
    {"21", "22", "23", "24", "25", "26", "28", "52", "2105", "2101", "2102"}
)
"""``visit_type`` codes of the national code list that mean a stay (DOMAIN §1.5)."""
