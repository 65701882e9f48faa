"""Session descriptions: those of real peers, those of ours, and those of nobody."""

from contextlib import suppress

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from hullo.rtc.candidate import CandidateError, parse_candidate
from hullo.rtc.parameters import DtlsFingerprint, Setup, StreamIdentity, TransportDescription
from hullo.rtc.sdp import Direction, SdpError, build_answer, build_offer, parse_answer, parse_offer

FINGERPRINT = ":".join(["AB"] * 32)
LOCAL = TransportDescription(
    ufrag="abcd",
    pwd="p" * 22,
    fingerprints=(DtlsFingerprint("sha-256", FINGERPRINT),),
    setup=Setup.ACTIVE,
    candidates=(parse_candidate("candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host"),),
)

# As Chromium 156 writes it for a call with camera and data channel; video and data channel shortened, hashes made up.
CHROMIUM = f"""v=0
o=- 5322394876410512712 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1 2
a=extmap-allow-mixed
a=msid-semantic: WMS 3c0f
m=video 46236 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 192.0.2.9
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:3312567867 1 udp 2122260223 192.0.2.9 46236 typ host generation 0 network-id 1
a=candidate:99 1 udp 2122260222 6a5e3d2c-0f53-4b5c-9c43-000000000000.local 46237 typ host generation 0
a=candidate:1997396083 1 tcp 1518280447 192.0.2.9 9 typ host tcptype active generation 0 network-id 1
a=ice-ufrag:7h0A
a=ice-pwd:V5dn8v3dTWvHkYrV7gqLoEbh
a=ice-options:trickle
a=fingerprint:sha-256 {FINGERPRINT}
a=setup:actpass
a=mid:0
a=sendrecv
a=rtcp-mux
a=rtpmap:96 VP8/90000
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
m=audio 9 UDP/TLS/RTP/SAVPF 109 63 9 0 8 13 110 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:7h0A
a=ice-pwd:V5dn8v3dTWvHkYrV7gqLoEbh
a=ice-options:trickle
a=fingerprint:sha-256 {FINGERPRINT}
a=setup:actpass
a=mid:1
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=sendrecv
a=msid:3c0f 5d1e
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:109 opus/48000/2
a=rtcp-fb:109 transport-cc
a=fmtp:109 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 109/109
a=rtpmap:9 G722/8000
a=rtpmap:126 telephone-event/8000
a=ssrc:1234 cname:x
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=ice-ufrag:7h0A
a=ice-pwd:V5dn8v3dTWvHkYrV7gqLoEbh
a=fingerprint:sha-256 {FINGERPRINT}
a=setup:actpass
a=mid:2
a=sctp-port:5000
""".replace("\n", "\r\n")


def answer_to(text: str) -> str:
    return build_answer(parse_offer(text), LOCAL, StreamIdentity(7, "c"), session_id=1)


def test_of_a_browsers_offer_the_audio_is_taken_with_its_names_and_the_rest_rejected() -> None:
    offer = parse_offer(CHROMIUM)
    assert (offer.audio.mid, offer.audio.payload_type, offer.audio.direction) == ("1", 109, Direction.SENDRECV)
    assert offer.audio.transport.setup is Setup.ACTPASS
    types = [(candidate.address, candidate.protocol) for candidate in offer.audio.transport.candidates]
    assert types[0] == ("192.0.2.9", "udp")
    assert offer.audio.transport.candidates[1].is_mdns

    answer = SessionDescription.parse(answer_to(CHROMIUM))
    assert [(media.kind, media.port, media.rtp.muxId) for media in answer.media] == [
        ("video", 0, "0"),
        ("audio", 9, "1"),
        ("application", 0, "2"),
    ]
    assert [group.items for group in answer.group] == [["1"]]
    audio = answer.media[1]
    assert [codec.payloadType for codec in audio.rtp.codecs] == [109]
    assert audio.rtp.codecs[0].parameters["useinbandfec"] == 1
    assert audio.dtls is not None
    assert audio.dtls.role == "client"


async def test_aiortc_reads_our_offer_and_we_its_answer() -> None:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        local = TransportDescription(ufrag="abcd", pwd="p" * 22, fingerprints=LOCAL.fingerprints, setup=Setup.ACTPASS)
        text = build_offer(local, StreamIdentity(7, "c"), session_id=1)
        await peer.setRemoteDescription(RTCSessionDescription(text, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        answer = parse_answer(peer.localDescription.sdp)
        assert answer.audio.transport.setup is Setup.ACTIVE
        assert answer.audio.payload_type == 111
    finally:
        await peer.close()


async def test_we_read_aiortcs_offer_and_it_our_answer() -> None:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        peer.addTransceiver("audio")
        peer.createDataChannel("x")
        await peer.setLocalDescription(await peer.createOffer())
        answer = answer_to(peer.localDescription.sdp)
        parsed = SessionDescription.parse(answer)
        assert [media.port for media in parsed.media] == [9, 0]
    finally:
        await peer.close()


@pytest.mark.parametrize(
    ("offered", "answered"),
    [("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")],
)
def test_the_direction_is_turned_around(offered: str, answered: str) -> None:
    audio = CHROMIUM.index("m=audio")
    offer = CHROMIUM[:audio] + CHROMIUM[audio:].replace("a=sendrecv", f"a={offered}")
    assert SessionDescription.parse(answer_to(offer)).media[1].direction == answered


@pytest.mark.parametrize(("offered", "answered"), [("actpass", "active"), ("active", "passive"), ("passive", "active")])
def test_the_dtls_role_is_chosen_as_rfc_8842_says(offered: str, answered: str) -> None:
    assert Setup(offered).answer() == answered


def test_attributes_of_the_session_count_for_its_sections() -> None:
    moved = [f"a=fingerprint:sha-256 {FINGERPRINT}", "a=setup:actpass", "a=ice-ufrag:7h0A"]
    lines = [line for line in CHROMIUM.split("\r\n") if line not in moved]
    at = lines.index("a=extmap-allow-mixed")
    offer = parse_offer("\r\n".join(lines[:at] + moved + lines[at:]))
    assert offer.audio.transport == parse_offer(CHROMIUM).audio.transport


@pytest.mark.parametrize(
    ("cut", "put", "message"),
    [
        ("v=0", "v=1", "v=0"),
        ("m=audio", "m=text", "no audio"),
        ("UDP/TLS/RTP/SAVPF 109", "RTP/AVP 109", "no audio"),
        ("opus/48000/2", "opus/48000", "opus"),
        ("a=rtcp-mux", "a=x", "rtcp-mux"),
        ("a=ice-pwd:V5dn8v3dTWvHkYrV7gqLoEbh", "a=ice-pwd:short", "ice-pwd"),
        ("a=ice-ufrag:7h0A\r\n", "", "ice-ufrag"),
        ("sha-256", "md5", "fingerprint"),
        (FINGERPRINT, FINGERPRINT[:-3], "fingerprint"),
        ("setup:actpass", "setup:holdconn", "setup"),
        ("m=audio 9 ", "m=audio 99999 ", "m="),
        ("s=-", "s", "line 3"),
        ("a=mid:1", "a=mid:a b", "mid"),
    ],
)
def test_what_is_wrong_with_an_offer_is_said(cut: str, put: str, message: str) -> None:
    with pytest.raises(SdpError, match=message):
        parse_offer(CHROMIUM.replace(cut, put))


@pytest.mark.parametrize(
    ("cut", "put", "message"),
    [("m=audio 9", "m=audio 0", "rejected"), ("setup:active", "setup:actpass", "setup"), ("m=audio", "m=x", "audio")],
)
def test_what_is_wrong_with_an_answer_is_said(cut: str, put: str, message: str) -> None:
    good = build_offer(LOCAL, StreamIdentity(7, "c"), session_id=1)
    assert parse_answer(good).audio.transport.candidates == LOCAL.candidates
    with pytest.raises(SdpError, match=message):
        parse_answer(good.replace(cut, put))


def test_a_candidate_that_is_not_understood_is_ignored() -> None:
    offer = parse_offer(CHROMIUM.replace("a=candidate:3312567867 1 udp", "a=candidate:3312567867 1 \x07"))
    assert len(offer.audio.transport.candidates) == 2


def test_a_huge_description_is_refused_before_it_is_read() -> None:
    with pytest.raises(SdpError, match="longer"):
        parse_offer("v=0\r\n" + "a=x\r\n" * 20_000)


lines = st.lists(st.sampled_from(CHROMIUM.split("\r\n")) | st.text(max_size=40), max_size=60)
mutations = st.tuples(st.integers(0, len(CHROMIUM) - 1), st.integers(0, 40), st.text(max_size=8))


@given(st.text(max_size=300) | lines.map("\r\n".join) | lines.map(lambda found: "v=0\n" + "\n".join(found)))
def test_random_lines_raise_nothing_but_sdp_error(text: str) -> None:
    _read_as_both(text)


@given(st.lists(mutations, min_size=1, max_size=6))
def test_random_damage_to_a_good_offer_raises_nothing_but_sdp_error(damages: list[tuple[int, int, str]]) -> None:
    text = CHROMIUM
    for at, length, put in damages:
        text = text[:at] + put + text[at + length :]
    _read_as_both(text)


def _read_as_both(text: str) -> None:
    try:
        answer = answer_to(text)
    except SdpError:
        pass
    else:
        assert "\r\na=rtcp-mux\r\n" in answer
    with suppress(SdpError):
        parse_answer(text)


@given(st.text(max_size=120))
def test_random_text_raises_nothing_but_candidate_error(text: str) -> None:
    try:
        candidate = parse_candidate(text)
    except CandidateError:
        return
    assert parse_candidate(str(candidate)) == candidate


@pytest.mark.parametrize(
    "text",
    [
        "candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 0.0.0.0 rport 0 generation 0",
        "a=candidate:1 1 UDP 2130706431 2001:db8::1 5000 typ host",
        "1 1 tcp 1518280447 192.0.2.9 9 typ host tcptype active",
        "candidate:9 1 udp 1 6a5e3d2c-0f53-4b5c-9c43-000000000000.local 5 typ host",
    ],
)
def test_candidates_are_written_as_they_are_read(text: str) -> None:
    candidate = parse_candidate(text)
    assert parse_candidate(str(candidate)) == candidate


@pytest.mark.parametrize(
    ("lines", "complete"),
    [("", False), ("a=end-of-candidates\r\n", True)],
    ids=["may have more to follow", "has them all"],
)
def test_an_offer_says_whether_candidates_will_follow(lines: str, complete: bool) -> None:
    offer = build_offer(LOCAL, StreamIdentity(1, "c"), session_id=1).replace("a=end-of-candidates\r\n", "")
    assert parse_offer(offer + lines).audio.transport.candidates_complete, "no option, no trickle"
    assert parse_offer(f"{offer}a=ice-options:ice2 trickle\r\n{lines}").audio.transport.candidates_complete is complete
