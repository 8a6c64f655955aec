import pytest
from hypothesis import given
from hypothesis import strategies as st

from quart_chat.domain.signals import (
    PAGE_CHANGES,
    Addresses,
    BadSignal,
    CallPages,
    Candidate,
    Description,
    Media,
    Signal,
    addresses_for,
    as_json,
    cleaned,
)

PUBLIC = "candidate:1 1 udp 2113937151 8.8.8.8 54321 typ srflx raddr 192.168.1.7 rport 54321 generation 0"
PRIVATE = "candidate:1 1 udp 2113937151 192.168.1.7 54321 typ host generation 0 ufrag Ab+/ network-id 1"
HIDDEN = "candidate:1 1 udp 2113937151 2f1c9a30-0b9e-4a53-9e9d-6c1f6a1b2c3d.local 54321 typ host"
RELAYED = "candidate:1 1 udp 41885439 9.9.9.9 50000 typ relay raddr 8.8.8.8 rport 54321"

RELAYED_INSIDE = "candidate:1 1 udp 41885439 10.0.0.9 50000 typ relay raddr 8.8.8.8 rport 54321"


# As browsers offer again once they know their addresses: a default address in the lines about media (RFC 9429, 5.2.2).
REPEATED = [
    "v=0",
    "o=mozilla 4611731400430051336 7 IN IP4 192.168.1.7",
    "s=-",
    "c=IN IP6 fd00::7",
    "t=0 0",
    "a=group:BUNDLE 0 1",
    "m=audio 54321 UDP/TLS/RTP/SAVPF 111 63",
    "c=IN IP4 192.168.1.7",
    "a=rtcp:54322 IN IP4 192.168.1.7",
    "a=remote-candidates:1 192.168.1.7 54321",
    "a=Candidate:1 1 udp 2113937151 8.8.8.8 54321 typ srflx raddr 192.168.1.7 rport 54321",
    f"a={PUBLIC}",
    "a=mid:0",
    "m=video 0 UDP/TLS/RTP/SAVPF 96",
    "a=bundle-only",
    "m=application 54321/2 UDP/DTLS/SCTP webrtc-datachannel",
]


def sdp(*lines: str) -> str:
    return "".join(f"{line}\r\n" for line in lines)


def described(sent: str, addresses: Addresses = Addresses.PUBLIC) -> list[str]:
    """The lines that the other browser is told of a description."""
    signal = cleaned(Description("offer", sent), addresses)
    assert isinstance(signal, Description)
    return signal.sdp.split("\r\n")[:-1]


def candidate(text: str) -> Candidate:
    return Candidate(text, "0", 0, "Ab+/")


def passed_on(text: str, addresses: Addresses) -> str | None:
    signal = cleaned(candidate(text), addresses)
    return signal.candidate if isinstance(signal, Candidate) else None


def description(*candidates: str) -> Description:
    return Description(
        "offer", sdp("v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", *(f"a={text}" for text in candidates))
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (PUBLIC, {Addresses.PUBLIC, Addresses.ALL}),
        (PRIVATE, {Addresses.ALL}),
        (HIDDEN, {Addresses.PUBLIC, Addresses.ALL}),
        (RELAYED, set(Addresses)),
        (RELAYED_INSIDE, {Addresses.NEAR_RELAY, Addresses.ALL}),
    ],
)
def test_an_address_is_told_only_to_whom_it_may_be(text: str, told: set[Addresses]) -> None:
    assert {addresses for addresses in Addresses if passed_on(text, addresses)} == told


def test_a_hidden_visitor_tells_relays_alone_and_only_neighbours_tell_inner_addresses() -> None:
    assert addresses_for(relay=True, same_network=False) is Addresses.RELAY
    assert addresses_for(relay=True, same_network=True) is Addresses.NEAR_RELAY
    assert addresses_for(relay=False, same_network=False) is Addresses.PUBLIC
    assert addresses_for(relay=False, same_network=True) is Addresses.ALL


def test_a_relayed_address_does_not_tell_where_it_was_asked_from() -> None:
    shown = passed_on(RELAYED, Addresses.RELAY)
    assert shown and "8.8.8.8" not in shown and "raddr 0.0.0.0 rport 0" in shown


@pytest.mark.parametrize("addresses", list(Addresses))
def test_a_description_tells_the_candidates_that_may_be_told_alone(addresses: Addresses) -> None:
    candidates = (PUBLIC, PRIVATE, HIDDEN, RELAYED)
    told = [line for line in described(description(*candidates).sdp, addresses) if "candidate" in line]
    assert told == [f"a={text}" for text in (passed_on(text, addresses) for text in candidates) if text]


@pytest.mark.parametrize("addresses", list(Addresses))
def test_no_line_of_a_repeated_offer_tells_an_address_inside_a_network(addresses: Addresses) -> None:
    """Issue 11, line 18."""
    told = "\n".join(described(sdp(*REPEATED), addresses))
    assert "192.168" not in told
    assert "fd00" not in told
    assert "5432" not in told.replace("8.8.8.8 54321", "")


def test_a_repeated_offer_is_otherwise_the_same() -> None:
    """Issue 11, line 18."""
    assert described(sdp(*REPEATED)) == [
        "v=0",
        "o=- 4611731400430051336 7 IN IP4 0.0.0.0",
        "s=-",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 63",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=candidate:1 1 udp 2113937151 8.8.8.8 54321 typ srflx raddr 0.0.0.0 rport 0",
        "a=candidate:1 1 udp 2113937151 8.8.8.8 54321 typ srflx raddr 0.0.0.0 rport 0 generation 0",
        "a=mid:0",
        "m=video 0 UDP/TLS/RTP/SAVPF 96",
        "a=bundle-only",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    ]


@pytest.mark.parametrize("addresses", [Addresses.PUBLIC, Addresses.ALL])
def test_a_candidate_does_not_tell_the_address_behind_it(addresses: Addresses) -> None:
    """Issue 11, line 18."""
    head = "candidate:1 1 udp 2113937151 8.8.8.8 54321 typ srflx"
    assert (
        passed_on(f"{head} RADDR 192.168.1.7 rport 9 ufrag a+/", addresses) == f"{head} raddr 0.0.0.0 rport 0 ufrag a+/"
    )
    assert passed_on(f"{head} raddr 192.168.1.7", addresses) == f"{head} raddr 0.0.0.0 rport 0"
    assert passed_on(f"{head} x-inside 192.168.1.7", addresses) == f"{head} raddr 0.0.0.0 rport 0"


@pytest.mark.parametrize("addresses", list(Addresses))
@pytest.mark.parametrize(
    "address", ["2002:c0a8:107::7", "2001:0:4136:e378:8000:63bf:3fff:fdd2"], ids=["6to4", "Teredo"]
)
def test_an_address_made_of_another_one_is_told_nobody(address: str, addresses: Addresses) -> None:
    """Issue 11, line 18."""
    assert passed_on(f"candidate:1 1 udp 1 {address} 5000 typ host", addresses) is None


@pytest.mark.parametrize("address", ["fec0::7", "fd00::7", "100.64.0.7", "192.168.1.7"])
def test_an_address_inside_a_network_stays_there(address: str) -> None:
    """Issue 11, line 18."""
    text = f"candidate:1 1 udp 1 {address} 5000 typ host"
    assert passed_on(text, Addresses.PUBLIC) is None
    assert passed_on(text, Addresses.ALL) == text


@pytest.mark.parametrize(
    "text",
    [
        "candidate:1 1 udp 1 8.8.8.8 0 typ host",
        "candidate:1 1 udp 1 8.8.8.8 70000 typ host",
        "candidate:1 1 tcp 1 127.0.0.1 6379 typ host tcptype active",
        "candidate:1 1 udp 1 evil.example 5000 typ host",
        f"candidate:1 1 udp 1 {'a' * 900}.local 5000 typ host",
        "candidate:1 1 udp 1 8.8.8.8 5000 typ relay\r\na=evil",
        "<script>alert(1)</script>",
        "candidate:1 1 udp 1 0.0.0.0 5000 typ host",
        "candidate:1 1 udp 1 ::ffff:127.0.0.1 5000 typ host",
    ],
)
@pytest.mark.parametrize("addresses", list(Addresses))
def test_a_hostile_candidate_goes_nowhere(text: str, addresses: Addresses) -> None:
    assert passed_on(text, addresses) is None


@pytest.mark.parametrize(
    "signal",
    [
        Description("offer", ""),
        Description("offer", "not sdp at all"),
        Description("offer", "\n"),
        Description("offer", "v=0\r\na=\x00"),
        Description("offer", "v=0\r\n<script>alert(1)</script>"),
        Description("offer", "v=0\r\n" + "a=x\r\n" * 5_000),
        Description("offer", "v=0\r\na=" + "x" * 70_000),
        Description("offer", "v=0\r\na= candidate:1 1 udp 1 10.0.0.7 9 typ host\r\n"),
        Description("offer", "v=0\r\no=10.0.0.7\r\n"),
        Description("offer", "v=0\r\nm=audio 10.0.0.7 UDP/TLS/RTP/SAVPF 111\r\n"),
        Description("dance", "v=0\r\n"),
        Candidate("x" * 2_000, None, None, None),
        Candidate("", "<b>", None, None),
        Candidate("", None, 99, None),
        Candidate("", None, None, "a b"),
    ],
    ids=lambda signal: repr(signal)[:40],
)
def test_what_is_no_signal_is_refused(signal: Signal) -> None:
    with pytest.raises(BadSignal):
        cleaned(signal, Addresses.ALL)


def test_the_end_of_candidates_and_the_switches_pass() -> None:
    assert cleaned(Candidate("", "0", 0, None), Addresses.RELAY) == Candidate("", "0", 0, None)
    assert cleaned(Media(mic=True, camera=False, shown=True), Addresses.RELAY) == Media(True, False, True)
    assert cleaned(Description("rollback", "junk"), Addresses.ALL) == Description("rollback", "")


class TestCallPages:
    """Issue 11, line 18."""

    def test_a_page_may_send_as_much_as_it_likes_and_be_loaded_anew_a_few_times(self) -> None:
        pages = CallPages(0.0)
        assert all(pages.may_send(f"page {number // 50}", 0.0) for number in range(50 * PAGE_CHANGES.burst))
        assert not pages.may_send("one more", 0.0)

    def test_a_page_that_was_let_in_goes_on_when_others_are_refused(self) -> None:
        pages = CallPages(0.0)
        for number in range(PAGE_CHANGES.burst + 5):
            pages.may_send(f"page {number}", 0.0)
        assert pages.may_send("page 0", 0.0)
        assert pages.may_send(f"page {PAGE_CHANGES.burst - 1}", 0.0)

    def test_a_page_is_let_in_again_after_a_while(self) -> None:
        pages = CallPages(0.0)
        for number in range(PAGE_CHANGES.burst + 5):
            pages.may_send(f"page {number}", 0.0)
        assert pages.may_send("later", PAGE_CHANGES.per / PAGE_CHANGES.burst)

    @given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from((0.0, 1.0, 10.0))), max_size=200))
    def test_never_more_new_pages_than_burst_and_rate(self, steps: list[tuple[int, float]]) -> None:
        pages, now, seen = CallPages(0.0), 0.0, set[int]()
        for page, step in steps:
            now += step
            if pages.may_send(str(page), now):
                seen.add(page)
            assert len(seen) <= PAGE_CHANGES.burst + PAGE_CHANGES.rate * now + 1e-6


@given(st.text(max_size=300), st.sampled_from(Addresses))
def test_any_text_is_passed_on_dropped_or_refused_and_never_breaks(text: str, addresses: Addresses) -> None:
    for signal in (candidate(text), Description("offer", text), description(text)):
        try:
            passed = cleaned(signal, addresses)
        except BadSignal:
            continue
        if passed:
            as_json(passed)
            if isinstance(passed, Description):
                assert cleaned(passed, addresses) == passed
