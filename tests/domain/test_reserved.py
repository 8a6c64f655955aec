from unicodedata import is_normalized

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quart_chat.domain.confusables import PROTOTYPES
from quart_chat.domain.reserved import TITLES, is_reserved
from quart_chat.domain.text import Reason, Unwritable, clean_name
from tests.domain.namesakes import numbered

REAL_NAMES = """
Aaliyah Aaron Abdallah Abdul Abebe Abigail Adam Ade Adèle Aditi Admir Admira Admon Adnan Adrián Ágnes Agnieszka Ahmed
Aiko Aisha Akua Alain Albert Aleksandr Alessandro Alicia Alistair Álvaro Amadou Amélie Amina Amit Ana Anastasia Anders
Andrea Ángel Anh Anna Anne-Marie António Anya Aoife Arjun Arnaud Artur Åsa Astrid Atatürk Aurélie Ayodele Ayşe Badr
Bao Barnabás Beatriz Benjamin Bernd Bilal Björn Bogdan Boris Brigitte Bruno Caitlín Camille Carmen Chidi Chinonso
Chloé Clara Claudia Clément Colm Cornelia Cosmin Dagmar Damir Daniel Daria Dawid Deepika Demetrios Dilnoza Diyar
Dmitri Dodo Ebba Eduard Eilidh Eirini Elena Eleftheria Elif Elisabeth Emeka Emil Emir Emmanuel Enrique Erin Estel·la
Eszter Everett Everly Fatima Fatoumata Fernanda Filip Finn Florin Françoise Freja Gabriel Gal·la Gintarė Giulia Goran
Grace Guðrún Gülşen Hamza Hannah Hans-Peter Hao Helga Hiroshi Hương Ian Ibrahim Ida Ignacio Ilse Imani Ingrid Inés
Ioana Irina Isabel Iván Jadwiga Jakub Jamal Jan Jasmin Javier Jean-Luc Jelena Jens Jiří João Jomo Jörg José Joyce Juan
Jürgen Kaito Karim Katarzyna Kateřina Keiko Kevin Khadija Kofi Krzysztof Kwame Laila Lars Łukasz László Leah Lefteris
Lefty Leila Lerato Liam Lin Linh Ljubica Lola Lucía Luigi Magdalena Malik Manuel Marcin Marcel·la Maria Mario Marta
Matthieu Maud Maude Max Mehmet Mei Melis Mercy Michael Miguel Mihai Milan Mina Miroslav Moana Modan Modest Modesta
Modesty Modestas Modesto Modi Modou Modris Mohammed Moira Monika Moriah Muhammad Murphy Nadia Naoko Natalia Ngozi
Nguyễn Nia Niamh Nicola Nikolai Nina Noémie Noor Núria O'Brien Océane Olga Oleksandr Olivia Omar Ömer Orhan Oscar Otto
Owain Owen Owena Pablo Patrick Paweł Pedro Petra Phoebe Pierre Priya Quang Quentin Rachel Raj Ramón Raúl René Ricardo
Robert Rory Rosalía Ruth Safa Safet Safiya Safiye Sagal Said Samuel Sanjay Saoirse Sara Sebastian Sergei Seryozha
Servaas Servet Seung-min Siân Siddharth Sigrid Simone Siobhán Sisto Siv Sofia Søren Stacey Staffan Stafford Stéphane
Stoyan Suleiman Supriya Sven Sysse Sytske Tadeusz Takumi Tamar Tariq Tatiana Teodor Thabo Theo Theodora Thérèse Thomas
Tibor Tomás Trevor Ulrike Umberto Uma Valentín Vera Viktor Vivienne Vusi Walid Wei Wiktoria Wilhelm Xavier Ximena Yael
Yasmin Yiannis Yoav Yolanda Yosef You-jin Youjin Younes Yousef Youssef Youssou Yvette Yuki Yusuf Zahra Zainab Zoë
Zofia Zsófia Александр Анна Борис Вера Владимир Галина Дмитрий Екатерина Зоя Иван Любовь Модест Наталья Ольга Пётр
Роза Тимур Фёдор Юлия Ярослав Олександр Їванна Αλέξανδρος Γιώργος Δήμητρα Ελένη Μόδεστος Νίκος Σοφία Χρήστος Արամ
Նարեկ Սարգիս გიორგი ნინო תמר יוסף מיכאל محمد فاطمة علی مریم यश दीपक प्रिया আয়েশা ਗੁਰਪ੍ਰੀਤ ஆனந்த் లక్ష్మి സുരേഷ് สมชาย
ကိုကို សុខា さくら ケンジ 太郎 地민 지민 김유진 王小明 李娜 阿凡提·買買提 マリー・アントワネット ᏣᎳᎩ ᐊᓇ ኢየሱስ
"""

ORDINARY_NAMES = [
    *("Badminton", "Adminah", "Mo D", "Mo D'Angelo", "Moddy", "Modulo", "Systematic", "Supportive", "Yo"),
    *("Yours Truly", "Youngster", "Ownership", "Serverless", "Strange Stranger", "Perfect Stranger", "Thank You"),
    *(
        "Server Demir",
        "Everyone's Friend",
        "Somebody Else",
        "Left Shark",
        "Joiner",
        "Ann Joinedson",
        "Insecure",
        "Unsafety",
        "Co-op",
    ),
    *("Commodore 64", "Modern Art", "Outmoded", "Suppor 7", "5 Tim", "R2-D2", "1337", "@home", "$am", "Wow!!"),
]

IMPOSTORS = [
    *("Anna (Admin)", "the admin", "Bob moderator", "Ann Mod", "Admin Anna", "Ann (Mod)", "Ann [MOD] 2"),
    *("Anna | Staff", "Mods Only", "Anna, System", "Ann Official Support", "Anna_Admin", "Anna-Admin", "AnnaAdmin"),
    *("Anna@Admin", "Anna (@dmin)", "Anna @dm1n", "Quart Chat Anna", "QuartChat Bot", "A d m i n Anna"),
    *("Anna m.o.d.", "Ann (Ad-min)", "Sys Tem Message", "Anna Modbot", "xX Admin Xx", "Bob (Owner)", "Chat Security"),
    *("Anna \U0001f17c\U0001f17e\U0001f173", "Anna (you)", "Bob [you]", "Ann {Everyone}"),
    *("Anna \u0430dmin", "Anna (\u039co\u217e)"),
]

NOTICES = [
    *("Ann left", "Ann left · Bob", "Ann left • Bob", "Ann has left", "Ann joined", "Ann and Bob joined", "AnnLeft"),
    *("Ann 1eft", "Ann l\u0435ft", "Ann left\u30fbBob"),
]

LOOKALIKE_NAMES = [
    *("\u054fystem", "S\u04afstem", "\u0405\u03b3stem", "Adm\u1d09n", "\u0394dmin", "\u039bdmin", "Adm\u00a1n"),
    *("Adm\u01c0n", "m\u0254d", "m\u0275d", "m\u00f8d", "mo\u0257", "mo\u0111", "mo\u217e", "moclerator"),
    *("rnoclerator", "\u1e42od", "Mo\u0501", "\u20a5od", "Mo\u1d05", "\u1d0dod", "\u043cod", "5ta\u0192\u0192"),
    *("\u017ftaff", "Sta\ufb00", "0wner", "0vvner", "$y$tem", "\u00a7ystem", "Sys\u2020em", "sys+em", "Syst\u20acm"),
    *("\u015e\u0173pp\u0151rt", "Suppo\u0433t", "\u0406nvi\u0455ible M\u043ed", "S\u0435\u0433v\u0435\u0433"),
]

# What the rules look for; names are made of it.
PARTS = [
    *("mod", "Mo", "d", "Admin", "Sup", "port", "left", "joined", "you", "the", "bot", "team", "quart", "chat"),
    *("s", "l", "1", "7", " ", "  ", "·", "•", "・", "(", ")", "@", "$", "+", "rn", "cl", "vv", "\u0301", "\u200d"),
    *("Տ", "ß", "🅼"),
]
TRICKY = st.lists(st.one_of(st.sampled_from(PARTS), st.text(max_size=3)), max_size=8).map("".join)


def reason_against(raw: str) -> Reason | None:
    try:
        clean_name(raw)
    except Unwritable as refused:
        return refused.reason
    return None


class TestWhoMaySpeakForTheApp:
    """Issue 11, line 19."""

    @pytest.mark.parametrize("name", IMPOSTORS)
    def test_a_title_anywhere_in_a_name_is_refused(self, name: str) -> None:
        assert reason_against(name) is Reason.RESERVED

    @pytest.mark.parametrize("name", LOOKALIKE_NAMES)
    def test_a_title_in_look_alikes_is_refused(self, name: str) -> None:
        assert reason_against(name) is Reason.RESERVED

    @pytest.mark.parametrize("title", TITLES)
    def test_no_look_alike_of_a_single_letter_makes_a_title_pass(self, title: str) -> None:
        alike = {"i": ("i", "l"), "m": ("m", "rn"), "w": ("w", "vv")}
        passed = [
            (title[:place] + char + title[place + 1 :], hex(ord(char)))
            for place, letter in enumerate(title)
            for char, prototype in PROTOTYPES.items()
            if is_normalized("NFKC", char) and prototype.lower() in alike.get(letter, (letter,))
            if reason_against(title[:place] + char + title[place + 1 :]) is None
        ]
        assert passed == []

    @pytest.mark.parametrize("name", NOTICES)
    def test_a_name_does_not_read_like_a_notice(self, name: str) -> None:
        assert reason_against(name) is Reason.RESERVED


class TestNamesThatPass:
    """Issue 11, line 19."""

    @pytest.mark.parametrize("name", REAL_NAMES.split())
    def test_a_real_name_passes(self, name: str) -> None:
        assert clean_name(name) == name
        assert clean_name(f"{name} {name[0]}.") == f"{name} {name[0]}."
        assert numbered(name, 2) == f"{name} 2"

    @pytest.mark.parametrize("name", ORDINARY_NAMES)
    def test_a_name_that_merely_contains_the_letters_passes(self, name: str) -> None:
        assert clean_name(name) == name


class TestSeparatorsOfNotices:
    """Issue 11, line 19."""

    @pytest.mark.parametrize("dot", ["·", "•", "∙", "⋅", "‧", "・", "･", "⸱", "᛫", "ꞏ", "ᐧ", "\u0387"])
    def test_a_separator_and_its_look_alikes_become_a_blank(self, dot: str) -> None:
        assert clean_name(f"Ann {dot} Bob") == "Ann Bob"
        assert clean_name(f"{dot}Ann{dot}") == "Ann"

    @pytest.mark.parametrize("name", ["Gal·la", "阿凡提·買買提", "マリー・アントワネット", "ᑲᐧᐃ", "प्रिया·यश"])
    def test_a_dot_within_a_word_stays(self, name: str) -> None:
        assert clean_name(name) == name


class TestAnyName:
    """Issue 11, line 19."""

    @settings(max_examples=500)
    @given(TRICKY)
    @example("a·\u0301b")
    def test_cleaning_twice_changes_nothing_more(self, raw: str) -> None:
        try:
            once = clean_name(raw)
        except Unwritable:
            return
        assert clean_name(once) == once
        assert " · " not in once

    @settings(max_examples=500)
    @given(TRICKY, st.integers(2, 99_999))
    @example("Ann leftover of the day", 2)
    @example("Modbo", 7)
    def test_a_numbered_name_is_never_reserved(self, raw: str, n: int) -> None:
        try:
            name = clean_name(raw)
        except Unwritable:
            return
        assert clean_name(numbered(name, n)) == numbered(name, n)

    @given(st.text(max_size=40))
    def test_any_text_at_all_has_an_answer(self, text: str) -> None:
        assert is_reserved(text) in (True, False)
