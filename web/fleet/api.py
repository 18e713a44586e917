"""`/worker_callback` as the OpenAPI document describes it."""

import msgspec

from web.fleet.callbacks import Command, Refused, Report
from web.openai_proxy.envelope import JSON
from web.openai_proxy.refusals import DATABASE_AWAY, OUR_FAULT
from web.openapi.operations import Answer, Body, Errors, Operation, Who

_STOP = "The worker stops and gives its job back."


class Told(msgspec.Struct):
    """What the worker is to do now."""

    command: Command


OPERATION = Operation(
    path="/worker_callback",
    summary="What the worker in a job reports",
    description=(
        "For the workers that the gateway starts in its jobs, with the one-time token of their "
        "instance. A report belongs to one run of one job and is in order by (`restart_count`, "
        "`sequence`): late and repeated ones change nothing. A worker stops for 401, 403, 409 and "
        "410, slows down for 429, and repeats a report that got any other answer or none, while "
        "it goes on serving. Unknown members are ignored."
    ),
    tag="workers",
    method="post",
    who=Who.WORKER,
    body=Body({JSON: Report}, "At most 256 KiB."),
    answers=(Answer({JSON: Told}),),
    errors=(
        Errors("ReportRefused", {"This is no report": Refused(400, "This is no callback: …")}),
        Errors("TokenRefused", {f"Unknown token. {_STOP}": Refused(401, "Unknown worker token.")}),
        Errors(
            "NotItsInstance",
            {
                f"Another instance's token. {_STOP}": Refused(
                    403, "The token belongs to another instance."
                )
            },
        ),
        Errors(
            "ClaimTaken",
            {
                f"Another job, or a newer run of it, has the claim. {_STOP}": Refused(
                    409, "Instance k3v9q2m7xa is claimed by job 4711."
                )
            },
        ),
        Errors(
            "InstanceEnded",
            {f"The instance has ended. {_STOP}": Refused(410, "Instance k3v9q2m7xa has ended.")},
        ),
        Errors(
            "ReportTooLarge",
            {"The report is too large": Refused(413, "A callback holds at most 262144 bytes.")},
        ),
        Errors(
            "ReportsTooOften",
            {
                "More than 10 reports a second": Refused(
                    429, "A worker reports at most 10 times a second.", retry_after_s=1
                )
            },
        ),
        OUR_FAULT,
        DATABASE_AWAY,
    ),
)
