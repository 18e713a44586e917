"""Everything that can go wrong with a cluster, told apart by what the caller may do next.

ClusterError
├── ShellError
│   ├── ShellUnavailable      no connection or no login: nothing was run, try again later
│   │   └── HostKeyRejected   nothing was run; a person must compare the host's key first
│   ├── CommandTimeout        the deadline fired: whether the command took effect is unknown
│   └── OutputTooLarge        more output than we are willing to hold; the command was cut off
├── ObservationFailed         a listing failed: there is no view, so nothing may be concluded
│   └── AccountingOff         the site keeps no records of jobs that are over
├── SubmitRejected            the scheduler said no: no job exists (`terminal`: never ask again)
├── SubmitUnknown             the job may or may not exist: look for it by name, do not repeat
├── CancelFailed              the scheduler refused or did not answer: ask again
└── LogUnavailable            no log can be shown
"""


class ClusterError(Exception):
    """Root of all errors of this library; `str()` is one line for a person."""


class ShellError(ClusterError):
    """A command could not be run to its end."""


class ShellUnavailable(ShellError):
    """Could not connect or log in. Nothing was run."""


class HostKeyRejected(ShellUnavailable):
    """The host's key is not the known one. Refused before authentication."""


class CommandTimeout(ShellError):
    """The hard deadline fired. Whether the command ran is unknown."""


class OutputTooLarge(ShellError):
    """The command printed more than the cap and was cut off."""


class ObservationFailed(ClusterError):
    """A listing failed. Unknown is not absent: draw no conclusion from it."""


class AccountingOff(ObservationFailed):
    """The site keeps no records of jobs: what the queue has forgotten, nobody can tell."""


class SubmitRejected(ClusterError):
    """The scheduler refused; no job will ever run (22.05 lists some refused ones, as FAILED).

    `terminal`: the same request can never succeed (wrong account, qos, partition, size).
    """

    def __init__(self, message: str, terminal: bool = False) -> None:
        super().__init__(message)
        self.terminal = terminal


class SubmitUnknown(ClusterError):
    """Nobody can tell whether the job exists."""


class CancelFailed(ClusterError):
    """The cancellation did not reach the scheduler, or it refused."""


class LogUnavailable(ClusterError):
    """The job's log cannot be read."""
