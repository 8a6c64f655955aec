import pytest
from hypothesis import given
from hypothesis import strategies as st

from quart_chat.domain.signals import (
    Addresses,
    BadSignal,
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


def candidate(text: str) -> Candidate:
    return Candidate(text, "0", 0, "Ab+/")


def passed_on(text: str, addresses: Addresses) -> str | None:
    signal = cleaned(candidate(text), addresses)
    return signal.candidate if isinstance(signal, Candidate) else None


def description(*candidates: str) -> Description:
    lines = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", *(f"a={text}" for text in candidates)]
    return Description("offer", "".join(f"{line}\r\n" for line in lines))


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


def test_whoever_hides_tells_relays_alone_and_only_neighbours_tell_what_is_inside() -> None:
    assert addresses_for(relay=True, same_network=False) is Addresses.RELAY
    assert addresses_for(relay=True, same_network=True) is Addresses.NEAR_RELAY
    assert addresses_for(relay=False, same_network=False) is Addresses.PUBLIC
    assert addresses_for(relay=False, same_network=True) is Addresses.ALL


def test_a_relayed_address_does_not_tell_where_it_was_asked_from() -> None:
    shown = passed_on(RELAYED, Addresses.RELAY)
    assert shown and "8.8.8.8" not in shown and "raddr 0.0.0.0 rport 0" in shown


@pytest.mark.parametrize("addresses", list(Addresses))
def test_a_description_tells_no_address_that_a_candidate_may_not(addresses: Addresses) -> None:
    signal = cleaned(description(PUBLIC, PRIVATE, HIDDEN, RELAYED), addresses)
    assert isinstance(signal, Description)
    for text in (PUBLIC, PRIVATE, HIDDEN):
        assert (text in signal.sdp) == bool(passed_on(text, addresses))


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
