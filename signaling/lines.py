"""One offered m-section, read: what of it we accept."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sfu.types import CodecParameters, Encoding, Kind
from signaling.capabilities import (
    MAX_ENCODINGS,
    MID,
    RID,
    TRANSPORT_WIDE_CC,
    select_codecs,
    select_extensions,
)
from signaling.sdp import Direction, ExtMap, MediaSection, Rid, SessionDescription

_RID = re.compile(r"[0-9A-Za-z]{1,16}")  # what fits the one-byte header extension, RFC 8852 section 3.1


@dataclass(frozen=True, slots=True)
class SlotIdentity:
    """What makes a slot the same over renegotiations: its SSRCs, its CNAME and its pair."""

    kind: Kind
    pair: int
    ssrc: int
    rtx_ssrc: int | None
    cname: str


@dataclass(frozen=True, slots=True)
class Line:
    """An offered m-section and our choice. `direction` is the client's. `rids` are those of the answer.

    `accepted` False: answered with port 0. `unsupported` says that this is so for want of a codec.
    """

    offered: MediaSection
    kind: Kind
    direction: Direction
    accepted: bool
    unsupported: bool = False
    mixed: bool = False
    codecs: tuple[CodecParameters, ...] = ()
    extensions: tuple[ExtMap, ...] = ()
    encodings: tuple[Encoding, ...] = ()
    rids: tuple[Rid, ...] = ()
    simulcast: bool = False

    @property
    def is_slot(self) -> bool:
        """Whether the client receives here."""
        return self.direction.receives

    @property
    def claimed_ssrcs(self) -> tuple[int, ...]:
        """The SSRCs the client says it sends with."""
        both = ((encoding.ssrc, encoding.rtx_ssrc) for encoding in self.encodings)
        return tuple(ssrc for pair in both for ssrc in pair if ssrc is not None)


def read_line(section: MediaSection, offer: SessionDescription) -> Line:
    """Decide about one section, by itself."""
    direction = section.direction or offer.direction or Direction.SENDRECV
    if section.media not in ("audio", "video") or section.stopped:
        return Line(section, Kind.AUDIO, direction, accepted=False)
    kind = Kind(section.media)
    mixed = offer.extmap_allow_mixed or section.extmap_allow_mixed
    extensions = select_extensions(section, kind, direction, mixed=mixed)
    uris = {extension.uri for extension in extensions}
    codecs = select_codecs(section, kind, transport_cc=TRANSPORT_WIDE_CC in uris)
    if not any(codec.mime_type != "audio/red" for codec in codecs):
        return Line(section, kind, direction, accepted=False, unsupported=True)
    rids: tuple[Rid, ...] = ()
    if direction.sends and {MID, RID} <= uris:
        rids = _rids(section, codecs)
    encodings = tuple(Encoding(rid=rid.id) for rid in rids) or _signalled_encoding(section, direction)
    return Line(
        section,
        kind,
        direction,
        accepted=True,
        mixed=mixed,
        codecs=codecs,
        extensions=extensions,
        encodings=encodings,
        rids=rids,
        simulcast=section.simulcast is not None and bool(section.simulcast.send) and bool(rids),
    )


def _rids(section: MediaSection, codecs: tuple[CodecParameters, ...]) -> tuple[Rid, ...]:
    """The simulcast streams we take, in the order of a=simulcast: for browsers, that of sendEncodings.

    A stream offered paused (`~`) is taken too: it may start at any time. Of alternatives the first is
    taken. A single rid without a=simulcast names the only stream.
    """
    declared = {rid.id: rid for rid in section.rids if rid.direction == "send"}
    if section.simulcast is not None:
        order = [stream[0].id for stream in section.simulcast.send]
    else:
        order = list(declared)[:1]
    taken: dict[str, Rid] = {}
    for id_ in order:
        rid = declared.get(id_)
        if rid is None or not _RID.fullmatch(id_) or len(taken) >= MAX_ENCODINGS:
            continue
        restricted = _restrict(rid, codecs)
        if restricted is not None:
            taken[id_] = restricted
    return tuple(taken.values())


def _restrict(rid: Rid, codecs: tuple[CodecParameters, ...]) -> Rid | None:
    """The rid as answered: restrictions repeated, `pt` only with what we accepted (RFC 8851 section 6.3)."""
    if "pt" not in rid.parameters:
        return Rid(rid.id, "recv", dict(rid.parameters))
    ours = {str(codec.payload_type) for codec in codecs}
    kept = [pt for pt in rid.parameters["pt"].split(",") if pt in ours]
    if not kept:
        return None
    return Rid(rid.id, "recv", {**rid.parameters, "pt": ",".join(kept)})


def _signalled_encoding(section: MediaSection, direction: Direction) -> tuple[Encoding, ...]:
    """The one stream of a track without rids: its SSRC, when signalled, and that of its RTX."""
    if not direction.sends:
        return ()
    announced = [item.ssrc for item in section.ssrcs if item.ssrc != 0]
    for group in section.ssrc_groups:
        if group.semantics == "FID" and len(group.ssrcs) == 2 and 0 not in group.ssrcs:
            return (Encoding(ssrc=group.ssrcs[0], rtx_ssrc=group.ssrcs[1]),)
    return (Encoding(ssrc=announced[0]),) if announced else (Encoding(),)
