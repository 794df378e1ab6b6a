"""T17: what claims hang on: accounts, agents and invoice books of several claimants, in the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ibis.expr.types as ir

HANDLES = ("payee_account", "agent_id_number", "agent_phone")
"""What hands in or collects: each value is a hub of claims."""

_VILLAGE_WORDS = ("村", "社区", "小区", "街道", "镇", "乡")
"""An address is cut behind the first of these that it contains, finest first."""

SERIES = "~"  # sorts after every id, so that a series never names a group that a hub can name


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T17.

    Parameters
    ----------
    people
        Fewest unrelated claimants of a group.
    hub_claims
        From so many claims on an account, agent or invoice series is a hub that can be tied to others.
    tie_share
        Two hubs are one when they share this share of the smaller one's claims; one common claim ties nobody.
    series_gap
        Invoices of different people at one house whose numbers differ by at most this are of one book.
    rounds
        Rounds in which hubs take over the smallest name of those they are tied to: more than the links of any
        real chain.
    surprise_log10_p
        An anomaly is reported when its tail, corrected for the run's tests, is at most this.
    stranger_share
        An account is foreign to its claimants when at least this share of a group's claims is paid to shared
        accounts.
    local_share
        Before any other hub is seen, at least this share of the people of an honest agent or common account is taken
        to be of one employer, school or village; the hubs of the run then say how many really are.
    least_outside_share
        Share of people of another place in an honest hub, at least, however few the run shows: registers lag behind.
    most_local_share
        A hub with more of its people from one place is local, whatever the tail: it is one of those that are compared
        with.
    known_share
        Least share of a hub's people whose employer or village is known, before it is called scattered.
    """

    people: int = 5
    hub_claims: int = 3
    tie_share: float = 0.25
    series_gap: int = 20
    rounds: int = 4
    surprise_log10_p: float = -3.0
    stranger_share: float = 0.3
    local_share: float = 0.8
    least_outside_share: float = 0.01
    most_local_share: float = 0.5
    known_share: float = 0.8


ORIGINS = ("m_work", "m_home", "m_enrolled")
"""Where a person belongs: employer or school of the register, village or street, employer who enrolled him."""


def origins_of(patients: ir.Table) -> ir.Table:
    """Return where people belong: patient_id, m_work (employer or school), m_home (village or street)."""
    import ibis

    cut = patients.address.substr(0, 10)
    for word in reversed(_VILLAGE_WORDS):
        at = patients.address.find(word)
        cut = ibis.ifelse(at > 0, patients.address.substr(0, at + len(word)), cut)
    placed = patients.select("patient_id", work=patients.employer.nullif(""), home=cut.nullif(""))
    return placed.group_by("patient_id").aggregate(m_work=placed.work.max(), m_home=placed.home.max())


def every_origin(patients: ir.Table, enrolments: ir.Table) -> ir.Table:
    """Return where people belong, with the employer who enrolled each last: patient_id and :data:`ORIGINS`."""
    spells = enrolments.filter(enrolments.employer_id.nullif("").notnull())
    last = spells.group_by("patient_id").aggregate(valid_from=spells.valid_from.max())
    own = spells.inner_join(last, ["patient_id", "valid_from"])
    own = own.group_by("patient_id").aggregate(m_enrolled=own.employer_id.max())
    return origins_of(patients).left_join(own, "patient_id").drop("patient_id_right")


def claims_of(given: ir.Table, params: Params) -> ir.Table:
    """Return claims with their invoice number and book, and what the nulls need to know of all claims."""
    import ibis

    house = ibis.coalesce(given.institution_id, given.institution_name)
    at = ibis.coalesce(
        given.submitted_at,
        given.handled_at,
        given.paid_at,
        given.invoice_on.cast("timestamp"),
        given.discharged_at,
    )
    digits = given.invoice_no.re_extract(r"([0-9]{1,15})$", 1)
    number = ibis.ifelse(digits == "", ibis.null().cast("int64"), digits.try_cast("int64"))
    c = given.select(
        "patient_id",
        "fund_amount",
        *HANDLES,
        claim="reimbursement_id",
        house=house,
        event_at=at,
        m_number=number,
    )
    order = ibis.window(group_by="house", order_by=["m_number", "claim"])
    before = c.m_number - c.m_number.lag().over(order)
    c = c.mutate(
        fresh=ibis.ifelse(ibis.coalesce(before <= params.series_gap, ibis.literal(value=False)), 0, 1)
    )
    through = ibis.window(group_by="house", order_by=["m_number", "claim"], preceding=None, following=0)
    c = c.mutate(book=c.fresh.sum().over(through))
    at_house = c.group_by("house").aggregate(
        m_house_claims=c.count(), m_house_first=c.m_number.min(), m_house_last=c.m_number.max()
    )
    paid = c.filter(c.payee_account.notnull())
    accounts = paid.group_by("payee_account").aggregate(m_account_people=paid.patient_id.nunique())
    c = c.left_join(at_house, "house").drop("house_right")
    c = c.left_join(accounts, "payee_account").drop("payee_account_right")
    shared = (c.m_account_people >= 2).cast("int64")
    run = c.aggregate(
        m_claims=c.count(),
        m_houses=c.house.nunique(),
        m_paid=c.payee_account.count(),
        m_paid_shared=shared.sum(),
    )
    c = c.mutate(**{f"m_{name}": c[name] for name in HANDLES})
    return c.cross_join(run)


def handles_of(claims: ir.Table, params: Params) -> ir.Table:
    """Return claim, handle: every account, agent and invoice book with enough claims of different people."""
    import ibis

    parts = [
        claims.filter(claims[c].notnull()).select("claim", "patient_id", handle=claims[c]) for c in HANDLES
    ]
    book = ibis.literal(SERIES).concat(claims.house, "|", claims.book.cast("string"))
    parts.append(
        claims.filter(claims.m_number.notnull() & claims.house.notnull()).select(
            "claim", "patient_id", handle=book
        )
    )
    held = parts[0]
    for part in parts[1:]:
        held = held.union(part, distinct=False)
    held = held.distinct()
    size = held.group_by("handle").aggregate(
        n_claims=held.claim.nunique(), n_people=held.patient_id.nunique()
    )
    size = size.filter((size.n_claims >= params.hub_claims) & (size.n_people >= 2))
    return held.inner_join(size, "handle").select("claim", "handle", "patient_id", "n_claims")


def ties_of(held: ir.Table, params: Params) -> ir.Table:
    """Return handle, handle_r: handles that are tied by common claims, each to itself too."""
    import ibis

    other = held.select(claim="claim", handle_r="handle", n_r="n_claims")
    met = held.inner_join(other, "claim")
    common = met.group_by("handle", "handle_r").aggregate(
        n_both=met.count(), n_claims=met.n_claims.max(), n_r=met.n_r.max()
    )
    least = ibis.least(common.n_claims, common.n_r)
    return common.filter(
        (common.handle == common.handle_r)
        | ((common.n_both >= 2) & (common.n_both >= params.tie_share * least))
    ).select("handle", "handle_r")


def names_of(held: ir.Table, tied: ir.Table, params: Params) -> ir.Table:
    """Return handle, name: handles tied by common claims bear one name, the smallest among them."""
    name = held.select("handle", name="handle").distinct()
    for _ in range(params.rounds):
        near = tied.inner_join(name.select(handle_r="handle", name="name"), "handle_r")
        name = near.group_by("handle").aggregate(name=near.name.min())
    return name


def local_hubs(owned: ir.Table, origins: ir.Table, params: Params) -> ir.Table:
    """Return one row on the run's agents and accounts that have claimants enough to be judged.

    Parameters
    ----------
    owned
        Handles of :func:`handles_of` without invoice books.
    origins
        Where people belong, of :func:`every_origin`.
    params
        Parameters.

    Returns
    -------
    ir.Table
        ``m_hubs``, how many they are; ``m_local_people``, the claimants of those most of whose people are of one place,
        and ``m_local_outside``, who of these are of another.
    """
    import ibis

    people = owned.select("handle", "patient_id").distinct()
    size = people.group_by("handle").aggregate(n=people.count())
    size = size.filter(size.n >= params.people)
    placed = people.semi_join(size, "handle").inner_join(origins, "patient_id")
    tops = []
    for column in ORIGINS:
        known = placed.filter(placed[column].notnull())
        same = known.group_by("handle", origin=known[column]).aggregate(n_same=known.count())
        tops.append(same.select("handle", "n_same"))
    both = tops[0].union(*tops[1:], distinct=False)
    both = both.group_by("handle").aggregate(n_top=both.n_same.max())
    full = size.left_join(both, "handle").drop("handle_right")
    full = full.mutate(n_top=ibis.coalesce(full.n_top, ibis.literal(0)))
    local = full.n_top > params.most_local_share * full.n
    return full.aggregate(
        m_hubs=full.count(), m_local_people=full.n.sum(where=local).fill_null(0),
        m_local_outside=(full.n - full.n_top).sum(where=local).fill_null(0),
    )
