"""What is answered to what, and what the media core is told."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sdp_offers import (
    MID,
    NAMES,
    RID,
    SERVER,
    answered,
    audio,
    offer,
    recorded,
    seeded,
    video,
)

from sfu.types import Encoding, IceParameters, Kind
from signaling.capabilities import AUDIO_LEVEL, DEPENDENCY_DESCRIPTOR, REPAIRED_RID, TRANSPORT_WIDE_CC
from signaling.negotiation import Negotiated, NegotiationCode, NegotiationError, negotiate, with_ice
from signaling.sdp import Direction, MediaSection, SdpLimits, Setup, parse


def sections(negotiated: Negotiated) -> list[MediaSection]:
    return parse(negotiated.answer).sections


def refused(text: str, previous: Negotiated | None = None) -> NegotiationCode:
    with pytest.raises(NegotiationError) as caught:
        answered(text, previous)
    assert caught.value.message.endswith(".")
    return caught.value.code


class TestTransport:
    def test_the_answer_is_ice_lite_passive_bundled_and_complete(self) -> None:
        negotiated = answered(recorded("chromium-call"))
        answer = parse(negotiated.answer)
        assert answer.ice_lite
        assert answer.bundle == tuple("01234567")
        assert all(section.setup is Setup.PASSIVE for section in answer.sections)
        assert all(section.ice_options == ("ice2",) for section in answer.sections)
        assert all(section.rtcp_mux and section.rtcp_rsize for section in answer.sections)
        for section in answer.sections:  # in each: aiortc takes those of the last of a kind
            assert section.end_of_candidates
            assert section.candidates == [
                "1 1 udp 2130706431 192.0.2.10 40000 typ host",
                "2 1 udp 2130706175 2001:db8::10 40000 typ host",
            ]

    @pytest.mark.parametrize("name", ["chromium-call", "firefox-call"])
    def test_allow_mixed_is_answered_on_the_level_where_it_was_offered(self, name: str) -> None:
        negotiated = answered(recorded(name))
        assert negotiated.mixed
        answer = parse(negotiated.answer)
        session_level = name.startswith("chromium")
        assert answer.extmap_allow_mixed == session_level
        assert all(section.extmap_allow_mixed != session_level for section in answer.sections)

    def test_credentials_and_fingerprints_are_read_from_either_level(self) -> None:
        assert answered(offer(audio("0"))).ice == IceParameters("clnt", "clientpassword0123456789")
        of_firefox = answered(recorded("firefox-whip"))
        assert len(of_firefox.fingerprints) == 1
        assert {one.algorithm for one in answered(recorded("aiortc-whip")).fingerprints} == {
            "sha-256",
            "sha-384",
            "sha-512",
        }

    def test_media_level_wins_over_session_level(self) -> None:
        text = offer(audio("0", "sendonly", "a=ice-ufrag:media", "a=setup:active"), setup="passive")
        assert answered(text).ice.ufrag == "media"

    def test_a_weak_fingerprint_beside_a_strong_one_is_left_out(self) -> None:
        text = offer(audio("0"), session=("a=fingerprint:sha-1 " + ":".join(["00"] * 20),))
        assert [one.algorithm for one in answered(text).fingerprints] == ["sha-256"]

    def test_a_client_that_is_always_dtls_client_is_welcome(self) -> None:
        assert answered(offer(audio("0"), setup="active")).sends
        assert answered(offer(audio("0")).replace("a=setup:actpass\r\n", "")).sends

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("", NegotiationCode.MALFORMED),
            (offer(audio("0")).replace("a=rtcp-mux\r\n", ""), NegotiationCode.NO_RTCP_MUX),
            (offer(audio("0"), video("1"), bundle="0"), NegotiationCode.NOT_BUNDLED),
            (offer(audio("0"), setup="passive"), NegotiationCode.WRONG_SETUP),
            (offer(audio("0"), setup="holdconn"), NegotiationCode.WRONG_SETUP),
            (offer(audio("0"), session=("a=ice-lite",)), NegotiationCode.ICE_LITE),
            (offer(audio("0"), fingerprint="sha-1 " + ":".join(["AB"] * 20)), NegotiationCode.NO_FINGERPRINT),
            (offer(audio("0"), fingerprint="sha-256 AB:CD"), NegotiationCode.NO_FINGERPRINT),
            (offer(audio("0")).replace("a=ice-pwd", "a=ignored"), NegotiationCode.NO_ICE),
            (offer(audio("0")).replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), NegotiationCode.PLAIN_RTP),
            (offer(audio("0")).replace("UDP/TLS/RTP/SAVPF", "RTP/SAVP"), NegotiationCode.PLAIN_RTP),
            (offer(audio("0"), audio("0")), NegotiationCode.DUPLICATE_MID),
            (offer(audio("0")).replace("opus", "PCMU"), NegotiationCode.NO_MEDIA),
            (offer(audio("0", port=0)), NegotiationCode.NO_MEDIA),
            (offer(), NegotiationCode.NO_MEDIA),
            (
                offer(audio("0", "sendonly", "a=ssrc:7 cname:x"), video("1", "sendonly", "a=ssrc:7 cname:x")),
                NegotiationCode.DUPLICATE_SSRC,
            ),
            (
                offer(audio("0", "sendonly", f"a=extmap:4 {AUDIO_LEVEL}"), video("1", "sendonly", MID)),
                NegotiationCode.EXTENSION_CONFLICT,
            ),
        ],
    )
    def test_what_cannot_work_is_refused_by_name(self, text: str, code: NegotiationCode) -> None:
        assert refused(text) is code

    def test_a_large_offer_is_refused_as_such(self) -> None:
        with pytest.raises(NegotiationError) as caught:
            answered(recorded("chromium-call"), limits=SdpLimits(max_sections=2))
        assert caught.value.code is NegotiationCode.TOO_LARGE
        assert refused("v=0\r\n" + "a=x\r\n" * 10_000) is NegotiationCode.TOO_LARGE

    def test_a_lone_section_needs_neither_bundle_nor_mid(self) -> None:
        text = offer(audio("0")).replace("a=mid:0\r\n", "").replace("a=group:BUNDLE 0\r\n", "")
        negotiated = answered(text)
        assert negotiated.sends[0].mid is None
        assert parse(negotiated.answer).groups == []


class TestRestart:
    def test_changed_credentials_are_an_ice_restart(self) -> None:
        first = answered(offer(audio("0")))
        assert not first.ice_restart
        again = answered(offer(audio("0"), ufrag="next", pwd="anotherpassword0123456789"), first)
        assert again.ice_restart
        assert again.ice == IceParameters("next", "anotherpassword0123456789")

    def test_the_answer_takes_the_new_credentials_everywhere(self) -> None:
        negotiated = answered(recorded("chromium-call"))
        fresh = IceParameters("fresh", "freshpassword0123456789")
        restarted = with_ice(negotiated, fresh, SERVER.candidates[:1])
        assert {(one.ice_ufrag, one.ice_pwd) for one in sections(restarted)} == {(fresh.ufrag, fresh.pwd)}
        assert {len(section.candidates) for section in sections(restarted)} == {1}
        assert SERVER.ice.pwd in negotiated.answer  # the first is left as it was
        assert SERVER.ice.pwd not in restarted.answer

    def test_another_certificate_is_another_connection(self) -> None:
        first = answered(offer(audio("0")))
        other = offer(audio("0"), fingerprint="sha-256 " + ":".join(["CD"] * 32))
        assert refused(other, first) is NegotiationCode.FINGERPRINT_CHANGED

    def test_the_version_of_the_origin_counts_the_answers(self) -> None:
        first = answered(offer(audio("0")))
        second = answered(offer(audio("0")), first)
        origins = [parse(one.answer).origin for one in (first, second)]
        assert [origin.version for origin in origins if origin] == [1, 2]
        assert len({origin.session_id for origin in origins if origin}) == 1


class TestSections:
    def test_a_data_channel_is_rejected_in_its_place(self) -> None:
        negotiated = answered(recorded("chromium-sendrecv"))
        data = sections(negotiated)[2]
        assert (data.media, data.port, data.mid, data.formats) == (
            "application",
            0,
            "2",
            ("webrtc-datachannel",),
        )
        assert parse(negotiated.answer).bundle == ("0", "1")
        assert negotiated.rejected == ()

    def test_the_first_accepted_section_speaks_when_a_rejected_one_stands_before_it(self) -> None:
        data = ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0", "a=mid:d"]
        negotiated = answered(offer(data, audio("0")))
        rejected, accepted = sections(negotiated)
        assert rejected.port == 0
        assert accepted.candidates

    def test_a_section_without_a_codec_of_ours_is_rejected_and_named(self) -> None:
        foreign = [line.replace("VP8", "H265") for line in video("1")]
        negotiated = answered(offer(audio("0"), foreign))
        assert negotiated.rejected == ("1",)
        assert sections(negotiated)[1].port == 0
        assert sections(negotiated)[1].formats == ("96", "97")

    def test_a_stopped_section_closes_its_track_and_may_be_used_again(self) -> None:
        first = answered(offer(audio("0"), video("1", "recvonly"), video("2", "recvonly")))
        stopped = answered(
            offer(audio("0"), video("1", "inactive", port=0), video("2", "recvonly"), bundle="0 2"), first
        )
        assert [slot.mid for slot in stopped.slots] == ["2"]
        assert sections(stopped)[1].port == 0
        text = offer(audio("0"), video("3", "recvonly"), video("2", "recvonly"))
        recycled = negotiate(text, stopped, SERVER, ssrcs=seeded(2))
        assert [(slot.mid, slot.pair) for slot in recycled.slots] == [("3", 0), ("2", 1)]
        old, new = first.slots[0].parameters, recycled.slots[0].parameters
        assert old.ssrc != new.ssrc

    def test_the_order_of_sections_may_not_change(self) -> None:
        first = answered(offer(audio("0"), video("1")))
        assert refused(offer(video("1"), audio("0")), first) is NegotiationCode.SECTIONS_CHANGED
        assert refused(offer(audio("0")), first) is NegotiationCode.SECTIONS_CHANGED
        assert refused(offer(audio("0"), video("9")), first) is NegotiationCode.SECTIONS_CHANGED

    def test_a_held_track_is_inactive_and_comes_back(self) -> None:
        first = answered(offer(audio("0")))
        held = answered(offer(audio("0", "inactive")), first)
        assert [(send.mid, send.active) for send in held.sends] == [("0", False)]
        assert sections(held)[0].direction is Direction.INACTIVE
        again = answered(offer(audio("0")), held)
        assert again.sends[0].active

    def test_an_inactive_section_that_never_sent_is_no_track(self) -> None:
        assert answered(offer(audio("0", "inactive"), video("1"))).sends[0].mid == "1"

    def test_directions_are_mirrored(self) -> None:
        text = offer(audio("0"), video("1", "recvonly"), video("2", "sendrecv"), audio("3", "inactive"))
        assert [section.direction for section in sections(answered(text))] == [
            Direction.RECVONLY,
            Direction.SENDONLY,
            Direction.SENDRECV,
            Direction.INACTIVE,
        ]


class TestSlots:
    def test_slots_of_a_pair_share_stream_and_cname(self) -> None:
        negotiated = answered(recorded("chromium-call"))
        assert [(slot.mid, slot.kind, slot.pair) for slot in negotiated.slots] == [
            ("2", Kind.AUDIO, 0),
            ("3", Kind.VIDEO, 0),
            ("4", Kind.AUDIO, 1),
            ("5", Kind.VIDEO, 1),
            ("6", Kind.AUDIO, 2),
            ("7", Kind.VIDEO, 2),
        ]
        by_mid = {section.mid: section for section in sections(negotiated)}
        assert by_mid["2"].msids[0].stream == by_mid["3"].msids[0].stream == "slot-0"
        assert by_mid["2"].ssrcs[0].value == by_mid["3"].ssrcs[0].value
        assert by_mid["4"].msids[0].stream == "slot-1"
        assert by_mid["4"].ssrcs[0].value != by_mid["2"].ssrcs[0].value

    def test_ssrcs_are_announced_as_the_core_is_told(self) -> None:
        negotiated = answered(recorded("chromium-call"))
        by_mid = {section.mid: section for section in sections(negotiated)}
        for slot in negotiated.slots:
            section, parameters = by_mid[slot.mid], slot.parameters
            assert section.ssrcs[0].ssrc == parameters.ssrc
            assert section.ssrcs[0].value == parameters.cname
            if slot.kind is Kind.VIDEO:
                assert section.ssrc_groups[0].ssrcs == (parameters.ssrc, parameters.rtx_ssrc)
            else:
                assert parameters.rtx_ssrc is None

    def test_ssrcs_stay_when_more_slots_are_offered(self) -> None:
        first = answered(offer(audio("0"), audio("1", "recvonly"), video("2", "recvonly")))
        more = negotiate(
            offer(*[audio("0"), audio("1", "recvonly"), video("2", "recvonly"), video("3", "recvonly")]),
            first,
            SERVER,
            ssrcs=seeded(),  # the same numbers again: collisions must be drawn anew
        )
        assert more.slots[:2] == first.slots
        used = [number for slot in more.slots for number in (slot.parameters.ssrc, slot.parameters.rtx_ssrc)]
        assert len(set(used)) == len(used)

    def test_a_slot_that_pauses_keeps_its_ssrc(self) -> None:
        first = answered(offer(audio("0"), video("1", "recvonly")))
        paused = answered(offer(audio("0"), video("1", "inactive")), first)
        assert paused.slots == ()
        assert answered(offer(audio("0"), video("1", "recvonly")), paused).slots == first.slots

    def test_a_client_ssrc_is_never_taken_for_a_slot(self) -> None:
        source = seeded(7)
        theirs = source()
        negotiated = negotiate(
            offer(audio("0", "sendonly", f"a=ssrc:{theirs} cname:x"), audio("1", "recvonly")),
            None,
            SERVER,
            ssrcs=seeded(7),
        )
        assert negotiated.slots[0].parameters.ssrc != theirs

    def test_a_broken_source_of_ssrcs_does_not_hang(self) -> None:
        with pytest.raises(ValueError, match="repeats"):
            negotiate(offer(audio("0", "recvonly"), audio("1", "recvonly")), None, SERVER, ssrcs=lambda: 5)

    def test_sendrecv_is_a_track_and_a_slot_on_one_mid(self) -> None:
        negotiated = answered(recorded("aiortc-sendrecv"))
        assert [send.mid for send in negotiated.sends] == ["0", "1"]
        assert [(slot.mid, slot.pair) for slot in negotiated.slots] == [("0", 0), ("1", 0)]

    def test_firefox_announces_ssrcs_of_slots_and_sends_nothing_there(self) -> None:
        assert [send.mid for send in answered(recorded("firefox-call")).sends] == ["0", "1"]


class TestSimulcast:
    @pytest.mark.parametrize("name", ["chromium-call", "chromium-prepared", "firefox-call"])
    def test_rids_are_taken_in_their_order_and_received(self, name: str) -> None:
        negotiated = answered(recorded(name))
        camera = next(send for send in negotiated.sends if send.kind is Kind.VIDEO)
        assert camera.parameters.encodings == tuple(Encoding(rid=rid) for rid in "qhf")
        section = sections(negotiated)[1]
        assert [(rid.id, rid.direction) for rid in section.rids] == [
            ("q", "recv"),
            ("h", "recv"),
            ("f", "recv"),
        ]
        assert section.simulcast is not None
        assert [stream[0].id for stream in section.simulcast.recv] == ["q", "h", "f"]

    def simulcast(self, *lines: str, extensions: tuple[str, ...] = (MID, RID)) -> Negotiated:
        return answered(offer(video("0", "sendonly", *extensions, *lines)))

    def rids(self, negotiated: Negotiated) -> list[str | None]:
        return [encoding.rid for encoding in negotiated.sends[0].parameters.encodings]

    def test_the_order_is_that_of_simulcast_not_of_the_rid_lines(self) -> None:
        lines = ("a=rid:f send", "a=rid:q send", "a=rid:h send", "a=simulcast:send q;h;f")
        assert self.rids(self.simulcast(*lines)) == ["q", "h", "f"]

    def test_paused_rids_are_taken_and_answered_running(self) -> None:
        negotiated = self.simulcast("a=rid:q send", "a=rid:f send", "a=simulcast:send q;~f")
        assert self.rids(negotiated) == ["q", "f"]
        assert "a=simulcast:recv q;f\r\n" in negotiated.answer

    def test_the_first_of_alternatives_is_taken(self) -> None:
        negotiated = self.simulcast("a=rid:1 send", "a=rid:2 send", "a=rid:3 send", "a=simulcast:send 1,2;3")
        assert self.rids(negotiated) == ["1", "3"]

    def test_formats_of_a_rid_are_narrowed_to_ours(self) -> None:
        negotiated = self.simulcast(
            "a=rid:q send pt=96,100;max-width=320", "a=rid:f send pt=100", "a=simulcast:send q;f"
        )
        assert self.rids(negotiated) == ["q"]
        assert "a=rid:q recv pt=96;max-width=320\r\n" in negotiated.answer

    def test_without_the_extensions_that_carry_rids_there_is_one_stream(self) -> None:
        negotiated = self.simulcast("a=rid:q send", "a=rid:f send", "a=simulcast:send q;f", extensions=(MID,))
        assert self.rids(negotiated) == [None]
        assert "simulcast" not in negotiated.answer

    def test_more_streams_than_we_take_are_cut_at_the_top(self) -> None:
        names = "abcdef"
        lines = [f"a=rid:{name} send" for name in names]
        negotiated = self.simulcast(*lines, "a=simulcast:send " + ";".join(names))
        assert self.rids(negotiated) == list("abcd")

    def test_a_single_rid_names_the_only_stream(self) -> None:
        negotiated = self.simulcast("a=rid:x send")
        assert self.rids(negotiated) == ["x"]
        assert "a=simulcast" not in negotiated.answer

    def test_undeclared_and_overlong_rids_are_left_out(self) -> None:
        long = "x" * 17
        negotiated = self.simulcast("a=rid:q send", f"a=rid:{long} send", f"a=simulcast:send q;ghost;{long}")
        assert self.rids(negotiated) == ["q"]

    def test_signalled_ssrcs_name_the_stream_and_its_rtx(self) -> None:
        camera = answered(recorded("wrtc-call")).sends[1].parameters
        assert camera.encodings == (Encoding(ssrc=2033894065, rtx_ssrc=4160110329),)
        assert camera.cname == "4iKpT2iVPTEkk0/3"

    def test_obs_sends_without_mid_and_is_known_by_its_ssrcs(self) -> None:
        negotiated = answered(recorded("obs-libdatachannel"))
        assert negotiated.extensions == ()
        assert [send.parameters.encodings for send in negotiated.sends] == [
            (Encoding(ssrc=2345678),),
            (Encoding(ssrc=2345679),),
        ]


class TestExtensions:
    def test_one_table_for_the_whole_bundle(self) -> None:
        table = {item.uri: item.id for item in answered(recorded("chromium-call")).extensions}
        assert table[AUDIO_LEVEL] == 1
        assert table[TRANSPORT_WIDE_CC] == 3
        assert table[DEPENDENCY_DESCRIPTOR] == 12
        assert len(set(table.values())) == len(table)

    def test_a_slot_is_not_offered_rids(self) -> None:
        camera, slot = (sections(answered(recorded("chromium-call")))[index] for index in (1, 3))
        assert REPAIRED_RID in {extension.uri for extension in camera.extensions}
        assert REPAIRED_RID not in {extension.uri for extension in slot.extensions}

    def test_directions_are_turned_round(self) -> None:
        camera = sections(answered(recorded("firefox-call")))[1]
        found = {extension.uri: extension.direction for extension in camera.extensions}
        assert found[DEPENDENCY_DESCRIPTOR] is Direction.RECVONLY
        assert found[TRANSPORT_WIDE_CC] is None
        slot = sections(answered(recorded("firefox-call")))[3]
        assert DEPENDENCY_DESCRIPTOR not in {extension.uri for extension in slot.extensions}

    def test_encrypted_extensions_are_not_taken_for_plain_ones(self) -> None:
        text = offer(video("0", "sendonly", f"a=extmap:4 urn:ietf:params:rtp-hdrext:encrypt {AUDIO_LEVEL}"))
        assert answered(text).extensions == ()

    def test_ids_above_fourteen_need_mixed_headers(self) -> None:
        line = f"a=extmap:17 {DEPENDENCY_DESCRIPTOR}"
        assert answered(offer(video("0", "sendonly", line))).extensions == ()
        mixed = answered(offer(video("0", "sendonly", line), session=("a=extmap-allow-mixed",)))
        assert [item.id for item in mixed.extensions] == [17]


class TestCodecs:
    def codecs(self, text: str, index: int = 0) -> dict[int, tuple[str, ...]]:
        send = answered(text).sends[index]
        return {codec.payload_type: codec.rtcp_feedback for codec in send.parameters.codecs}

    def test_what_chromium_offers_and_we_forward(self) -> None:
        camera = answered(recorded("chromium-call")).sends[1].parameters
        mimes = [codec.mime_type for codec in camera.codecs]
        assert mimes == ["video/VP8", *["video/H264"] * 6, "video/AV1", "video/VP9", "video/VP9"]
        assert camera.codecs[0].rtx_payload_type == 97
        assert camera.codecs[0].rtcp_feedback == ("transport-cc", "ccm fir", "nack", "nack pli")
        assert camera.codecs[2].fmtp["packetization-mode"] == "0"
        microphone = answered(recorded("chromium-call")).sends[0].parameters
        assert [codec.mime_type for codec in microphone.codecs] == ["audio/opus", "audio/red"]
        assert microphone.codecs[1].fmtp == {"111/111": ""}

    def test_nack_for_opus_is_asked_of_clients_with_transport_wide_feedback(self) -> None:
        assert self.codecs(recorded("chromium-call"))[111] == ("transport-cc", "nack")
        assert self.codecs(recorded("aiortc-whip"))[96] == ()
        assert self.codecs(recorded("obs-libdatachannel"))[111] == ()
        assert self.codecs(offer(audio("0", "sendonly", "a=rtcp-fb:111 nack")))[111] == ("nack",)

    def test_remb_only_for_who_has_no_transport_wide_feedback(self) -> None:
        assert "goog-remb" not in self.codecs(recorded("chromium-call"), 1)[96]
        assert "goog-remb" in self.codecs(recorded("aiortc-whip"), 1)[97]
        # transport-cc without its header extension cannot work
        text = offer(video("0", "sendonly", "a=rtcp-fb:96 transport-cc", "a=rtcp-fb:96 goog-remb"))
        assert self.codecs(text)[96] == ("goog-remb", "nack")

    def test_a_wildcard_means_every_codec(self) -> None:
        assert self.codecs(offer(video("0", "sendonly", "a=rtcp-fb:* nack pli")))[96] == ("nack", "nack pli")

    def test_opus_parameters(self) -> None:
        def fmtp(name: str) -> dict[str, str]:
            return dict(answered(recorded(name)).sends[0].parameters.codecs[0].fmtp)

        assert fmtp("chromium-call") == {"minptime": "10", "useinbandfec": "1"}
        assert fmtp("firefox-call") == {"minptime": "10", "useinbandfec": "1", "stereo": "1"}
        # OBS's maxaveragebitrate limits what OBS would receive
        assert fmtp("obs-libdatachannel") == {
            "minptime": "10",
            "useinbandfec": "1",
            "stereo": "1",
            "sprop-stereo": "1",
        }

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("opus/48000/2", "opus/48000"),
            ("opus/48000/2", "opus/16000/2"),
        ],
    )
    def test_another_opus_is_none_of_ours(self, old: str, new: str) -> None:
        assert refused(offer(audio("0")).replace(old, new)) is NegotiationCode.NO_MEDIA

    def test_red_of_another_codec_is_left_out(self) -> None:
        extra = ("a=rtpmap:63 red/48000/2", "a=fmtp:63 9/9")
        text = offer(audio("0", "sendonly", *extra)).replace("SAVPF 111", "SAVPF 111 63")
        assert list(self.codecs(text)) == [111]
        assert list(self.codecs(text.replace("9/9", "111/111"))) == [111, 63]

    def test_red_alone_is_no_audio(self) -> None:
        text = offer(audio("0", "sendonly", "a=rtpmap:63 red/48000/2", "a=fmtp:63 111/111"))
        assert refused(text.replace("SAVPF 111", "SAVPF 63")) is NegotiationCode.NO_MEDIA

    def test_h264_of_a_packetization_mode_nobody_uses_is_left_out(self) -> None:
        extra = ("a=rtpmap:100 H264/90000", "a=fmtp:100 packetization-mode=2;profile-level-id=42e01f")
        text = offer(video("0", "sendonly", *extra)).replace("96 97", "96 97 100")
        assert list(self.codecs(text)) == [96]
        assert list(self.codecs(text.replace("mode=2", "mode=1"))) == [96, 100]
        assert list(
            self.codecs(text.replace("mode=2;profile-level-id=42e01f", "mode=1;profile-level-id=x"))
        ) == [96]

    def test_receiver_limits_of_vp8_are_not_repeated(self) -> None:
        assert "max-fs" not in answered(recorded("firefox-call")).answer

    def test_payload_types_that_read_as_rtcp_are_left_out(self) -> None:
        text = offer(video("0", "sendonly", "a=rtpmap:72 VP9/90000")).replace("96 97", "72 96 97")
        assert list(self.codecs(text)) == [96]


def test_it_is_a_pure_function() -> None:
    text = recorded("chromium-call")
    previous = answered(text)
    before = previous.answer
    assert answered(text, previous) == answered(text, previous)
    assert previous.answer == before


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(NAMES), st.data())
def test_a_mutated_offer_is_answered_or_refused(name: str, data: st.DataObject) -> None:
    lines = recorded(name).split("\r\n")
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["drop", "copy", "swap", "cut", "splice", "number"])):
            case "drop":
                lines.pop(index)
            case "copy":
                lines.insert(data.draw(st.integers(0, len(lines))), lines[index])
            case "swap":
                other = data.draw(st.integers(0, len(lines) - 1))
                lines[index], lines[other] = lines[other], lines[index]
            case "cut":
                lines[index] = lines[index][: data.draw(st.integers(0, 30))]
            case "splice":
                lines[index] += data.draw(st.text(max_size=20))
            case _:
                lines[index] = "".join("9" if char.isdigit() else char for char in lines[index])
        if not lines:
            break
    text = "\r\n".join(lines)
    previous = answered(recorded(name)) if data.draw(st.booleans()) else None
    try:
        negotiated = answered(text, previous)
    except NegotiationError:
        return
    answer = parse(negotiated.answer)  # what we write, we can read
    assert len(answer.sections) == len(parse(text).sections)
