"""What can go wrong between us and a manager.

::

    VManageError
    |-- VManageConfigurationError (ValueError)     bad connection or argument; nothing was sent
    |-- VManageSourceError (ValueError)            the image to upload cannot be read
    |-- VManageAuthenticationError                 the manager refused the login
    |-- VManageRejectedError                       the manager understood and said no
    |-- VManageConflictError                       something else already has the name (if_exists="fail")
    |-- VManageNotFoundError (LookupError)         nothing fits (if_missing="fail")
    |-- VManageAmbiguousError (LookupError)        more than one image fits
    |-- VManageInUseError                          a device runs, boots or may need the image
    |-- VManageLostImageError                      a deletion took other images along
    |-- VManageStalePlanError                      the manager is no longer as the plan saw it
    |-- VManageBlockedError                        devices are unreachable, busy or unfit for the action
    |-- VManageTooManyDevicesError                 more devices would change than was allowed
    |-- VManageTooManyDeletionsError               more would be deleted than was allowed
    |-- VManagePartialError                        some of several changes were made, then one failed
    |-- VManageDeadlineError                       the transfer cannot end in time (not_after)
    |-- VManageChecksumError (ValueError)          the bytes are not the ones that were promised
    |-- VManageUnavailableError                    busy, restarting or out of reach
    |-- VManageSessionExpiredError                 the session died twice within one call
    |-- VManageProtocolError                       an answer that no manager should give
    |-- VManageOutcomeUnknownError                 a change was sent, its answer was lost
    `-- VManageCancelledError                      the task was told to stop

``retryable`` on each class says whether running the whole task again can help; the Airflow side decides by it.
The errors know nothing of Airflow, carry no secret, and survive pickling.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class VManageError(Exception):
    """Root of everything this package raises.

    :param message: what happened and what mends it, without any secret.
    :param status: HTTP status of the answer, if there was one.
    :param code: the manager's own error code (``error.code``).
    :param details: the manager's own details (``error.details``).
    :param method: HTTP method of the call.
    :param path: path of the call, without its query.
    """

    #: whether the same task, run again later, can succeed without anybody mending anything
    retryable: bool = False

    #: what is too long for the sentence, such as whole digests; a log shows each on a line of its own
    lines: tuple[str, ...] = ()

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        details: str | None = None,
        method: str | None = None,
        path: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.details = details
        self.method = method
        self.path = path

    def add(self, text: str) -> None:
        """Add to the message what happened since, without any secret."""
        self.message = f"{self.message}; {text}"
        self.args = (self.message,)

    @property
    def fields(self) -> dict[str, Any]:
        """The evidence as plain JSON types: status, code, details, method, path."""
        return {name: getattr(self, name) for name in ("status", "code", "details", "method", "path")}

    def __str__(self) -> str:
        """Return the message with the call and the manager's own words behind it."""
        call = " ".join(part for part in (self.method, self.path) if part)
        answer = f"HTTP {self.status}" if self.status is not None else ""
        where = ", ".join(part for part in (call, answer, f"code {self.code}" if self.code else "") if part)
        text = f"{self.message} [{where}]" if where else self.message
        return f"{text}: {self.details}" if self.details and self.details not in self.message else text

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from the fields: keyword-only arguments are lost by the default."""
        return _rebuild, (type(self), self.message, dict(self.__dict__))


def _rebuild(kind: type[VManageError], message: str, state: dict[str, Any]) -> VManageError:
    error = kind.__new__(kind, message)
    error.args = (message,)
    error.__dict__.update(state)
    return error


class VManageConfigurationError(VManageError, ValueError):
    """A field of the connection or an argument is wrong.

    Raised before anything is sent. A retry cannot help: the text names the field, its value and the mend.
    """


class VManageSourceError(VManageError, ValueError):
    """The image to upload is missing or empty, or it changed or broke off while it was read.

    The manager never holds a complete image after it.

    :param retryable: true where reading broke off in the middle: a store that is away may come back.
    """

    def __init__(self, message: str, *, retryable: bool = False, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.retryable = retryable


class VManageAuthenticationError(VManageError):
    """The manager refused the login, or an API key is no longer good.

    Never repeated by us: from release 20.12.1 five failures within 15 minutes lock the account (Cisco, account
    lockout). A retry with the same credentials only counts towards that lock.
    """


class VManageRejectedError(VManageError):
    """The manager answered ``{"error": ...}`` (under any status, 2xx too), or 4xx without one.

    Nothing is repeated inside the call. Under a 5xx a later retry may help, otherwise it cannot.
    """

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.retryable = self.status is not None and self.status >= 500


class VManageConflictError(VManageError):
    """Something with this name is there already and ``if_exists`` does not allow to go on. Retry: no."""


class VManageNotFoundError(VManageError, LookupError):
    """No image fits and ``if_missing="fail"``. Retry: no."""


class VManageAmbiguousError(VManageError, LookupError):
    """More than one image fits, or the record holds other files too; nothing was changed. Retry: no.

    :param candidates: one line for each image that fits, as a person would tell them apart.
    """

    def __init__(self, message: str, *, candidates: Sequence[str] = (), **fields: Any) -> None:
        super().__init__(message, **fields)
        self.candidates = tuple(candidates)


class VManageInUseError(VManageError):
    """A device runs or boots the image, or the devices could not be asked; nothing was changed.

    Retry: no, somebody has to decide; safe and of use where the devices could not be asked and may be later.

    :param retryable: true where it is only that the list of devices is unavailable for now.
    """

    def __init__(self, message: str, *, retryable: bool = False, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.retryable = retryable


class VManageLostImageError(VManageError):
    """An image was deleted, and other files of its record are no longer listed since. Retry: no, upload them again.

    :param lost: one line for each of them, as a person would tell them apart.
    """

    def __init__(self, message: str, *, lost: Sequence[str] = (), **fields: Any) -> None:
        super().__init__(message, **fields)
        self.lost = tuple(lost)


class VManageStalePlanError(VManageError):
    """The manager, or what is in use, is no longer as the plan saw it; nothing was changed. Retry: no, plan again."""


class VManageBlockedError(VManageError):
    """Devices are unreachable, busy, or unfit for the action, and ``skip_blocked`` is not set; nothing was sent.

    Retry: no, a person or a sensor decides when to try again.
    """


class VManageTooManyDevicesError(VManageError):
    """More devices would change than ``max_devices``; nothing was sent. Retry: no."""


class VManageTooManyDeletionsError(VManageError):
    """More images would be deleted than ``max_deletions``, or all of them; nothing was changed. Retry: no."""


class VManagePartialError(VManageError):
    """One of several changes failed; those before it were made, those after it were not tried.

    Retry: as that of the failure (``__cause__``). A retry is safe: what was made is found and not made again.

    :param done: rows of the changes that were made.
    :param failed: what failed.
    :param left: what was not tried.
    """

    def __init__(
        self,
        message: str,
        *,
        done: Sequence[dict[str, Any]] = (),
        failed: str = "",
        left: Sequence[str] = (),
        retryable: bool = False,
        **fields: Any,
    ) -> None:
        super().__init__(message, **fields)
        self.done = tuple(done)
        self.failed = failed
        self.left = tuple(left)
        self.retryable = retryable


class VManageDeadlineError(VManageError):
    """The transfer cannot end before ``not_after``, or did not; no image came to be. Retry: no, time is up."""


class VManageChecksumError(VManageError, ValueError):
    """The source does not have the promised digest. The last bytes were held back, so no image came to be.

    A retry sends the same bytes again, so it cannot help.

    :param algorithm: name of the digest, as hashlib knows it.
    :param expected: hexadecimal digest that was promised.
    :param actual: hexadecimal digest of what was read.
    """

    def __init__(
        self, message: str, *, algorithm: str = "", expected: str = "", actual: str = "", **fields: Any
    ) -> None:
        super().__init__(message, **fields)
        self.algorithm = algorithm
        self.expected = expected
        self.actual = actual
        self.lines = digest_lines(algorithm, expected, actual)


def digest_lines(algorithm: str, expected: str, actual: str) -> tuple[str, ...]:
    """Return two whole digests as lines below a sentence that shortens them."""
    return (f"expected {algorithm}:{expected}", f"got {algorithm}:{actual}") if expected else ()


class VManageUnavailableError(VManageError):
    """The manager is busy (429), restarting (5xx without ``{"error"}``) or out of reach.

    Reads were repeated inside the call until the budget was used up. Nothing was changed, so a retry is safe.

    :param retry_after: seconds the manager asked to wait, if it said so.
    :param repeat: whether the very same request may be sent again at once.
    """

    retryable = True

    def __init__(self, message: str, *, retry_after: float | None = None, repeat: bool = True, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.retry_after = retry_after
        self.repeat = repeat


class VManageSessionExpiredError(VManageError):
    """The session was dead, was renewed, and was dead again within the same call. A retry is safe.

    :param repeat: whether a change may be sent again at once, where the list shows that it was not made.
    """

    retryable = True

    def __init__(self, message: str, *, repeat: bool = False, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.repeat = repeat


class VManageProtocolError(VManageError):
    """HTML, broken or cut JSON, or an envelope without ``data``. Never read as an empty list. Retry: safe."""

    retryable = True


class VManageOutcomeUnknownError(VManageError):
    """A change was sent and its answer was lost, and the list did not settle what became of it.

    A retry is safe: every changing call lists first.

    :param retry_after: seconds the manager asked to wait, if it said so.
    """

    retryable = True

    def __init__(self, message: str, *, retry_after: float | None = None, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.retry_after = retry_after


class VManageCancelledError(VManageError):
    """The task was told to stop in the middle of a call. A retry is safe: it lists first."""

    retryable = True
