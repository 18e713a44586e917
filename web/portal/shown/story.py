"""What stands behind a model's headline: since when, why, and until when. Pure."""

from dataclasses import dataclass

from markupsafe import Markup

from web.fleet.states import InstanceState
from web.fleet.status import Phase
from web.portal.shown.standing import Scene, cause, moment, reason_words, say, usually
from web.portal.words import plural, span

TELL_THE_ADMINISTRATORS = "It is not tried again by itself: please tell the administrators."
S = InstanceState


@dataclass(frozen=True, slots=True)
class Loading:
    """How far a start is, going by those before: `elapsed_s` of `usual_s`."""

    elapsed_s: float
    usual_s: float

    @property
    def is_slow(self) -> bool:
        return self.elapsed_s > self.usual_s


def sentences(scene: Scene) -> tuple[Markup, ...]:
    status = scene.status
    match status.phase:
        case Phase.READY:
            told = [say("It runs as {}.", plural(status.ready_instances, "instance"))]
        case Phase.STARTING:
            told = _loading(scene)
        case Phase.PENDING:
            told = _queued(scene)
        case Phase.FAILING:
            told = _failed(scene)
        case _:
            told = _not_running(scene)
    if not scene.has_fleet and status.phase is not Phase.READY:
        told.append(
            say(
                "The part of this gateway that starts models is not running just now, so nothing "
                "moves until it is back. Please tell the administrators."
            )
        )
    return tuple(told)


def loading(scene: Scene) -> Loading | None:
    """None unless it loads and how long that takes is known."""
    status = scene.status
    if status.phase is not Phase.STARTING or not status.typical_load_s:
        return None
    if status.starting_since is None or not _is_loading(scene):
        return None
    return Loading((scene.now - status.starting_since).total_seconds(), status.typical_load_s)


def _loading(scene: Scene) -> list[Markup]:
    status, instance = scene.status, scene.nearest
    where = f" on {instance.node}" if instance is not None and instance.node else ""
    job = f" (job {status.job_id})" if status.job_id else ""
    if _does_not_answer(scene):
        return [
            say(
                "It was ready{}{}, but does not answer just now. It is used again as soon as it "
                "does, and replaced if that takes long.",
                where,
                job,
            )
        ]
    if instance is not None and instance.state is S.READY:
        return [say("It has loaded{}. The queue is about to tell where it runs.", job)]
    if instance is not None and instance.state is S.STARTING and instance.claimed_by is None:
        return [say("Slurm has given it its place{}{}; it is about to load.", where, job)]
    since = status.starting_since
    age = f", for {span((scene.now - since).total_seconds())}" if since else ""
    return [say("It loads into memory{}{}{}.", where, job, age), *_rest(scene)]


def _rest(scene: Scene) -> list[Markup]:
    status, progress = scene.status, loading(scene)
    if progress is None:
        return [say("How long that takes is not known yet: no start of it has been seen here.")]
    if progress.is_slow or status.estimated_ready is None:
        return [say("It usually takes {}: this time it is slower.", span(progress.usual_s))]
    return [
        say("It usually takes {}, so it should be ready at ", span(progress.usual_s))
        + say("{}.", moment(status.estimated_ready, scene.now))
    ]


def _queued(scene: Scene) -> list[Markup]:
    status, now = scene.status, scene.now
    job = f" (job {status.job_id})" if status.job_id else ""
    since = status.pending_since
    age = f" for {span((now - since).total_seconds())}" if since else ""
    told = [say("It has waited{} for a place on the cluster{}.", age, job)]
    if why := reason_words(status):
        told.append(say("What the queue says: {}.", why.rstrip(".")))
    if status.hopeless:
        return [*told, say("Waiting will not help. {}", TELL_THE_ADMINISTRATORS)]
    if status.estimated_start is not None:
        told.append(
            say("The queue expects it to start at {}.", moment(status.estimated_start, now))
        )
    elif status.typical_wait_s is not None:
        told.append(
            say("The queue gives no estimate; lately it waited {}.", span(status.typical_wait_s))
        )
    else:
        told.append(say("The queue gives no estimate of when it starts."))
    if status.estimated_ready is not None:
        told.append(
            say("Going by its last starts it is ready at {}.", moment(status.estimated_ready, now))
        )
    elif status.typical_load_s is not None:
        told.append(say("After that it usually loads for {}.", span(status.typical_load_s)))
    return told


def _failed(scene: Scene) -> list[Markup]:
    status = scene.status
    tries = f"{status.failures} starts" if status.failures > 1 else "One start"
    told = [say("{} failed, the last because {}.", tries, cause(status))]
    if status.given_up:
        told.append(say(TELL_THE_ADMINISTRATORS))
    elif status.next_launch_at is None or status.next_launch_at <= scene.now:
        told.append(say("It is tried again as soon as somebody asks for it."))
    else:
        at = moment(status.next_launch_at, scene.now)
        told.append(say("It is tried again at {} at the earliest, if it is still wanted then.", at))
    return told


def _not_running(scene: Scene) -> list[Markup]:
    status = scene.status
    if status.phase is Phase.SUBMITTING:
        told = [say("A job for it is being handed to Slurm, the cluster's queue.")]
    elif scene.is_asked:
        told = [say("It has been asked for: a job is handed to the queue in a moment.")]
    elif status.phase is Phase.STOPPING:
        told = [say("When it is asked for again, a new instance starts.")]
    else:
        told = [say("Any request for it starts it, and so does the button here.")]
    usual = usually(status)
    told.append(usual or say("How long a start takes is not known yet: none has been seen here."))
    if status.phase is Phase.COLD and status.words:
        told.append(say("Why it is not running: {}.", status.words))
    return told


def _does_not_answer(scene: Scene) -> bool:
    return scene.nearest is not None and scene.nearest.state is S.UNREADY


def _is_loading(scene: Scene) -> bool:
    return scene.nearest is None or scene.nearest.state is S.STARTING
