"""The list of models: only the viewer's, found by words and state, page by page."""

import pytest

from tests.web.fleet.worlds import NOW, ago, instance, later
from tests.web.portal.model_worlds import read, route, snapshot, status_of
from web.fleet.states import InstanceState
from web.identity.keys import Principal
from web.portal.shown.model_list import Wanted, model_list
from web.portal.shown.models import Group, note_of, usable_route, usable_routes

S = InstanceState
ADA = Principal("portal", "ada", None, frozenset({"physics"}))
READY = status_of(instance(S.READY))
QUEUED = status_of(
    instance(S.PENDING, state_since=ago(60), slurm_state="PENDING", slurm_reason="Resources")
)
COLD = status_of()


def test_only_what_the_viewers_groups_allow_is_there_administrators_too():
    world = snapshot(
        route(READY, "ours", groups=("physics",), aliases=("o",)),
        route(COLD, "all"),
        route(READY, "theirs", groups=("biology",), aliases=("t",)),
    )
    root = Principal("portal", "root", None, frozenset(), is_admin=True)
    assert [r.deployment.name for r in usable_routes(world, ADA)] == ["ours", "all"]
    assert [r.deployment.name for r in usable_routes(world, root)] == ["all"]
    assert usable_route(world, ADA, "o") is world.routes["ours"]
    for name in ("theirs", "t", "nothing"):
        assert usable_route(world, ADA, name) is None


def test_models_are_counted_by_what_people_look_for():
    shown = model_list([route(READY), route(QUEUED), route(COLD), route(COLD)], {}, Wanted(), NOW)
    assert shown.summary == "1 ready, 1 on the way, 2 not running"
    assert [(c.words, c.count) for c in shown.choices][:2] == [("all", 4), ("ready", 1)]


def test_words_are_looked_for_in_names_and_aliases_whatever_their_case():
    found = [route(READY, "meta/Llama-8B", aliases=("tiny",)), route(COLD, "meta/Llama-70B")]

    def names(words: str) -> list[str]:
        return [r.name for r in model_list(found, {}, Wanted(words), NOW).rows]

    assert names("llama 8b") == ["meta/Llama-8B"]
    assert names("TINY") == ["meta/Llama-8B"]
    assert names("llama") == ["meta/Llama-8B", "meta/Llama-70B"]
    assert names("mistral") == []


def test_five_hundred_models_are_ten_pages_and_a_page_too_far_is_the_last():
    many = [route(COLD, f"m{n:03}") for n in range(500)]
    shown = model_list(many, {}, Wanted(page=99), NOW)
    assert (shown.paging.page, shown.paging.pages, len(shown.rows)) == (10, 10, 50)
    assert shown.rows[-1].name == "m499"


def test_a_live_part_asks_for_the_same_page_search_and_state():
    many = [route(READY, f"m{n:03}") for n in range(120)]
    shown = model_list(many, {}, Wanted("m1", Group.READY, 1), NOW)
    assert shown.live == "/live/models?q=m1&show=ready"
    assert model_list(many, {}, Wanted("", None, 2), NOW).live == "/live/models?page=2"


def test_a_row_offers_what_makes_sense_just_now():
    ready, queued, cold = model_list(
        [route(READY), route(QUEUED), route(COLD)], {"m": (4, 1)}, Wanted(), NOW
    ).rows
    assert (ready.is_ready, ready.can_start, ready.requests) == (True, False, (4, 1))
    assert (queued.is_ready, queued.can_start) == (False, False)
    assert (cold.is_ready, cold.can_start) == (False, True)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (READY, "1 instance"),
        (QUEUED, "for 1 min; waiting its turn: next in line, but no suitable node is free yet"),
        (COLD, "starts when it is asked for"),
        (
            status_of(
                instance(S.PENDING, slurm_state="PENDING", estimated_start=later(600)),
            ),
            "expected to start at 12:10 UTC (in 10 min)",
        ),
        (
            status_of(
                instance(S.STARTING, running_since=ago(60)),
                history=(
                    instance(S.STOPPED, running_since=ago(900), ready_at=ago(720), ended_at=ago(9)),
                ),
            ),
            "ready at 12:02 UTC (in 2 min)",
        ),
        (
            status_of(
                history=(
                    instance(
                        S.STOPPED,
                        created_at=ago(960),
                        running_since=ago(900),
                        ready_at=ago(720),
                        ended_at=ago(9),
                    ),
                ),
            ),
            "usually ready 4 min after asking",
        ),
    ],
)
def test_one_line_says_what_it_means_for_who_wants_to_use_it(status, words):
    assert words in read([note_of(status, NOW)])
