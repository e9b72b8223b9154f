"""What participants publish: which m-section carries which source, and whether it may be heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mediaserver.model.events import TrackInfo
from mediaserver.model.roles import Source
from sfu import Producer
from sfu.types import Kind
from signaling.negotiation import SendSection
from signaling.ports import ErrorCode, Refused, TrackIntent

SourcePlan = Mapping[str, TrackIntent]  # by mid

# Sources in the order in which a client that doesn't say (WHIP) is taken to mean them.
_DEFAULTS = {
    Kind.AUDIO: (Source.MICROPHONE, Source.SCREEN_AUDIO),
    Kind.VIDEO: (Source.CAMERA, Source.SCREEN),
}


@dataclass(slots=True, eq=False)
class Published:
    """A track. It flows when nothing holds it: neither its owner (`muted`, or an inactive m-section),
    nor a host, nor the owner being yet to enter (`visible`).
    """

    source: Source
    producer: Producer
    muted: bool = False
    muted_by_host: bool = False
    active: bool = True
    visible: bool = True

    @property
    def silenced(self) -> bool:
        """Whether nothing comes of it now, whoever holds it."""
        return self.muted or self.muted_by_host or not self.active

    @property
    def info(self) -> TrackInfo:
        """As others know it."""
        return TrackInfo(self.source, self.muted or not self.active, self.muted_by_host)

    async def apply(self) -> None:
        """Pauses or resumes the producer as the flags say."""
        held = self.silenced or not self.visible
        if held and not self.producer.paused:
            await self.producer.pause()
        elif not held and self.producer.paused:
            await self.producer.resume()


def plan_sources(
    sends: Sequence[SendSection], intents: Sequence[TrackIntent] | None, allowed: frozenset[Source]
) -> SourcePlan:
    """Which section carries what. Sections that the client says nothing of are not published.

    Raises Refused: FORBIDDEN for a source the grants don't hold, BAD_REQUEST for contradictions.
    """
    plan = _by_default(sends) if intents is None else _as_said(sends, intents)
    sources = [intent.source for intent in plan.values()]
    if len(sources) != len(set(sources)):
        raise Refused(ErrorCode.BAD_REQUEST, "Two tracks of one source; send each source once.")
    if not allowed.issuperset(sources):
        raise Refused(ErrorCode.FORBIDDEN, "You may not send this kind of track here.")
    return plan


def _as_said(sends: Sequence[SendSection], intents: Sequence[TrackIntent]) -> dict[str, TrackIntent]:
    kinds = {section.mid: section.kind for section in sends}
    plan: dict[str, TrackIntent] = {}
    for intent in intents:
        kind = kinds.get(intent.mid)
        if kind is None:
            continue  # not sent (now): a client may go on naming a track whose m-section it stopped
        if (kind is Kind.AUDIO) is not intent.source.is_audio:
            raise Refused(ErrorCode.BAD_REQUEST, "A track's source doesn't fit its kind of m-section.")
        if intent.mid in plan:
            raise Refused(ErrorCode.BAD_REQUEST, "Two tracks name one m-section.")
        plan[intent.mid] = intent
    return plan


def _by_default(sends: Sequence[SendSection]) -> dict[str, TrackIntent]:
    left = {kind: list(sources) for kind, sources in _DEFAULTS.items()}
    plan: dict[str, TrackIntent] = {}
    for section in sends:
        if left[section.kind]:
            mid = section.mid or ""
            plan[mid] = TrackIntent(mid, left[section.kind].pop(0))
    return plan
