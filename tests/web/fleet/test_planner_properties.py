"""What holds of every plan, whatever the world looks like."""

from collections import Counter
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slurm.jobs import JobState
from tests.web.fleet.arbitrary import views
from tests.web.fleet.worlds import NOW, POLICY
from web.fleet.actions import Cancel, CancelJob, Drain, End, Fulfil, Launch, Note, NoteMissing
from web.fleet.changes import after
from web.fleet.planner import plan
from web.fleet.states import Instance, InstanceState
from web.fleet.succession import is_leaving, start_s

S = InstanceState
ENDING = (Cancel, CancelJob, Drain, End)
ROUNDS = 3

thorough = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def apply(view, actions):
    """The view once the actions are carried out and nothing else has happened; no new look."""
    rows = {i.id: i for i in view.instances if not i.state.is_over}
    orders, history = view.orders, dict(view.history)
    for number, action in enumerate(actions):
        if isinstance(action, Launch):
            new = launched(view.deployments[action.model], f"new{len(rows):03}{number:04}")
            rows[new.id] = new
        elif isinstance(action, Fulfil):
            orders = tuple(order for order in orders if order.id != action.order_id)
        elif not isinstance(action, CancelJob):
            rows[action.instance_id] = after(action, rows[action.instance_id], NOW)
    for instance in [i for i in rows.values() if i.state.is_over]:
        history[instance.model] = (rows.pop(instance.id), *history.get(instance.model, ()))
    return replace(
        view, instances=tuple(rows.values()), orders=orders, history=history, listing=None
    )


def launched(deployment, instance_id):
    return Instance(
        instance_id,
        deployment.name,
        "slurm",
        S.PENDING,
        created_at=NOW,
        state_since=NOW,
        job_id=instance_id,
        fingerprint=deployment.fingerprint,
    )


def endings(actions):
    return Counter(repr(action) for action in actions if isinstance(action, ENDING))


def crowd(view, model):
    """(instances that serve or will, those of them that are to be succeeded)."""
    deployment = view.deployments[model]
    own = [i for i in view.instances if i.model == model and not i.state.is_over]
    lead_s = start_s((*own, *view.history.get(model, ())), POLICY)
    leaving = [i for i in own if is_leaving(i, deployment, lead_s, NOW, POLICY)]
    return [i for i in own if i.state.is_present], leaving


@thorough
@given(views())
def test_every_move_of_a_plan_is_one_that_the_state_machine_allows(view):
    apply(view, plan(view, NOW, POLICY))  # raises ForbiddenMove, KeyError for one that is over


@thorough
@given(views(listing=False))
def test_without_a_listing_nothing_is_found_missing_or_over(view):
    actions = plan(view, NOW, POLICY)
    assert not [a for a in actions if isinstance(a, End | NoteMissing | CancelJob)]


@thorough
@given(views(listing=True), st.sampled_from([JobState.UNKNOWN, JobState.COMPLETING]))
def test_a_job_in_a_state_we_cannot_read_ends_nothing(view, state):
    jobs = {job.job_id: replace(job, state=state) for job in view.listing.jobs}
    shown = [i for i in view.instances if (i.claimed_by or i.job_id) in jobs]
    unreadable = replace(
        view, instances=tuple(shown), listing=replace(view.listing, jobs=tuple(jobs.values()))
    )
    over = {i.id for i in shown if i.state.is_over}
    actions = [a for a in plan(unreadable, NOW, POLICY) if not isinstance(a, CancelJob)]
    unseen = replace(unreadable, listing=None)
    assert not over & {a.instance_id for a in actions if isinstance(a, ENDING)}
    assert endings(actions) <= endings(plan(noted(unseen, jobs), NOW, POLICY))


def noted(view, jobs):
    """The view after somebody else recorded what the listing said."""
    instances = tuple(
        i if i.state.is_over else after(Note(i.id, jobs[i.claimed_by or i.job_id], NOW), i, NOW)
        for i in view.instances
    )
    return replace(view, instances=instances)


@thorough
@given(views())
def test_nothing_is_launched_while_the_cluster_does_not_answer(view):
    blind = replace(view, listing=None, cluster_answers=False)
    assert not [a for a in plan(blind, NOW, POLICY) if isinstance(a, Launch)]


@thorough
@given(views())
def test_a_plan_launches_no_more_than_the_most_and_a_successor_for_each_that_leaves(view):
    actions = plan(view, NOW, POLICY)
    done = apply(view, actions)
    for model, count in Counter(a.model for a in actions if isinstance(a, Launch)).items():
        present, leaving = crowd(done, model)
        assert count >= 1
        assert len(present) <= view.deployments[model].max_instances + len(leaving)


@thorough
@given(views())
def test_after_two_plans_there_are_no_more_than_the_most_and_a_successor_of_each_that_leaves(view):
    # Of those that this plan already decides about, the next one knows what they have become.
    done = view
    for _ in range(2):
        done = apply(done, plan(done, NOW, POLICY))
    for model, deployment in view.deployments.items():
        present, leaving = crowd(done, model)
        # One that may or may not be submitted can only be waited for.
        certain = [i for i in present if i.state is not S.SUBMITTING]
        assert len(certain) <= deployment.max_instances + len(leaving)


@thorough
@given(views())
def test_planning_again_what_was_just_done_asks_for_nothing_new(view):
    for _ in range(ROUNDS):
        actions = plan(view, NOW, POLICY)
        view = apply(view, actions)
    assert plan(view, NOW, POLICY) == []


@thorough
@given(views())
def test_an_instance_is_decided_upon_once(view):
    decided = Counter(
        a.instance_id
        for a in plan(view, NOW, POLICY)
        if not isinstance(a, Launch | Fulfil | CancelJob | Note)
    )
    assert max(decided.values(), default=1) == 1


@thorough
@given(views())
def test_a_plan_is_a_function_of_its_view(view):
    assert plan(view, NOW, POLICY) == plan(view, NOW, POLICY)


@thorough
@given(views())
def test_a_model_outside_the_catalog_is_never_launched(view):
    launched = {a.model for a in plan(view, NOW, POLICY) if isinstance(a, Launch)}
    assert launched <= set(view.deployments)
