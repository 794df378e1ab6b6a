"""Prescriptions that look written for the shop and are not, and true patients of costly drugs."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, recruit, villagers
from gangfinder.synth.catalogue import N_SPECIAL, PlaceKind
from gangfinder.synth.events import DAY, NONE, Events
from gangfinder.synth.observed import observed_hours
from gangfinder.synth.scripts import ELSEWHERE, FIRST, LONG, ONLINE, PAPER, PRESENT, stamping
from gangfinder.synth.special import doses, dual_channel
from gangfinder.synth.streams import Ints, spread


def _shop(scene: Scene, rng: np.random.Generator) -> int:
    """Return a pharmacy at which no ring is."""
    shops = scene.world.places.of_kind(PlaceKind.PHARMACY)
    free = shops[~scene.world.seats.place_taken[shops]]
    return int(rng.choice(free if len(free) else shops))


def _doctor(scene: Scene, rng: np.random.Generator, *kinds: PlaceKind) -> int:
    """Return a doctor of such a house."""
    places = scene.world.places
    house = int(rng.choice(places.of_kind(*kinds)))
    return int(places.doctor_first[house] + rng.integers(0, places.doctor_count[house]))


def _sales(
    scene: Scene, rng: np.random.Generator, who: Ints, place: Ints, days: Ints, **more: object
) -> Events:
    """Return sales at pharmacies, at the hours at which people come."""
    at = np.clip(days, scene.world.first_day, scene.world.first_day + scene.world.days - 1) * DAY
    return Events.of(
        patient=who, place=place, at=at + observed_hours(scene, rng, place), kind=scene.world.kind_at(place), **more
    )


def repeat_prescriptions(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one village doctor who renews for his chronically ill in seconds, and the only shop of the place."""
    world = scene.world
    doctor, shop = _doctor(scene, rng, PlaceKind.TOWNSHIP), _shop(scene, rng)
    folk = villagers(scene, rng, spread(rng, 15, 35), world.people.age >= 45)
    rounds = np.arange(0, world.days - 8, 30)
    days = world.first_day + rounds[:, None] + rng.integers(0, 8, (len(rounds), len(folk)))
    who = np.tile(folk, len(rounds))
    came = rng.random(len(who)) < 0.9
    who, days = who[came], days.ravel()[came]
    events = _sales(
        scene, rng, who, np.full(len(who), shop), days, basket=world.people.chronic_basket[who], rx=PRESENT | LONG,
        doctor=doctor,
    )
    return Part("repeat_prescriptions", folk, events, places=np.array([shop]), doctors=np.array([doctor]))


def flu_peak(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one doctor in the weeks of the flu: a minute and a half for each, many never seen before."""
    world = scene.world
    doctor = _doctor(scene, rng, PlaceKind.TOWNSHIP, PlaceKind.SMALL)
    shops = np.array([_shop(scene, rng) for _ in range(spread(rng, 1, 3))])
    people = rng.choice(np.flatnonzero(scene.alive), spread(rng, 50, 110), replace=False)
    days = world.first_day + rng.integers(0, min(25, world.days - 1), len(people))
    events = _sales(
        scene, rng, people, rng.choice(shops, len(people)), days, rx=PRESENT + FIRST, doctor=doctor,
        consult=rng.integers(61, 170, len(people)),
    )
    return Part("flu_peak", people, events, places=shops, doctors=np.array([doctor]))


def online_follow_up(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one doctor who sees his patients online after their first visit; one shop delivers the drugs.

    The platform takes some of them for new, though they have been at the hospital.
    """
    world = scene.world
    doctor, shop = _doctor(scene, rng, PlaceKind.SMALL, PlaceKind.LARGE), _shop(scene, rng)
    patients = recruit(scene, rng, spread(rng, 18, 40), scene.alive & (world.people.age >= 30))
    first = world.first_day + rng.integers(0, world.days // 3, len(patients))
    seen = world.visits(rng, patients, np.full(len(patients), world.places.doctor_place[doctor]), first, doctor=doctor)
    rounds = 1 + np.arange(max(world.days // 45, 1))
    days = (first[None, :] + 28 * rounds[:, None] + rng.integers(-3, 6, (len(rounds), len(patients)))).ravel()
    who = np.tile(patients, len(rounds))
    inside = days < world.first_day + world.days
    who, days = who[inside], days[inside]
    new = rng.random(len(who)) < 0.15
    sold = _sales(
        scene, rng, who, np.full(len(who), shop), days, doctor=doctor,
        rx=PRESENT + ONLINE + np.where(new, FIRST, LONG), basket=world.people.chronic_basket[who],
        consult=np.where(new, rng.integers(70, 300, len(who)), NONE),
    )
    return Part(
        "online_follow_up", patients, Events.joined([seen, sold]), places=np.array([shop]), doctors=np.array([doctor])
    )


def prescriber_account(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one department whose doctors, by day and by night, all prescribe under the account of one."""
    world = scene.world
    doctor = _doctor(scene, rng, PlaceKind.LARGE, PlaceKind.SMALL)
    shops = rng.choice(world.places.of_kind(PlaceKind.PHARMACY), 12, replace=False)
    patients = rng.choice(np.flatnonzero(scene.alive), spread(rng, 90, 160), replace=False)
    days = world.first_day + rng.integers(0, world.days, len(patients))
    events = _sales(scene, rng, patients, rng.choice(shops, len(patients)), days, rx=PRESENT, doctor=doctor)
    return Part("prescriber_account", patients, events, doctors=np.array([doctor]))


def saved_at_once(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Name one house whose software writes the hour of the visit when the prescription is saved."""
    houses = stamping(scene.world)[number : number + 1]
    return Part("saved_at_once", np.empty(0, dtype=np.int64), places=houses)


def paper_entry(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one shop that enters paper prescriptions after closing time, whoever wrote them."""
    world = scene.world
    shop = _shop(scene, rng)
    patients = rng.choice(np.flatnonzero(scene.alive), spread(rng, 60, 120), replace=False)
    doctors = np.array([_doctor(scene, rng, PlaceKind.TOWNSHIP, PlaceKind.SMALL) for _ in range(6)])
    days = world.first_day + rng.integers(0, world.days, len(patients))
    events = _sales(
        scene, rng, patients, np.full(len(patients), shop), days, rx=PRESENT | PAPER,
        doctor=doctors[np.minimum((rng.random(len(patients)) ** 2 * 6).astype(np.int64), 5)],
    )
    evening = events["at"] // DAY * DAY + 21 * 3600 + rng.integers(0, 3600, len(events))
    late = np.maximum(evening - events["at"], 300)
    return Part("paper_entry", patients, events.having(lead=-late), places=np.array([shop]))


def _dual(scene: Scene, number: int) -> int:
    """Return a dual-channel pharmacy that no ring uses."""
    shops = dual_channel(scene.world)
    reserved = [site for (kind, _), sites in scene.world.ring_sites.items() if kind == "T15" for site in sites]
    free = shops[~np.isin(shops, reserved)]
    return int(free[number % len(free)])


def rare_disease(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play the patients of one rare disease: one shop keeps their drug, and half of them need twice the label's dose.

    A third are treated at a university hospital of another province, whose doctors stand in no local register.
    """
    world = scene.world
    shop = _dual(scene, number)
    patients = recruit(scene, rng, spread(rng, 8, 18), scene.alive & (world.people.age >= 5))
    far = ELSEWHERE - number * 7 - rng.integers(0, 5, len(patients))
    events = doses(
        world, rng, patients, np.full(len(patients), shop), rng.integers(0, max(world.days // 4, 1), len(patients)),
        np.full(len(patients), number % N_SPECIAL), double=rng.random(len(patients)) < 0.5,
        doctor=np.where(rng.random(len(patients)) < 0.33, far, NONE),
        rx=PRESENT | LONG,
    )
    return Part("rare_disease", patients, events, places=np.array([shop]))


def broken_line(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one dual-channel pharmacy whose line to the prescription centre is down for some days."""
    world = scene.world
    shop = _dual(scene, number + 2)
    patients = recruit(scene, rng, spread(rng, 8, 16), scene.alive & (world.people.age >= 25))
    events = doses(
        world, rng, patients, np.full(len(patients), shop), np.zeros(len(patients), dtype=np.int64),
        rng.integers(N_SPECIAL, size=len(patients)),
    )
    begin = world.first_day + spread(rng, 20, max(world.days - 30, 21))
    down = (events["at"] // DAY >= begin) & (events["at"] // DAY < begin + 20)
    return Part("broken_line", patients, events.having(rx=np.where(down, 0, NONE)), places=np.array([shop]))
