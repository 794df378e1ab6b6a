"""The stage on which ordinary life, look-alikes and rings are played."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gangfinder.synth.bureau import Bureau, make_bureau
from gangfinder.synth.catalogue import HOUR_PROFILE, SUNDAY_FACTOR, Catalogue, Kind, PlaceKind, make_catalogue
from gangfinder.synth.events import DAY, Events, clock
from gangfinder.synth.people import People, make_people
from gangfinder.synth.places import Places, make_places
from gangfinder.synth.settings import TownSettings
from gangfinder.synth.shelves import Shelves
from gangfinder.synth.sites import site_needs
from gangfinder.synth.standing import OUTSIDERS, Standing, make_standing
from gangfinder.synth.streams import Flags, Floats, Ints, Streams


@dataclass(slots=True)
class Seats:
    """Who and where is still free, so that no two groups share a person and no two rings share a site.

    Parameters
    ----------
    person_taken, place_taken
        Marks set as groups are cast. Those who live elsewhere are nobody's neighbours and are taken from the start.
    guest_taken
        The same for those who live elsewhere.
    bound
        Who cannot be cast even in a town that runs out of people: members of rings and of the part being cast, and
        doctors. Others of look-alikes can; innocent groups do overlap.
    in_alike
        Who was cast before any ring was: the same whichever rings are planted.
    """

    person_taken: Flags
    place_taken: Flags
    guest_taken: Flags
    bound: Flags
    in_alike: Flags

    def claim_people(self, who: Ints) -> Ints:
        """Mark people as cast and return them."""
        self.person_taken[who] = True
        self.bound[who] = True
        return who

    def claim_places(self, where: Ints) -> Ints:
        """Mark places as used and return them."""
        self.place_taken[where] = True
        return where


@dataclass(slots=True)
class Marks:
    """Facts about residents that look-alikes bring with them; -1 where the ordinary rule holds.

    Parameters
    ----------
    home
        Number of the care home a person lives in.
    plain_address
        True where the register holds the village's name and no house number.
    shelves
        What houses do with boxes.
    chain
        Owner that a house has in common with others, -1 for none.
    lodges
        Person at whose door somebody is registered, -1 for his own.
    sick
        When doctors lie in hospital themselves: doctor, first and last second.
    """

    home: Ints
    plain_address: Flags
    shelves: Shelves
    chain: Ints
    lodges: Ints
    sick: tuple[Ints, Ints, Ints] = field(default_factory=lambda: (np.empty(0, np.int64),) * 3)


@dataclass(frozen=True, slots=True)
class World:
    """Everything the parts of a town share.

    Parameters
    ----------
    settings, streams, people, places, catalogue
        The stage.
    ring_sites
        Sites set aside for each ring, by (typology, number); the same whether or not rings are planted.
    seats
        Who and where is still free.
    marks
        Facts that look-alikes bring with them.
    standing
        Owners, contracts that rest, and where doctors are at work.
    bureau
        The fund's offices, in a town that shows them.
    """

    settings: TownSettings
    streams: Streams
    people: People
    places: Places
    catalogue: Catalogue
    ring_sites: dict[tuple[str, int], Ints]
    seats: Seats
    marks: Marks
    standing: Standing
    bureau: Bureau | None = None

    @property
    def first_day(self) -> int:
        """First observed day, in days since 1970."""
        return int(np.datetime64(self.settings.start, "D").astype(np.int64))

    @property
    def days(self) -> int:
        """Number of observed days."""
        months = np.datetime64(self.settings.start, "M") + self.settings.months
        return int(months.astype("datetime64[D]").astype(np.int64)) - self.first_day

    def living(self, margin_days: int = 0) -> Flags:
        """Return who lives through the whole period and so many days more."""
        return self.people.death_day > self.first_day + self.days + margin_days

    def for_hire(self) -> Flags:
        """Return the residents who may take up work: they have none, also not with the fund."""
        free = ~self.people.guest & (self.people.employer < 0)
        if self.bureau is not None:
            free[self.bureau.person[self.bureau.person < self.people.count]] = False
        return free

    def open_days(self, pharmacy: bool = True) -> Ints:
        """Return the observed days with the repetitions that give Sundays their lower traffic."""
        days = np.arange(self.first_day, self.first_day + self.days)
        sunday = (days + 3) % 7 == 6
        keep = days if pharmacy else np.concatenate([np.repeat(days[~sunday], 4), np.repeat(days[sunday], 3)])
        return np.sort(keep)

    def moments(self, rng: np.random.Generator, days: Ints, places: Ints) -> Ints:
        """Return instants on the given days at the hours the places are busy."""
        return days * DAY + clock(rng, HOUR_PROFILE, self.places.kind[places])

    def kind_at(self, places: Ints) -> Ints:
        """Return the kind of event that a visit to each place is."""
        return np.where(self.places.kind[places] == PlaceKind.PHARMACY, int(Kind.PHARMACY), int(Kind.OUTPATIENT))

    def visits(self, rng: np.random.Generator, patients: Ints, places: Ints, days: Ints, **more: object) -> Events:
        """Return ordinary visits of the patients to the places on the days."""
        given = {"at": self.moments(rng, days, places), "kind": self.kind_at(places), **more}
        return Events.of(patient=patients, place=places, **given)

    def near(self, village: int, candidates: Ints, count: int) -> Ints:
        """Return the nearest of the candidate places to a village."""
        gap = np.hypot(
            self.places.x[candidates] - self.people.village_x[village],
            self.places.y[candidates] - self.people.village_y[village],
        )
        return candidates[np.argsort(gap, kind="stable")[:count]]


def sunday_weights(days: Ints) -> Floats:
    """Return the weight of each day outside pharmacies."""
    return np.where((days + 3) % 7 == 6, SUNDAY_FACTOR, 1.0)


def _reserve(settings: TownSettings, streams: Streams, places: Places, seats: Seats) -> dict[tuple[str, int], Ints]:
    """Set sites aside for every ring that could be planted; disjoint, and independent of what is planted."""
    rng = streams.rng("sites")
    chosen: dict[tuple[str, int], Ints] = {}
    for typology, (count, kinds) in site_needs(settings).items():
        for number in range(max(3, settings.rings_of(typology))):
            free = places.of_kind(*kinds)
            free = free[~seats.place_taken[free] & ~places.shared_login[free]]
            if typology in {"T06", "T08"}:  # recruits need beds, ghosts need a house that has few
                fit = free[(places.beds[free] > 40) == (typology == "T06")]
                free = fit if len(fit) >= count else free
            if typology in {"T01", "T10"} or rng.random() < 0.3:  # the second site is of the first one's kind
                kind = places.kind[rng.choice(free)]
                same = free[places.kind[free] == kind]
                free = same if len(same) >= count else free
            chosen[typology, number] = seats.claim_places(rng.choice(free, count, replace=False))
    return chosen


def make_world(settings: TownSettings) -> World:
    """Build the stage of a town."""
    streams = Streams(settings.seed)
    catalogue = make_catalogue(streams.rng("catalogue"))
    people = make_people(settings, streams, catalogue.chronic_weights)
    places = make_places(settings, streams, people)
    guests = people.guest
    seats = Seats(guests.copy(), np.zeros(places.count, dtype=bool), ~guests, guests.copy(), guests.copy())
    sites = _reserve(settings, streams, places, seats)
    standing = make_standing(settings, streams, people, places, sites, seats.place_taken, OUTSIDERS)
    # a doctor who is cast would have to be in two places: at work and in the part
    seats.claim_people(standing.doctor_person[standing.doctor_person < people.count])
    bureau = make_bureau(settings, streams, people, places, sites, standing) if settings.offices else None
    if bureau is not None:  # nor does a member of staff play: what is seen of him is what he does at work
        seats.claim_people(bureau.person[bureau.person < people.count])
        seats.claim_people(bureau.spare[bureau.spare >= 0])
    rng = streams.rng("addresses")
    plain = people.rural & (rng.random(people.villages) < 0.12)[people.village]
    shelves = Shelves.plain(places.count, len(catalogue.prices))
    nobody = np.full(people.count, -1, dtype=np.int64)
    marks = Marks(nobody, plain, shelves, np.full(places.count, -1, dtype=np.int64), nobody.copy())
    return World(settings, streams, people, standing.settled(places), catalogue, sites, seats, marks, standing, bureau)
