"""Define every error that tapeline raises on purpose.

A `TapelineError` is something a person can fix. Its text is one line: what was wrong, where, and what to do, so
every door prints it as it stands: the command line exits with 1, the API answers with `status`, a container's command
writes it where its platform looks. Anything else is a defect and keeps its traceback.

    TapelineError
    ├── InputError (ValueError)         a value that was typed or sent: a symbol, an interval, a frame, a user name
    │   ├── SpecError                   an indicator spec
    │   │   └── UnknownIndicatorError   a spec whose name is in no catalogue
    │   ├── RuleError                   an alert rule
    │   ├── RequestError                a request for predictions
    │   ├── RejectedError               a tick or bar that belongs to no bar; the record is kept, the others go on
    │   ├── NotEnoughHistoryError       too few bars for what was asked
    │   ├── NotFoundError               a name under which there is nothing: a symbol, a version, a rule
    │   └── NotPossibleError            something that is right, but cannot be done as things stand
    ├── DecodeError (ValueError)        bytes that are damaged, or that another version wrote
    │   └── OversizedError              foreign bytes that are longer, deeper or of more parts than is accepted
    ├── ConfigError                     a setting
    ├── MissingLibraryError             an extra that is not installed
    ├── FeedError                       market data that cannot be had
    │   ├── FileError                   a file that cannot be read as bars
    │   ├── UnreachableError            no connection
    │   ├── RateLimitedError            too many requests
    │   ├── ServerError                 an answer that is an error or no chart; may work later
    │   │   └── UnusableAnswerError     an answer about one symbol that came whole and cannot be used
    │   └── NoDataError                 nothing under this symbol and period
    ├── StorageError                    a database, archive, table, journal or stream that cannot be used
    │   ├── InUseError                  a data directory that another process has
    │   ├── LogTrimmedError             a stream that no longer keeps the position asked for
    │   └── ConflictError               another process committed first
    ├── ModelError (ValueError)         a model that cannot be used
    │   ├── NotBetterError              a model that is not promoted
    │   ├── OtherFormatError            a model that another version of tapeline wrote
    │   └── OtherIntervalError          a model for bars of another length
    ├── ServingError                    a page that may not, or cannot, be served
    │   ├── TooManyAttemptsError        too many failed log-ins
    │   └── OverloadedError             a request that would have to wait behind too many others
    ├── DeliveryError                   an alert that a channel did not take
    ├── TrainingError                   a training job on SageMaker that made no model
    └── DeploymentError                 a model that an endpoint did not take
        └── RolledBackError             a model that an endpoint tried and gave up
"""

from __future__ import annotations

from collections.abc import Sequence

from tapeline.error_text import LONGEST_LINE, one_line, printable


class TapelineError(Exception):
    """Stand for everything that a person can fix. The text is one line: what, where, what to do.

    It often names what came from outside, which may hold line ends or what a terminal obeys: those are escapes in it.
    It may also be of any length: the middle of a text of more than `LONGEST_LINE` characters is left out, since what
    was wrong is at its beginning and what to do at its end.
    """

    #: The HTTP status that says this best.
    status: int = 500

    def __str__(self) -> str:
        text = printable(super().__str__())
        if len(text) <= LONGEST_LINE:
            return text
        return f"{text[: LONGEST_LINE * 2 // 3]} … {text[-LONGEST_LINE // 4 :]}"


class InputError(TapelineError, ValueError):
    """Refuse a value that was typed or sent; the text names it and says what is allowed."""

    status = 422


class SpecError(InputError):
    """Refuse a spec that names no indicator, has the wrong number of parameters, or one that is out of bounds."""

    status = 404


class UnknownIndicatorError(SpecError):
    """Refuse a spec whose name no indicator has: it may be the name of something else, such as a price."""


class RuleError(InputError):
    """Refuse a text that is no alert rule.

    `place` is the column the fault is at, counted from 0; `length` is how many characters it covers from there.
    """

    def __init__(self, message: str, place: int = 0, length: int = 1) -> None:
        super().__init__(f"column {place + 1}: {message}")
        self.message = message
        self.place = place
        self.length = max(length, 1)


class RequestError(InputError):
    """Refuse a request for predictions, with the HTTP status that says why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class RejectedError(InputError):
    """Refuse a tick or a bar that belongs to no bar. The text is the reason that is kept with the record."""


class NotEnoughHistoryError(InputError):
    """Refuse to answer from too few bars. The text says how many there are and how many are needed.

    `rows` is how many more rows to learn from it takes, 0 where that is not known.
    """

    def __init__(self, message: str, *, rows: int = 0) -> None:
        super().__init__(message)
        self.rows = rows


class NotFoundError(InputError):
    """Report that there is nothing under this name: no bars of a symbol, no version of a model, no rule."""

    status = 404


class NotPossibleError(InputError):
    """Refuse what is well formed but cannot be done as things stand, and say what stands in the way."""

    status = 409


class DecodeError(TapelineError, ValueError):
    """Refuse bytes that are damaged, or that another version or another set of indicators wrote."""


class OversizedError(DecodeError):
    """Refuse bytes from outside that are longer, nested deeper, or made of more parts than is ever honest."""


class ConfigError(TapelineError):
    """Refuse a setting; the text names it, its value and what is allowed."""


class MissingLibraryError(TapelineError):
    """Say which extra to install for what was asked."""


class FeedError(TapelineError):
    """Say why market data cannot be had. `brief` says it in a few words, without what to do."""

    status = 502

    @property
    def brief(self) -> str:
        """Return the reason in a few words, for a line about something else."""
        return one_line(self)


class FileError(FeedError):
    """Refuse a file that cannot be read as bars; the text says which file, what is wrong and what to do."""

    status = 422


class UnreachableError(FeedError):
    """Report that there is no connection: the name does not resolve, the host is silent, a proxy refuses."""

    def __init__(self, url: str, reason: str, setting: str = "that names the address") -> None:
        super().__init__(
            f"{url} cannot be reached ({reason}); check the network, a proxy, or the setting {setting}. "
            "`tapeline demo` needs no network"
        )
        self._brief = f"{url.partition('://')[2].partition('/')[0] or url} cannot be reached"

    @property
    def brief(self) -> str:
        """Return which host cannot be reached."""
        return self._brief


class RateLimitedError(FeedError):
    """Report too many requests (429). `retry_after` is how many seconds the answer asked to wait, where it did."""

    status = 429

    def __init__(self, venue: str, retry_after: float | None = None) -> None:
        super().__init__(
            f"{venue} limits the rate of requests from this address (429); wait a few minutes and try again"
        )
        self.retry_after = retry_after


class ServerError(FeedError):
    """Report a 5xx, or an answer that was cut off or is no chart. The same request may work later."""


class UnusableAnswerError(ServerError):
    """Report an answer about one symbol that came whole and cannot be used. It says nothing about other symbols."""


class NoDataError(FeedError):
    """Report that there is nothing under this symbol and period, and why: unknown, delisted, too far back."""

    status = 404


class StorageError(TapelineError):
    """Say why something stored cannot be read or written: a database, an archive, a table, a journal, a stream."""

    status = 503


class InUseError(StorageError):
    """Report that another process has the data directory; the text says what it does there."""


class LogTrimmedError(StorageError):
    """Report that a stream no longer keeps the records at the position that was asked for."""


class ConflictError(StorageError):
    """Report that another process committed states of these symbols first: load them again and repeat the step."""

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__(f"another process moved the state of {', '.join(symbols)} on")
        self.symbols = tuple(symbols)


class ModelError(TapelineError, ValueError):
    """Refuse a model that is missing, damaged, of an unknown format, or made for other features."""

    status = 409


class NotBetterError(ModelError):
    """Refuse to promote a model that has not beaten the one in use, or that was asked something else."""


class OtherFormatError(ModelError):
    """Refuse a model that another version of tapeline wrote: it is not damaged, and this version cannot use it."""


class OtherIntervalError(ModelError):
    """Refuse to predict bars of another length than those that the model was trained on."""


class ServingError(TapelineError):
    """Refuse to serve the page: it would be open to strangers, or its port is taken."""


class TooManyAttemptsError(ServingError):
    """Refuse a log-in after too many failures. `seconds` is how long to wait, in whole seconds."""

    status = 429

    def __init__(self, seconds: float) -> None:
        self.seconds = max(1, round(seconds))
        super().__init__(f"too many failed log-ins; try again in {self.seconds} s")


class OverloadedError(ServingError):
    """Refuse a request because too many others wait. `seconds` is when to try again."""

    status = 503
    seconds = 5


class DeliveryError(TapelineError):
    """Report that a channel did not take an alert; the text holds no secret.

    `again` is False where trying again cannot help; `wait` is how many seconds the other side wants to be left alone.
    """

    def __init__(self, message: str, *, again: bool = True, wait: float = 0.0) -> None:
        super().__init__(message)
        self.again = again
        self.wait = wait


class TrainingError(TapelineError):
    """Report that a training job on SageMaker made no model: what happened, and what to do."""


class DeploymentError(TapelineError):
    """Report that a model is not deployed: what happened, and what the endpoint does now."""


class RolledBackError(DeploymentError):
    """Report that an endpoint tried the model and went back to the one before."""


def line_with_kind(error: BaseException) -> str:
    """Return what `one_line` does, after the error's class where nobody foresaw it: 'x' alone says nothing."""
    kind = () if isinstance(error, TapelineError) else (type(error).__name__,)
    return ": ".join(dict.fromkeys((*kind, one_line(error))))
