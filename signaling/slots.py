"""Which track a viewer sees in which of its receive slots. Pure functions.

The i-th audio and the i-th video slot of a client are a pair: they share a msid stream, so its browser
keeps them in sync. A pair therefore serves one bundle of a participant at a time: microphone and
camera, or screen and its sound. A track stays where it is until it ends, whatever else comes and goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mediaserver.model.ids import ParticipantId
from mediaserver.model.roles import Source
from sfu.types import Kind
from signaling.negotiation import Slot

MAX_SLOTS = 64  # of one client; the most that a description may hold

_SCREEN = frozenset({Source.SCREEN, Source.SCREEN_AUDIO})


@dataclass(frozen=True, slots=True)
class Track:
    """Something a participant publishes."""

    participant: ParticipantId
    source: Source

    @property
    def kind(self) -> Kind:
        """Audio or video."""
        return Kind.AUDIO if self.source.is_audio else Kind.VIDEO

    @property
    def bundle(self) -> tuple[ParticipantId, bool]:
        """What belongs together in time: a person's microphone and camera, or screen and its sound."""
        return self.participant, self.source in _SCREEN


@dataclass(frozen=True, slots=True)
class Need:
    """How many more slots of each kind the client has to offer to see everything."""

    audio: int = 0
    video: int = 0


@dataclass(frozen=True, slots=True)
class Assignment:
    """The whole mapping: mid of the slot -> track; free slots are left out."""

    tracks: Mapping[str, Track]
    need: Need


@dataclass(frozen=True, slots=True)
class _Place:
    mid: str
    kind: Kind
    pair: int


def assign(slots: Sequence[Slot], running: Mapping[str, Track], wanted: Sequence[Track]) -> Assignment:
    """Place the wanted tracks; the most important first, for when slots run out.

    `running` is the last assignment on this transport: what of it still has its slot and is still
    wanted stays in place.
    """
    places = [_Place(slot.mid or "", slot.kind, slot.pair) for slot in slots]
    tracks, unplaced = _place(places, running, wanted)
    return Assignment(tracks, _need(places, tracks, wanted) if unplaced else Need())


def follow(slots: Sequence[Slot], participant: ParticipantId | None, wanted: Sequence[Track]) -> Assignment:
    """One participant in the first audio and the first video slot: what a WHEP player shows.

    Their screen comes before their camera. Here a slot does change its track while it runs: the same
    SSRC goes on with another producer, so the player notices nothing but the picture.
    """
    tracks: dict[str, Track] = {}
    for kind, order in (
        (Kind.AUDIO, (Source.MICROPHONE, Source.SCREEN_AUDIO)),
        (Kind.VIDEO, (Source.SCREEN, Source.CAMERA)),
    ):
        mid = next((slot.mid or "" for slot in slots if slot.kind is kind), None)
        theirs = {track.source: track for track in wanted if track.participant == participant}
        shown = next((theirs[source] for source in order if source in theirs), None)
        if mid is not None and shown is not None:
            tracks[mid] = shown
    return Assignment(tracks, Need())


def _place(
    places: Sequence[_Place], running: Mapping[str, Track], wanted: Sequence[Track]
) -> tuple[dict[str, Track], list[Track]]:
    by_mid = {place.mid: place for place in places}
    still = set(wanted)
    tracks = {
        mid: track
        for mid, track in running.items()
        if mid in by_mid and by_mid[mid].kind is track.kind and track in still
    }
    owners = {by_mid[mid].pair: track.bundle for mid, track in tracks.items()}
    placed = set(tracks.values())
    unplaced: list[Track] = []
    for track in dict.fromkeys(wanted):
        if track in placed:
            continue
        place = _choose(places, tracks, owners, track)
        if place is None:
            unplaced.append(track)
            continue
        tracks[place.mid] = track
        owners.setdefault(place.pair, track.bundle)
    return tracks, unplaced


def _choose(
    places: Sequence[_Place],
    tracks: Mapping[str, Track],
    owners: Mapping[int, tuple[ParticipantId, bool]],
    track: Track,
) -> _Place | None:
    """The free slot that suits best: beside its partner, else one whose pair is nobody's."""
    free = [place for place in places if place.kind is track.kind and place.mid not in tracks]
    beside = [place for place in free if owners.get(place.pair) == track.bundle]
    if beside:
        return min(beside, key=lambda place: place.pair)
    unowned = [place for place in free if place.pair not in owners]
    if not unowned:
        return None
    other = Kind.VIDEO if track.kind is Kind.AUDIO else Kind.AUDIO
    paired = {place.pair for place in places if place.kind is other}
    if track.source is Source.SCREEN:
        # A screen seldom has sound: it takes a video slot beyond the pairs, or the last pair, so that
        # whole pairs are left for people.
        return max(unowned, key=lambda place: (place.pair not in paired, place.pair))
    return min(unowned, key=lambda place: (place.pair not in paired, place.pair))


def _need(places: Sequence[_Place], tracks: Mapping[str, Track], wanted: Sequence[Track]) -> Need:
    """Offers more slots in thought, numbered as `signaling.negotiation` would, until all fit."""
    imagined = list(places)
    added = {Kind.AUDIO: 0, Kind.VIDEO: 0}
    tracks, unplaced = _place(imagined, tracks, wanted)
    while unplaced and len(imagined) < MAX_SLOTS:
        kind = unplaced[0].kind
        used = {place.pair for place in imagined if place.kind is kind}
        pair = next(number for number in range(len(used) + 1) if number not in used)
        added[kind] += 1
        imagined.append(_Place(f"\0{kind}{added[kind]}", kind, pair))
        tracks, unplaced = _place(imagined, tracks, wanted)
    return Need(audio=added[Kind.AUDIO], video=added[Kind.VIDEO])
