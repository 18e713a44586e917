"""Can I use it now, why not, and when: the words for every state a model can be in."""

from dataclasses import replace

import pytest

from tests.web.fleet.worlds import NOW, ago, instance, later
from tests.web.portal.model_worlds import read, status_of
from web.fleet.states import EndReason, Instance, InstanceState
from web.fleet.status import ModelStatus
from web.portal.shown.standing import Scene, badge_of, headline
from web.portal.shown.steps import steps
from web.portal.shown.story import loading, sentences

S = InstanceState
SEEN = instance(
    S.STOPPED,
    id="past000001",
    created_at=ago(9000),
    running_since=ago(8700),
    ready_at=ago(8520),
    ended_at=ago(5000),
    end_reason=EndReason.IDLE,
)
"""It waited 5 minutes and loaded 3."""


def scene(*live: Instance, history: tuple[Instance, ...] = (), **changes: object) -> Scene:
    nearest = live[0] if live else None
    return replace(Scene(status_of(*live, history=history), NOW, nearest), **changes)


def told(seen: Scene) -> str:
    return read(sentences(seen))


def crashed(seconds: float, words: str = "") -> Instance:
    return instance(
        S.FAILED,
        id=f"bad{seconds:07.0f}",
        end_reason=EndReason.CRASHED,
        detail=words,
        created_at=ago(seconds + 60),
        running_since=ago(seconds + 30),
        ended_at=ago(seconds),
    )


def test_a_ready_model_can_be_used_now():
    seen = scene(instance(S.READY))
    assert headline(seen) == "Ready. You can use it now."
    assert told(seen) == "It runs as 1 instance."
    assert steps(seen) == ()


def test_a_queued_model_tells_the_reason_in_words_and_when_it_is_expected():
    queued = instance(
        S.PENDING,
        state_since=ago(240),
        slurm_state="PENDING",
        slurm_reason="Priority",
        estimated_start=later(1200),
    )
    seen = scene(queued, history=(SEEN,))
    assert headline(seen) == "Not yet: it waits in the queue."
    words = told(seen)
    assert "It has waited for 4 min for a place on the cluster (job 7)." in words
    assert "waiting its turn: jobs with a higher priority are ahead (Priority)" in words
    assert "expects it to start at 12:20 UTC (in 20 min)" in words
    assert "it is ready at 12:23 UTC (in 23 min)" in words


def test_without_an_estimate_the_usual_wait_is_told():
    queued = instance(S.PENDING, state_since=ago(5), slurm_state="PENDING", slurm_reason="None")
    assert "lately it waited 5 min" in told(scene(queued, history=(SEEN,)))
    assert "no estimate of when it starts" in told(scene(queued))


def test_a_job_that_waits_for_what_never_comes_is_broken_and_says_so():
    hopeless = instance(S.PENDING, slurm_state="PENDING", slurm_reason="PartitionTimeLimit")
    seen = scene(hopeless)
    assert badge_of(seen.status) == ("failing", "broken")
    assert headline(seen) == "It cannot be used: it does not start."
    assert "Waiting will not help." in told(seen)
    assert "tell the administrators" in told(seen)


def test_a_loading_model_tells_how_long_it_usually_takes_and_when_it_is_ready():
    starting = instance(
        S.STARTING, running_since=ago(120), claimed_by="7", node="gpu1", created_at=ago(300)
    )
    seen = scene(starting, history=(SEEN,))
    assert "It loads into memory on gpu1 (job 7), for 2 min." in told(seen)
    assert "It usually takes 3 min, so it should be ready at 12:01 UTC (in 1 min)." in told(seen)
    progress = loading(seen)
    assert (progress.elapsed_s, progress.usual_s, progress.is_slow) == (120, 180, False)


def test_a_start_that_takes_longer_than_usual_promises_nothing():
    slow = instance(S.STARTING, running_since=ago(400), claimed_by="7", node="gpu1")
    seen = scene(slow, history=(SEEN,))
    assert "this time it is slower" in told(seen)
    assert "should be ready" not in told(seen)
    assert loading(seen).is_slow


def test_the_first_start_of_all_has_no_estimate():
    first = instance(S.STARTING, running_since=ago(40), claimed_by="7", node="gpu1")
    seen = scene(first)
    assert "not known yet" in told(seen)
    assert loading(seen) is None


def test_a_job_whose_worker_has_not_reported_is_about_to_load():
    fresh = instance(S.STARTING, running_since=ago(2), node="gpu1")
    assert "it is about to load" in told(scene(fresh))


def test_an_instance_that_does_not_answer_is_not_said_to_load():
    mute = instance(S.UNREADY, running_since=ago(4000), ready_at=ago(3600), node="gpu1")
    seen = scene(mute)
    assert "does not answer just now" in told(seen)
    assert loading(seen) is None


def test_an_instance_whose_node_is_not_told_yet_has_loaded():
    unplaced = instance(S.READY, running_since=ago(90), ready_at=ago(1), node=None)
    seen = scene(unplaced, history=(SEEN,))
    assert headline(seen) == "Not yet: it is loading."
    assert told(seen) == "It has loaded (job 7). The queue is about to tell where it runs."
    assert loading(seen) is None


def test_a_cold_model_tells_what_a_start_takes():
    seen = scene(history=(SEEN,))
    assert headline(seen) == "Not running. It starts when somebody asks for it."
    assert "usually takes 8 min: 5 min in the queue and 3 min to load" in told(seen)


def test_a_model_that_slurm_ended_says_why_it_is_cold():
    gone = replace(SEEN, state=S.FAILED, end_reason=EndReason.NODE_FAIL)
    assert "its last job (7) ended: node fail" in told(scene(history=(gone,)))


def test_a_cold_model_that_was_asked_for_is_on_its_way():
    seen = scene(is_asked=True)
    assert badge_of(seen.status, is_asked=True) == ("submitting", "asked for")
    assert headline(seen) == "Not yet: it has been asked for."
    assert next((s.name, s.state) for s in steps(seen)) == ("Asked for", "now")


def test_a_gateway_that_launches_nothing_says_so():
    assert "nothing moves until it is back" in told(scene(has_fleet=False))
    assert "nothing moves" not in told(scene(instance(S.READY), has_fleet=False))


def test_a_failed_start_tells_the_engines_last_line_and_when_it_is_tried_again():
    seen = scene(history=(crashed(2, "loading\nValueError: no such file\n"),))
    assert badge_of(seen.status) == ("failing", "start failed")
    words = told(seen)
    assert "because its engine crashed: ValueError: no such file." in words
    assert "tried again at 12:00 UTC (in 13 s) at the earliest" in words


def test_a_model_that_is_given_up_is_left_to_the_administrators():
    seen = scene(history=tuple(crashed(n) for n in (10, 100, 400)))
    assert badge_of(seen.status) == ("failing", "broken")
    assert "3 starts failed" in told(seen)
    assert "please tell the administrators" in told(seen)


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", "{{ 7*7 }}", "{0} {x}"])
def test_what_slurm_or_an_engine_says_is_text(evil):
    queued = instance(S.PENDING, slurm_state="PENDING", slurm_reason=evil)
    for seen in (scene(queued), scene(history=(crashed(2, evil),))):
        written = "".join(sentences(seen))
        assert "<script" not in written
        assert evil in written or "&lt;script&gt;" in written


def test_the_steps_tell_what_has_taken_how_long():
    starting = instance(
        S.STARTING, created_at=ago(420), running_since=ago(120), claimed_by="7", node="gpu1"
    )
    found = [(s.name, s.state, s.note) for s in steps(scene(starting, history=(SEEN,)))]
    assert found == [
        ("Asked for", "done", ""),
        ("In the queue", "done", "took 5 min"),
        ("Loading", "now", "for 2 min"),
        ("Ready", "next", ""),
    ]


def test_the_headline_of_every_phase_stands_still_while_time_passes():
    queued = instance(S.PENDING, state_since=ago(240), slurm_state="PENDING")
    early, late = (replace(scene(queued), now=later(n)) for n in (0, 7))
    assert headline(early) == headline(late)
    assert told(early) != told(late)


def test_no_state_leaves_a_reader_without_words():
    for state in S:
        if not state.is_over:
            seen = scene(instance(state))
            assert headline(seen)
            assert told(seen)
    assert headline(Scene(ModelStatus(scene().status.phase), NOW))
