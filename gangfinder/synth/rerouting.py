"""Where people go when their house is suspended or has moved: to houses they know, or to another by distance."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.catalogue import Kind, PlaceKind
from gangfinder.synth.events import DAY, NONE, Events
from gangfinder.synth.ordinary import Habits
from gangfinder.synth.places import choice_table
from gangfinder.synth.streams import Flags, Ints, draw_rows
from gangfinder.synth.world import World

_KNOWN = 0.75  # share of visits that go to another house the person knows


def rerouted(world: World, habits: Habits, events: Events) -> Events:
    """Return ordinary life in a town where houses are suspended, close, move and merge.

    Parameters
    ----------
    world, habits
        The town.
    events
        Ordinary life as if every house were always open. Visits for which no open house is found are left out.
    """
    place = events["place"].astype(np.int64)
    closed = _shut(world, events, place)
    for known in (True, False, False):
        rows = np.flatnonzero(closed)
        place[rows] = _another(world, habits, events.take(rows), known)
        closed[rows] = _shut(world, events.take(rows), place[rows])
    return _moved(world, events.having(place=place).take(~closed))


def at_open_houses(world: World, events: Events) -> Events:
    """Return the events without those at a suspended house, and the others where their house has moved."""
    return _moved(world, events.take(~_shut(world, events, events["place"].astype(np.int64))))


def _moved(world: World, events: Events) -> Events:
    """Return the events at the house that then stood for theirs: before it moved or after."""
    standing, place = world.standing, events["place"].astype(np.int64)
    forerunner = np.full(world.places.count, NONE)
    old = np.flatnonzero((standing.moved_to != NONE) & ~standing.merged)
    forerunner[standing.moved_to[old]] = old
    day, before = events["at"] // DAY, forerunner[place]
    place = np.where((before != NONE) & (day < standing.moved_on[before]), before, place)
    late = (standing.moved_to[place] != NONE) & (day >= standing.moved_on[place])
    return events.having(place=np.where(late, standing.moved_to[place], place))


def _shut(world: World, events: Events, place: Ints) -> Flags:
    """Return which visits would be at a suspended house; emergencies are seen there all the same."""
    day = events["at"] // DAY
    inside = (day >= world.standing.suspended_from[place]) & (day <= world.standing.suspended_to[place])
    return np.asarray(inside & (events["kind"] != Kind.EMERGENCY), dtype=bool)


def _another(world: World, habits: Habits, events: Events, known: bool) -> Ints:
    """Return another house of the same sort for each visit: one that the person knows, or one by distance."""
    rng = world.streams.rng("rerouted", int(known))
    who, place = events["patient"].astype(np.int64), events["place"]
    shop = world.places.kind[place] == PlaceKind.PHARMACY
    drawn = np.empty(len(events), dtype=np.int64)
    for need, rows in (("pharmacy", np.flatnonzero(shop)), ("clinic", np.flatnonzero(~shop))):
        where, cumulative = choice_table(world.places, world.people, need)
        drawn[rows] = where[draw_rows(rng, cumulative, world.people.village[who[rows]])]
    if not known:
        return drawn
    second = rng.integers(1, habits.pharmacy.shape[1], len(events))
    own = np.where(shop, habits.pharmacy[who, second], habits.clinic[who, second])
    return np.where((rng.random(len(events)) < _KNOWN) & (own != place), own, drawn)
