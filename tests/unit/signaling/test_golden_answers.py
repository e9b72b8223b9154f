"""Recorded offers get exactly the recorded answers; UPDATE_GOLDEN=1 writes them anew."""

from __future__ import annotations

import os

import pytest
from sdp_offers import GOLDEN, NAMES, answered, recorded

from signaling.sdp import parse


@pytest.mark.parametrize("name", NAMES)
def test_recorded_offers_get_the_recorded_answer(name: str) -> None:
    answer = answered(recorded(name)).answer
    path = GOLDEN / f"{name}.answer.sdp"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_bytes(answer.encode())
    assert answer == path.read_bytes().decode()


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_mirrors_its_offer(name: str) -> None:
    offer, answer = parse(recorded(name)), parse(answered(recorded(name)).answer)
    assert [section.mid for section in answer.sections] == [section.mid for section in offer.sections]
    for offered, section in zip(offer.sections, answer.sections, strict=True):
        assert section.media == offered.media
        assert section.protocol == offered.protocol
        assert set(section.formats) <= set(offered.formats)
        if section.port:
            ids = {(extension.id, extension.uri) for extension in offered.extensions}
            assert {(extension.id, extension.uri) for extension in section.extensions} <= ids
            assert section.rtp_maps.keys() <= offered.rtp_maps.keys()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_offer_again_changes_nothing(name: str) -> None:
    first = answered(recorded(name))
    second = answered(recorded(name), first)
    assert not second.ice_restart
    assert second.slots == first.slots
    assert second.sends == first.sends
    assert second.answer.split("\r\n")[2:] == first.answer.split("\r\n")[2:]  # all but the o= version
