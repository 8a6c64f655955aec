from itertools import pairwise
from unicodedata import combining, is_normalized
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quart_chat.domain.links import MAX_HREF, MAX_LINKS, Piece, pieces
from quart_chat.domain.naming import given_name
from quart_chat.domain.text import (
    MARKS_PER_BASE,
    MAX_NAME,
    MAX_TEXT,
    MAX_TEXT_BYTES,
    RAW_NAME,
    RAW_TEXT,
    Reason,
    Unwritable,
    clean_message,
    clean_name,
    fold_name,
)
from tests.domain.namesakes import numbered

ACUTE, DOT_BELOW, ZWJ, ZWNJ, VS16 = "\u0301", "\u0323", "\u200d", "\u200c", "\ufe0f"
FAMILY = f"👨{ZWJ}👩{ZWJ}👧"
RAINBOW_FLAG = f"🏳{VS16}{ZWJ}🌈"
SCOTLAND = "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
INVISIBLE = (
    "\0\a\b\x1b\x7f\x80\x85\x9f\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2063\u2066\u2067\u2068\u2069\ufeff\ufff9\ufffc\U000e0041\U000e007f"
)

# What makes cleaning hard, close together: marks, joiners, selectors, blanks, letters that normalising takes apart.
HOSTILE = st.text(
    st.one_of(
        st.sampled_from(
            f"aeo1#* \t\n\r\u2028{ACUTE}{DOT_BELOW}{ZWJ}{ZWNJ}{VS16}\u20e3\u0338\u1100\u1161\u11a8"
            f"{INVISIBLE}👩🏽🏴❤क्षम\u093cی\u064b\u09c7\u09be\u1025\u102e\u00a8\u1ec7\ufb2c\ufdfa\u3164\u2800\u115f\uffa0"
        ),
        st.characters(exclude_categories=["Cs"]),
    )
)


def reason_against_message(raw: str) -> Reason:
    with pytest.raises(Unwritable) as refused:
        clean_message(raw)
    return refused.value.reason


def reason_against_name(raw: str) -> Reason:
    with pytest.raises(Unwritable) as refused:
        clean_name(raw)
    return refused.value.reason


def message_or_none(raw: str) -> str | None:
    try:
        return clean_message(raw)
    except Unwritable:
        return None


def name_or_none(raw: str) -> str | None:
    try:
        return clean_name(raw)
    except Unwritable:
        return None


names = HOSTILE.map(name_or_none).filter(lambda name: name is not None).map(str)
messages = HOSTILE.map(message_or_none).filter(lambda text: text is not None).map(str)


def longest_run_of_marks(text: str) -> int:
    longest = run = 0
    for char in text:
        run = run + 1 if combining(char) else 0
        longest = max(longest, run)
    return longest


class TestMessages:
    @settings(max_examples=400)
    @given(HOSTILE)
    def test_cleaning_twice_changes_nothing_more(self, raw: str) -> None:
        once = message_or_none(raw)
        assert once is None or clean_message(once) == once

    @given(st.text(max_size=200))
    def test_any_text_at_all_is_cleaned_or_refused(self, raw: str) -> None:
        text = message_or_none(raw)
        if text is not None:
            assert is_normalized("NFC", text)
            assert 0 < len(text) <= MAX_TEXT
            assert len(text.encode()) <= MAX_TEXT_BYTES
            assert text == text.strip()

    @given(messages)
    def test_nothing_invisible_and_no_tall_stacks_come_through(self, text: str) -> None:
        assert not set(text) & set(INVISIBLE.replace("\U000e007f", ""))
        assert "\r" not in text
        assert "\n\n\n\n" not in text
        assert longest_run_of_marks(text) <= MARKS_PER_BASE

    @given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1).filter(lambda t: t == t.strip()))
    def test_plain_ascii_stays_as_it_is(self, text: str) -> None:
        assert clean_message(text) == text

    @settings(max_examples=400)
    @given(st.text(st.characters(max_codepoint=0x90), max_size=40))
    @example("a" * MAX_TEXT)
    @example("a" * (MAX_TEXT + 1))
    @example("a\n")
    @example("a\x7f")
    def test_plain_text_is_cleaned_like_any_other(self, text: str) -> None:
        """What needs no cleaning is told at a glance; an invisible character in front has it looked at closely."""
        assert message_or_none(text) == message_or_none(f"\u200b{text}")

    @pytest.mark.parametrize(
        "text",
        [
            "two\nlines\tand a tab",
            "<script>alert(1)</script>",
            '"><div hx-get="/leave" hx-trigger="load">',
            "{{7*7}} {% raw %} ${7*7} <%= %>",
            "'; DROP TABLE rooms; --",
            "=cmd()|' /C calc'!A0",
            "Grüße, Žluťoučký kůň, Việt Nam",
            "नमस्ते क्षत्रिय",
            f"क्{ZWJ}ष and क्{ZWNJ}ष",
            f"ශ්{ZWJ}රී",
            f"ന്{ZWJ}",
            f"র{ZWJ}্য",
            f"می{ZWNJ}خواهم",
            "ကြိုးစားသည်",
            "ប្រទេសកម្ពុជា",
            "བསྒྲུབས",
            "שָׁלוֹם",
            "สวัสดีครับ ที่นี่",
            "こんにちは、世界。 안녕하세요",
            "👍🏽 1️⃣ #️⃣ ❤️ 🇩🇪",
            FAMILY,
            RAINBOW_FLAG,
            f"❤{VS16}{ZWJ}🔥",
            f"👩🏽{ZWJ}❤{VS16}{ZWJ}💋{ZWJ}👨🏻",
            f"🙂{ZWJ}↔{VS16}",
            SCOTLAND,
            "葛\U000e0100飾区",
        ],
    )
    def test_what_people_write_stays_as_it_is(self, text: str) -> None:
        assert clean_message(text) == text

    def test_letters_written_in_parts_become_one(self) -> None:
        assert clean_message(f"Ame{ACUTE}lie") == "Amélie"
        assert clean_message("\u1112\u1161\u11ab") == "한"

    @pytest.mark.parametrize("line_break", ["\r\n", "\r", "\u2028", "\u2029"])
    def test_every_line_break_becomes_a_newline(self, line_break: str) -> None:
        assert clean_message(f"one{line_break}two") == "one\ntwo"

    @pytest.mark.parametrize("char", INVISIBLE)
    def test_an_invisible_character_is_taken_out(self, char: str) -> None:
        assert clean_message(f"a{char}b") == "ab"

    def test_a_terminal_escape_loses_its_escape(self) -> None:
        assert clean_message("\x1b[2Jhello") == "[2Jhello"

    def test_a_turned_file_name_shows_its_true_end(self) -> None:
        assert clean_message("cod\u202egnp.exe") == "codgnp.exe"

    @pytest.mark.parametrize("text", [f"a{ZWJ}b", f"a{ZWNJ}b", f"{ZWJ}ab", f"ab{ZWJ}", f"a{ZWJ * 9}b"])
    def test_joiners_that_join_nothing_are_taken_out(self, text: str) -> None:
        assert clean_message(text) == "ab"

    def test_joiners_do_not_pile_up_between_emoji(self) -> None:
        assert clean_message(f"👨{ZWJ * 50}👩") == f"👨{ZWJ}👩"

    def test_a_joiner_does_not_come_between_a_letter_and_its_mark(self) -> None:
        assert clean_message(f"e{ZWJ}{ACUTE}") == "é"

    def test_a_non_joiner_has_no_business_between_emoji(self) -> None:
        assert clean_message(f"👨{ZWNJ}👩") == "👨👩"

    def test_a_joiner_has_no_variations(self) -> None:
        assert clean_message(f"क्{ZWJ}{VS16}ष") == f"क्{ZWJ}ष"

    def test_variation_selectors_carry_no_hidden_message(self) -> None:
        hidden = "".join(chr(0xE0100 + byte) for byte in b"secret")
        assert clean_message(f"😀{hidden}") == "😀\U000e0173"

    def test_tags_carry_no_hidden_message(self) -> None:
        assert clean_message("hi" + "".join(chr(0xE0000 + byte) for byte in b"secret")) == "hi"

    def test_marks_beyond_the_third_are_taken_off(self) -> None:
        assert clean_message("q" + ACUTE * 500 + "!") == "q" + ACUTE * 3 + "!"

    def test_joiners_and_selectors_between_marks_do_not_let_more_of_them_in(self) -> None:
        tower = "q" + f"{ACUTE}{ZWJ}{DOT_BELOW}{VS16}" * 100
        assert len(clean_message(tower)) == 1 + MARKS_PER_BASE

    @pytest.mark.parametrize("mark", ["\u302e", "\U0001d165", "\U0001d16d"])
    def test_spacing_marks_that_normalising_must_sort_are_counted_too(self, mark: str) -> None:
        assert len(clean_message("q" + mark * 100)) <= 1 + MARKS_PER_BASE

    def test_a_mark_needs_something_to_stand_on(self) -> None:
        assert clean_message(f"{ACUTE}a {ACUTE}b\n{ACUTE}c") == "a b\nc"

    def test_more_than_two_empty_lines_become_two(self) -> None:
        assert clean_message("a" + "\n" * 50 + "b") == "a\n\n\nb"
        assert clean_message("a\n \t\n\u3000\n\u2800\n\u3164\n  b") == "a\n\n\n  b"

    def test_two_empty_lines_stay(self) -> None:
        assert clean_message("a\n\n\nb") == "a\n\n\nb"

    def test_blank_around_is_trimmed(self) -> None:
        assert clean_message("\n \t\u00a0hello\u3000 \n") == "hello"

    @pytest.mark.parametrize(
        "raw",
        ["", " ", "\n\t\r\n", "\u00a0\u3000", "\0", "\u200b", ZWJ, VS16, "\u3164", "\u2800\u2800", "\u115f\u1160",
         ACUTE, ACUTE * 2000, "\u202e\u2066", "\ufeff", "\u0903", "\U0001d159", "\U000e007f"],
    )  # fmt: skip
    def test_nothing_to_see_is_refused_as_empty(self, raw: str) -> None:
        assert reason_against_message(raw) is Reason.EMPTY

    @pytest.mark.parametrize("char", ["x", "é", "漢", "🦦"])
    def test_the_longest_message_is_kept_whole_and_one_more_is_refused(self, char: str) -> None:
        assert clean_message(char * MAX_TEXT) == char * MAX_TEXT
        assert reason_against_message(char * (MAX_TEXT + 1)) is Reason.TOO_LONG

    def test_length_is_counted_after_cleaning(self) -> None:
        assert len(clean_message(f"e{ACUTE}\u200b" * MAX_TEXT + " \n")) == MAX_TEXT

    def test_what_is_far_too_long_is_not_even_cleaned(self) -> None:
        assert reason_against_message(" " * (RAW_TEXT + 1)) is Reason.TOO_LONG

    @pytest.mark.parametrize("raw", ["\ud800", "a\udfffb", "\udc00\ud800", "\ud83d\ude00"])
    def test_lone_surrogates_are_unreadable(self, raw: str) -> None:
        assert reason_against_message(raw) is Reason.UNREADABLE

    def test_a_refusal_does_not_repeat_the_text(self) -> None:
        with pytest.raises(Unwritable) as refused:
            clean_message("secret \ud800")
        assert "secret" not in f"{refused.value!r}"
        assert refused.value.__suppress_context__


class TestNames:
    @given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30))
    def test_blanks_around_a_name_make_no_difference(self, raw: str) -> None:
        assert name_or_none(f"  {raw} ") == name_or_none(raw)

    @settings(max_examples=400)
    @given(HOSTILE)
    @example("\ufdfa")
    def test_cleaning_twice_changes_nothing_more(self, raw: str) -> None:
        once = name_or_none(raw)
        assert once is None or clean_name(once) == once

    @given(st.text(max_size=60))
    def test_any_name_at_all_becomes_one_short_line_or_is_refused(self, raw: str) -> None:
        name = name_or_none(raw)
        if name is not None:
            assert 0 < len(name) <= MAX_NAME
            assert is_normalized("NFKC", name)
            assert name == " ".join(name.split())
            assert name.encode()

    @pytest.mark.parametrize(
        "name",
        ["Ann", "Anne-Marie O'Neill", "Łukasz", "Åsa Öberg", "Иван", "Ελένη", "محمد", "दीपक", "さくら", "지민",
         "王小明", "🦦", f"Max {FAMILY}", 'a" onfocus=alert(1) x="', "a' --", "`ls`", "{{7*7}}", "<b>Bo</b>", "007",
         "Teal Otter"],
    )  # fmt: skip
    def test_names_of_people_stay_as_they_are(self, name: str) -> None:
        assert clean_name(name) == name

    @pytest.mark.parametrize(
        ("raw", "name"),
        [
            ("  Ann \t\r\n  Lee  ", "Ann Lee"),
            ("Ann\u2028Lee", "Ann Lee"),
            ("Ann\u3000Lee", "Ann Lee"),
            ("A\u200bnn\u202e", "Ann"),
            ("Ａｎｎ", "Ann"),
            ("𝓐𝓷𝓷", "Ann"),
            ("ﬁona", "fiona"),
            (f"Ame{ACUTE}lie", "Amélie"),
            ("Ann\u3164\u2800", "Ann"),
            ("An\x00n\x1b", "Ann"),
            ("Z" + ACUTE * 100, "Ź" + ACUTE * 3),
        ],
    )
    def test_names_are_brought_into_form(self, raw: str, name: str) -> None:
        assert clean_name(raw).rstrip(ACUTE) == name.rstrip(ACUTE)

    def test_a_name_carries_no_tower_of_marks(self) -> None:
        assert len(clean_name("Q" + ACUTE * 100)) == 1 + MARKS_PER_BASE

    @pytest.mark.parametrize(
        "raw",
        ["", "   ", "\u200b\u200b", "\u3164", "\u2800", "\uffa0", "\u115f\u1160", ACUTE * 5, f"{ZWJ}{VS16}", "\u00ad",
         "\u202e", "\u00a8", "\u3000"],
    )  # fmt: skip
    def test_a_name_that_looks_like_nothing_is_refused_as_empty(self, raw: str) -> None:
        assert reason_against_name(raw) is Reason.EMPTY

    def test_the_longest_name_is_kept_and_one_more_is_refused(self) -> None:
        assert clean_name("x" * MAX_NAME) == "x" * MAX_NAME
        assert reason_against_name("x" * (MAX_NAME + 1)) is Reason.TOO_LONG
        assert reason_against_name("\ufdfa" * 2) is Reason.TOO_LONG
        assert reason_against_name(" " * (RAW_NAME + 1)) is Reason.TOO_LONG

    def test_lone_surrogates_are_unreadable(self) -> None:
        assert reason_against_name("Ann\ud800") is Reason.UNREADABLE

    @pytest.mark.parametrize(
        "name",
        ["System", "moderator", "MOD", "Admin", "Administrator", "You", "Server", "Stranger", "quart-chat",
         "Quart Chat", "Support", "Staff", "Everyone", "Official Support", "The Admin", "Mods", "Modbot",
         "Support Team"],
    )  # fmt: skip
    def test_the_voices_of_the_app_are_reserved(self, name: str) -> None:
        assert reason_against_name(name) is Reason.RESERVED

    @pytest.mark.parametrize(
        "name",
        [
            "Mod\u200berator",
            "\u041coderator",
            "\u041c\u043ed\u0435r\u0430t\u043er",
            "\u039c\u03bfd",
            "\u0405\u0423\u0405\u0422\u0415\u041c",
            "Ｓｙｓｔｅｍ",
            "𝐌𝐨𝐝",
            "Ⓜⓞⓓ",
            "🅼🅾🅳 2",
            "🇲 🇴 🇩",
            "ᴍᴏᴅ",
            "M0d",
            "Adm1n",
            "Admln",
            "adm|n",
            "@dmin",
            "@dm!n!",
            "5y5t3m",
            "rnod",
            "ovvner",
            "M\u00d8D",
            "M o d",
            "m.o.d.",
            "M!o!d",
            "_-Mod-_",
            "Mod 2",
            "Mod2",
            "M.o.d.! (2)",
            "1 Mod",
            "Moderator ✅",
            f"Mo{ACUTE}d",
            f"M{ZWNJ}od",
            "Syst\u0435m 12 3",
        ],
    )
    def test_look_alikes_of_reserved_names_are_refused(self, name: str) -> None:
        assert reason_against_name(name) is Reason.RESERVED

    @pytest.mark.parametrize(
        "name",
        ["Modesty", "Youssef", "Stafford", "Administrative Ann", "Modi", "Theo", "Strangelove", "Suppor 7",
         "2", "!!!", "Иван", "Συστ", "Servet"],
    )  # fmt: skip
    def test_names_that_only_begin_like_reserved_ones_are_welcome(self, name: str) -> None:
        assert clean_name(name) == name


class TestNamesakes:
    @pytest.mark.parametrize(
        ("one", "other"), [("Ann", "ANN"), ("Straße", "STRASSE"), ("Σας", "ΣΑΣ"), ("Ann", "Ａｎｎ"), ("é", f"e{ACUTE}")]
    )
    def test_names_that_differ_in_case_or_form_count_as_the_same(self, one: str, other: str) -> None:
        assert fold_name(one) == fold_name(other)

    def test_other_names_count_as_others(self) -> None:
        assert fold_name("Ann") != fold_name("Anna")
        assert fold_name("Ann") != fold_name("Ann 2")

    @given(names)
    def test_folding_twice_changes_nothing_more(self, name: str) -> None:
        assert fold_name(fold_name(name)) == fold_name(name)

    def test_a_namesake_gets_a_number(self) -> None:
        assert numbered("Ann", 2) == "Ann 2"

    def test_a_long_name_gives_way_to_its_number(self) -> None:
        assert numbered("x" * MAX_NAME, 12) == "x" * (MAX_NAME - 3) + " 12"

    def test_a_shortened_name_leaves_no_blank_and_no_joiner_behind(self) -> None:
        assert numbered("x" * 21 + " yz", 2) == "x" * 21 + " 2"
        assert numbered("x" * 20 + f"👨{ZWJ}👩y", 2) == "x" * 20 + "👨 2"

    def test_a_shortened_name_does_not_become_a_reserved_one(self) -> None:
        assert numbered(clean_name("x" * 17 + " model"), 2) == "x" * 17 + " mo 2"

    @given(names, st.integers(2, 99_999))
    def test_the_key_of_a_numbered_name_is_what_folding_it_gives(self, name: str, n: int) -> None:
        label = given_name(name).numbered(n)
        assert label.fold == fold_name(label.text)

    @given(names, st.integers(2, 99_999))
    def test_a_numbered_name_is_a_clean_name(self, name: str, n: int) -> None:
        assert clean_name(numbered(name, n)) == numbered(name, n)

    @given(names, st.integers(2, 99_999), st.integers(2, 99_999))
    def test_two_numbers_make_two_names(self, name: str, n: int, m: int) -> None:
        assert (fold_name(numbered(name, n)) == fold_name(numbered(name, m))) == (n == m)


def links(text: str) -> list[str]:
    return [piece.text for piece in pieces(text) if piece.href is not None]


def href(text: str) -> str | None:
    (piece,) = pieces(text)
    return piece.href


URLISH = st.text(st.sampled_from("htps:/@.()[]?#%&=-_\\\"'<> \n,!aZ09éя。）"))
LINKISH = st.lists(st.one_of(st.sampled_from(["http://", "HTTPS://", "a.example", "/x?y=1"]), URLISH)).map("".join)


class TestLinks:
    @given(st.one_of(messages, LINKISH))
    def test_the_pieces_joined_are_the_message(self, text: str) -> None:
        assert "".join(piece.text for piece in pieces(text)) == text

    @given(st.one_of(messages, LINKISH))
    def test_no_piece_is_empty_and_plain_ones_do_not_touch(self, text: str) -> None:
        split = pieces(text)
        assert all(piece.text for piece in split)
        assert all(one.href or other.href for one, other in pairwise(split))

    @given(LINKISH)
    def test_a_link_is_safe_to_stand_in_an_attribute(self, text: str) -> None:
        for link in filter(None, (piece.href for piece in pieces(text))):
            assert not set(link) & set("\"'<>`\\{}|^")
            assert not any(char.isspace() or not char.isprintable() for char in link)

    @given(LINKISH)
    def test_a_link_leads_to_a_web_server_and_names_no_user(self, text: str) -> None:
        for link in filter(None, (piece.href for piece in pieces(text))):
            parts = urlsplit(link)
            assert parts.scheme in ("http", "https")
            assert parts.hostname
            assert parts.username is None

    def test_a_link_in_a_sentence_is_found(self) -> None:
        assert pieces("See https://a.example/x?y=1#z now") == [
            Piece("See ", None),
            Piece("https://a.example/x?y=1#z", "https://a.example/x?y=1#z"),
            Piece(" now", None),
        ]

    def test_a_text_without_links_is_one_piece(self) -> None:
        assert pieces("hello") == [Piece("hello", None)]

    @pytest.mark.parametrize(
        "text",
        ["http://a.example", "HTTPS://A.example/", "http://localhost:8000/room/K7QM2X", "http://127.0.0.1/",
         "http://bücher.example", "http://उदाहरण.भारत/", "https://a.example./", "http://a_b.example",
         "https://a.example/@ann", "https://a.example/wiki/Otter_(animal)", "https://a.example/?q=(a)(b)"],
    )  # fmt: skip
    def test_addresses_of_the_web_are_links(self, text: str) -> None:
        assert links(text) == [text]

    @pytest.mark.parametrize(
        "text",
        ["javascript:alert(1)", "data:text/html,x", "//evil.example", "ftp://a.example", "www.a.example", "http://",
         "http:///x", "https://?x", "http://.", "http://..a", "http://a..b", "http://-a.example", "http://:80/",
         "http://ann@a.example", "http://ann:pw@a.example", "http://a.example:80@evil.example", "http://@evil.example",
         "http://a%2eexample", "http://a.example:x/", "http://[::1]/", "httpſ://a.example", "xhttp://a.example",
         "http:\\\\a.example", "http://a\u2044b.example", "http://a\u200db.example"],
    )  # fmt: skip
    def test_anything_else_stays_plain(self, text: str) -> None:
        assert pieces(text) == [Piece(text, None)]

    @pytest.mark.parametrize(
        "closing", [".", ",", ";", ":", "!", "?", ")", "'", '"', "...", "?!", ").", '."', "。", "！", "’", "”", "…"]
    )
    def test_closing_punctuation_is_not_part_of_a_link(self, closing: str) -> None:
        assert links(f"(https://a.example/x{closing} and") == ["https://a.example/x"]

    def test_parentheses_that_a_link_opened_belong_to_it(self) -> None:
        assert links("(https://a.example/x_(y))") == ["https://a.example/x_(y)"]

    @pytest.mark.parametrize("end", ['"onmouseover=alert(1)', "<b>", ">", "\\@evil.example", " x", "\u3000x", "\nx"])
    def test_a_link_ends_where_markup_or_a_blank_begins(self, end: str) -> None:
        assert links(f"https://a.example{end}") == ["https://a.example"]

    def test_what_could_break_out_of_an_attribute_is_encoded(self) -> None:
        assert href("https://a.example/'x'`{|}^é") == "https://a.example/%27x%27%60%7B%7C%7D%5E%C3%A9"

    def test_a_link_that_grows_too_long_once_encoded_stays_plain(self) -> None:
        """Issue 11, line 14."""
        shortest, longest = "https://a.example/", "https://a.example/" + "x" * (MAX_HREF - 18)
        assert href(longest) == longest
        assert href(f"{longest}x") is None
        assert href(shortest + "\U0001f98a" * 40) == shortest + "%F0%9F%A6%8A" * 40
        assert href(shortest + "\U0001f98a" * 41) is None

    def test_a_link_that_is_too_long_takes_no_other_one_with_it(self) -> None:
        """Issue 11, line 14."""
        assert links("http://a.example/1 https://b.example/" + "\U0001f98a" * 1_900 + " http://c.example/2") == [
            "http://a.example/1",
            "http://c.example/2",
        ]

    def test_a_message_full_of_links_shows_the_first_ones_as_links(self) -> None:
        """Issue 11, line 14."""
        written = [f"http://a.example/{number}" for number in range(MAX_LINKS + 5)]
        assert links(" ".join(written)) == written[:MAX_LINKS]

    def test_a_scheme_is_written_small(self) -> None:
        assert href("HTTPS://A.example/B") == "https://A.example/B"

    def test_what_is_encoded_already_stays_so(self) -> None:
        assert href("https://a.example/%C3%A9?a=b&c=%20") == "https://a.example/%C3%A9?a=b&c=%20"

    def test_links_stand_beside_any_script(self) -> None:
        assert links("看https://a.example/x。また http://b.example！") == ["https://a.example/x", "http://b.example"]

    @pytest.mark.parametrize(
        "part", ["http://", "http://a", "http://a ", "h", "(", ")", "http://(", ".", "@", "http://a:"]
    )
    def test_a_message_full_of_beginnings_is_split_all_the_same(self, part: str) -> None:
        text = "http://a.example/" + part * (50 * MAX_TEXT)
        assert "".join(piece.text for piece in pieces(text)) == text
