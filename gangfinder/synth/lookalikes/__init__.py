"""Innocent groups that look like rings: at least so many of every kind in every town, clean or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gangfinder.synth.casting import Part, Scene
from gangfinder.synth.lookalikes.benefits import (
    assay_change,
    commercial_top_up,
    corrected_claims,
    enrolment_desk,
    lawful_layering,
    maternity_trade,
    outsourcing_firm,
    referral_centre,
    seasonal_farm,
    sole_specialist,
)
from gangfinder.synth.lookalikes.claims import (
    chain_pharmacy,
    clinic_off_line,
    collective_account,
    company_agent,
    company_dormitory,
    payroll_account,
    village_agent,
)
from gangfinder.synth.lookalikes.days import (
    campaign,
    checkup_day,
    outbreak,
    refill_day,
    shared_login,
    township_village,
    village_day,
)
from gangfinder.synth.lookalikes.drugs import (
    books_in_tablets,
    carried_stock,
    chain_transfer,
    copied_code,
    free_samples,
    resold_return,
    retried_upload,
    shelf_label,
    split_pack,
)
from gangfinder.synth.lookalikes.entitlements import (
    mass_recertification,
    record_migration,
    sole_expert,
    village_filer,
)
from gangfinder.synth.lookalikes.neighbours import (
    carer,
    elderly_neighbours,
    family,
    gate_pharmacy,
    neighbour_pair,
)
from gangfinder.synth.lookalikes.owners import (
    central_server,
    consortium,
    department_account,
    late_renewal,
    lung_readmissions,
    moved_house,
    multi_site_doctor,
    planned_infusions,
    private_chain,
    reading_centre,
    staged_rehabilitation,
    suspended_house,
)
from gangfinder.synth.lookalikes.prescriptions import (
    broken_line,
    flu_peak,
    online_follow_up,
    paper_entry,
    prescriber_account,
    rare_disease,
    repeat_prescriptions,
    saved_at_once,
)
from gangfinder.synth.lookalikes.remote import (
    assisted_ward,
    child_account,
    dialysis_month,
    flu_season,
    hospital_outsiders,
    hypertension_round,
    market_clinic,
    migrant_dormitory,
    public_health_round,
    season_elders,
    station_pharmacy,
    tourist_season,
)
from gangfinder.synth.lookalikes.treatment import (
    care_home,
    chemotherapy,
    dialysis,
    house_staff,
    psychiatric_stay,
    rehabilitation,
)

Play = Callable[[Scene, np.random.Generator, int], Part]

# the large groups are cast first, while whole villages and companies are still free
LOOKALIKES: Mapping[str, tuple[Play, int]] = {
    # kind: (how it is played, residents for one more instance than the least number)
    "township_village": (township_village, 40_000),
    "care_home": (care_home, 25_000),
    "checkup_day": (checkup_day, 15_000),
    "company_agent": (company_agent, 20_000),
    "payroll_account": (payroll_account, 30_000),
    "village_agent": (village_agent, 20_000),
    "collective_account": (collective_account, 30_000),
    "village_day": (village_day, 10_000),
    "refill_day": (refill_day, 10_000),
    "campaign": (campaign, 20_000),
    "outbreak": (outbreak, 20_000),
    "dialysis": (dialysis, 12_000),
    "chemotherapy": (chemotherapy, 12_000),
    "psychiatric_stay": (psychiatric_stay, 25_000),
    "rehabilitation": (rehabilitation, 12_000),
    "gate_pharmacy": (gate_pharmacy, 40_000),
    "village_filer": (village_filer, 40_000),
    "sole_expert": (sole_expert, 60_000),
    "mass_recertification": (mass_recertification, 40_000),
    "record_migration": (record_migration, 60_000),
    "repeat_prescriptions": (repeat_prescriptions, 30_000),
    "online_follow_up": (online_follow_up, 30_000),
    "rare_disease": (rare_disease, 60_000),
    "broken_line": (broken_line, 60_000),
    "flu_peak": (flu_peak, 30_000),
    "saved_at_once": (saved_at_once, 10**9),
    "paper_entry": (paper_entry, 60_000),
    "prescriber_account": (prescriber_account, 60_000),
    "migrant_dormitory": (migrant_dormitory, 40_000),
    "hypertension_round": (hypertension_round, 25_000),
    "dialysis_month": (dialysis_month, 20_000),
    "child_account": (child_account, 15_000),
    "assisted_ward": (assisted_ward, 40_000),
    "public_health_round": (public_health_round, 25_000),
    "flu_season": (flu_season, 25_000),
    "market_clinic": (market_clinic, 40_000),
    "station_pharmacy": (station_pharmacy, 40_000),
    "hospital_outsiders": (hospital_outsiders, 40_000),
    "tourist_season": (tourist_season, 40_000),
    "season_elders": (season_elders, 40_000),
    "shared_login": (shared_login, 10**9),
    "suspended_house": (suspended_house, 10**9),
    "moved_house": (moved_house, 10**9),
    "late_renewal": (late_renewal, 10**9),
    "private_chain": (private_chain, 10**9),
    "consortium": (consortium, 10**9),
    "central_server": (central_server, 10**9),
    "multi_site_doctor": (multi_site_doctor, 10**9),
    "reading_centre": (reading_centre, 10**9),
    "department_account": (department_account, 10**9),
    "staged_rehabilitation": (staged_rehabilitation, 20_000),
    "lung_readmissions": (lung_readmissions, 15_000),
    "planned_infusions": (planned_infusions, 20_000),
    "split_pack": (split_pack, 15_000),
    "resold_return": (resold_return, 20_000),
    "retried_upload": (retried_upload, 20_000),
    "shelf_label": (shelf_label, 20_000),
    "carried_stock": (carried_stock, 20_000),
    "books_in_tablets": (books_in_tablets, 20_000),
    "free_samples": (free_samples, 20_000),
    "chain_transfer": (chain_transfer, 20_000),
    "copied_code": (copied_code, 20_000),
    "elderly_neighbours": (elderly_neighbours, 2_500),
    "neighbour_pair": (neighbour_pair, 1_500),
    "carer": (carer, 1_500),
    "family": (family, 400),
    "lawful_layering": (lawful_layering, 30_000),
    "corrected_claims": (corrected_claims, 30_000),
    "commercial_top_up": (commercial_top_up, 30_000),
    "maternity_trade": (maternity_trade, 20_000),
    "outsourcing_firm": (outsourcing_firm, 60_000),
    "seasonal_farm": (seasonal_farm, 30_000),
    "enrolment_desk": (enrolment_desk, 30_000),
    "referral_centre": (referral_centre, 60_000),
    "assay_change": (assay_change, 60_000),
    "sole_specialist": (sole_specialist, 60_000),
    "company_dormitory": (company_dormitory, 40_000),
    "clinic_off_line": (clinic_off_line, 40_000),
    "chain_pharmacy": (chain_pharmacy, 40_000),
    "house_staff": (house_staff, 60_000),
}


def play(scene: Scene) -> list[Part]:
    """Play all look-alikes, each from its own stream."""
    settings, seats = scene.world.settings, scene.world.seats
    parts, bound = [], seats.bound.copy()
    for kind, (act, residents) in LOOKALIKES.items():
        wanted = max(settings.lookalikes, round(settings.lookalike_density * settings.patients / residents))
        count = settings.lookalikes if kind == "shared_login" else wanted
        for number in range(count):
            parts.append(act(scene, scene.world.streams.rng("alike", kind, number), number))
            seats.bound[:] = bound
    seats.in_alike[:] = seats.person_taken
    return [part for part in parts if len(part.people) or len(part.places)]


__all__ = ["LOOKALIKES", "play"]
