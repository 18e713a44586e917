"""Following a log by its end: nothing twice, nothing left out in silence."""

from hypothesis import given
from hypothesis import strategies as st

from web.commands.models.tail import News, last, settled, unseen

WINDOW = 16


def window_of(log: bytes) -> str:
    """What `tail -c` gives of it."""
    return settled(log[-WINDOW:].decode(errors="replace"))


def test_a_log_within_the_window_shows_what_was_added():
    assert unseen("", "a\n", WINDOW) == News("a\n")
    assert unseen("a\n", "a\nb\n", WINDOW) == News("b\n")
    assert unseen("a\n", "a\n", WINDOW) == News("")


def test_a_log_beyond_the_window_is_continued_where_the_two_windows_overlap():
    before, now = window_of(b"0123456789abcdefgh"), window_of(b"0123456789abcdefghijkl")
    assert unseen(before, now, WINDOW) == News("ijkl")


def test_a_log_that_outran_the_window_is_shown_from_there_and_told():
    assert unseen("a" * 8 + "b" * 8, "c" * 16, WINDOW) == News("c" * 16, is_broken=True)


def test_a_log_that_began_anew_is_shown_whole_and_told():
    assert unseen("0123456789abcdef", "new\n", WINDOW) == News("new\n", is_broken=True)
    assert unseen("old\n", "new\n", WINDOW) == News("new\n", is_broken=True)


def test_an_empty_log_after_a_full_one_began_anew():
    assert unseen("old\n", "", WINDOW) == News("", is_broken=True)


def test_a_window_that_cuts_a_character_in_two_still_overlaps():
    log = ("ä" * 12).encode()
    now = window_of(log + b"end")
    assert now.startswith("\ufffd")
    assert unseen(window_of(log), now, WINDOW) == News("end")


def test_a_character_that_is_half_written_waits_for_its_other_half():
    half, whole = "x€".encode()[:2], "x€".encode()
    assert window_of(half) == "x"
    assert unseen(window_of(half), window_of(whole), WINDOW) == News("€")


def test_the_end_of_a_text_is_cut_between_characters():
    assert last("a€b", 2) == "b"
    assert last("a€b", 4) == "€b"
    assert last("ab", 9) == "ab"


@given(st.lists(st.binary(max_size=WINDOW - 1), max_size=30))
def test_of_distinct_lines_each_is_shown_once_and_in_order(pieces):
    """As long as no more than the window is written between two looks."""
    log, before, shown = b"", "", ""
    for number, piece in enumerate(pieces):
        # Counted, so that no two stretches of the log are alike.
        log += f"<{number}>".encode()[: WINDOW - 1] + piece.hex().encode()[: WINDOW - 9]
        now = window_of(log)
        news = unseen(before, now, WINDOW)
        assert not news.is_broken
        shown, before = shown + news.text, now
    assert shown == log.decode()


@given(st.text("ab", max_size=40), st.text("ab", max_size=10))
def test_nothing_is_ever_shown_twice(log, added):
    now = window_of((log + added).encode())
    news = unseen(window_of(log.encode()), now, WINDOW)
    assert len(news.text) <= len(added)
    assert now.endswith(news.text)
