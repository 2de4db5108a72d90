"""What can go wrong between Airflow and a manager: four families, by what helps.

::

    VManageError
    |-- VManageInputError                              correct the connection, an argument or the source
    |   |-- VManageConfigurationError (ValueError)     bad connection or argument
    |   |-- VManageSourceError (ValueError)            the image to upload cannot be read
    |   |-- VManageTargetError (ValueError)            the downloaded image cannot be written
    |   |-- VManageChecksumError (ValueError)          the bytes do not have the promised checksum
    |   `-- VManageDeadlineError                       the transfer cannot finish in time (not_after)
    |-- VManageRefusedError                            the manager refused: correct what its message names
    |   |-- VManageAuthenticationError                 the manager refused the login
    |   `-- VManageRejectedError                       the manager refused the request
    |-- VManagePreconditionError                       decide: the repository or the devices are not as required
    |   |-- VManageConflictError                       the name is already in use (if_exists="fail")
    |   |-- VManageNotFoundError (LookupError)         nothing matches (if_missing="fail")
    |   |-- VManageAmbiguousError (LookupError)        more than one image matches
    |   |-- VManageInUseError                          a device runs, boots or may need the image
    |   |-- VManageLostImageError                      a deletion removed other images too
    |   |-- VManageStalePlanError                      the manager has changed since the plan was made
    |   |-- VManageBlockedError                        devices are unreachable, busy or unfit for the action
    |   |-- VManageTooManyDevicesError                 more devices would change than was allowed
    |   `-- VManageTooManyDeletionsError               more would be deleted than was allowed
    `-- VManageTransientError                          run the task again
        |-- VManageUnavailableError                    busy, restarting or out of reach
        |-- VManageSessionExpiredError                 the session died and could not be renewed within the call
        |-- VManageProtocolError                       a response that no manager should give
        |-- VManageOutcomeUnknownError                 a change was sent, its response was lost
        |-- VManageCancelledError                      the task was stopped
        `-- VManagePartialError                        some of several changes were made, then one failed

``retryable`` says whether running the whole task again can help; the Airflow side decides by it, not by the family: a
source that broke off may be retried, a partial failure only if its cause may.
The errors know nothing of Airflow, carry no secret, and survive pickling.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class VManageError(Exception):
    """Root of everything this package raises.

    :param message: what happened and what to do, without any secret.
    :param status: HTTP status of the response, if there was one.
    :param code: the manager's own error code (``error.code``).
    :param details: the manager's own details (``error.details``).
    :param method: HTTP method of the call.
    :param path: path of the call, without its query.
    """

    #: whether the same task, run again later, can succeed without a fix
    retryable: bool = False

    #: details too long for the message, such as whole digests; each is logged on its own line
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
        """Append to the message what happened since, without any secret."""
        self.message = f"{self.message}; {text}"
        self.args = (self.message,)

    @property
    def fields(self) -> dict[str, Any]:
        """Return status, code, details, method and path as plain JSON types."""
        return {name: getattr(self, name) for name in ("status", "code", "details", "method", "path")}

    def __str__(self) -> str:
        """Return the message, followed by the call and the manager's details."""
        call = " ".join(part for part in (self.method, self.path) if part)
        status = f"HTTP {self.status}" if self.status is not None else ""
        where = ", ".join(part for part in (call, status, f"code {self.code}" if self.code else "") if part)
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


class VManageInputError(VManageError):
    """What was given has to be corrected: a connection, an argument, a source or a deadline. Retry: mostly no."""


class VManageRefusedError(VManageError):
    """The manager refused the login or the request, and gave the reason. Retry: mostly no."""


class VManagePreconditionError(VManageError):
    """The repository or the devices are not as the task requires; a person has to decide. Retry: mostly no."""


class VManageTransientError(VManageError):
    """Running the same task again may succeed without a fix. A retry is safe: every changing call lists first."""

    retryable = True


class VManageConfigurationError(VManageInputError, ValueError):
    """A field of the connection or an argument is wrong. A retry cannot help: the text names field, value and fix.

    Almost always raised before anything is sent. What only a connection shows is raised then: a certificate that is not
    trusted, a port without TLS, a session cookie that the manager allows over TLS only, a tenant that does not exist.
    The call that raises it changes nothing.
    """


class VManageSourceError(VManageInputError, ValueError):
    """The image to upload is missing or empty, or it changed or broke off while it was read.

    The manager never has the complete image afterwards. Retry: only if reading broke off.

    :param retryable: true if reading broke off: an unavailable store may come back.
    """

    def __init__(self, message: str, *, retryable: bool = False, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.retryable = retryable


class VManageTargetError(VManageInputError, ValueError):
    """The downloaded image cannot be written to its target, which is as it was before.

    Retry: unless the path is wrong or not allowed.

    :param retryable: false if the path has to be corrected.
    """

    def __init__(self, message: str, *, retryable: bool = False, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.retryable = retryable


class VManageAuthenticationError(VManageRefusedError):
    """The manager refused the login, or does not accept the API key any more.

    This package never repeats it: from release 20.12.1 five failures within 15 minutes lock the account (Cisco, account
    lockout). A retry with the same credentials only counts towards that lock.
    """


class VManageRejectedError(VManageRefusedError):
    """The manager responded with ``{"error": ...}`` (under any status, 2xx too), or with 4xx without one.

    Nothing is repeated inside the call. After a 5xx a later retry may help, otherwise it cannot.
    """

    #: whether the response was no error of the manager's own, such as a page of its web server
    is_page: bool = False

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.retryable = self.status is not None and self.status >= 500


class VManageConflictError(VManagePreconditionError):
    """The name already exists and ``if_exists`` does not allow to continue. Retry: no."""


class VManageNotFoundError(VManagePreconditionError, LookupError):
    """No image matches and ``if_missing="fail"``. Retry: no."""


class VManageAmbiguousError(VManagePreconditionError, LookupError):
    """More than one image matches, or the record holds other files too; nothing was changed. Retry: no.

    :param candidates: one line for each image that matches, with what distinguishes it.
    """

    def __init__(self, message: str, *, candidates: Sequence[str] = (), **fields: Any) -> None:
        super().__init__(message, **fields)
        self.candidates = tuple(candidates)


class VManageInUseError(VManagePreconditionError):
    """A device runs or boots the image, or the list of devices could not be read; nothing was changed.

    Retry: no, a person has to decide; safe, and it may help, if the list could not be read.

    :param retryable: true if the list of devices is only unavailable for now.
    """

    def __init__(self, message: str, *, retryable: bool = False, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.retryable = retryable


class VManageLostImageError(VManagePreconditionError):
    """An image was deleted, and other files of its record are no longer listed. Retry: no, upload them again.

    :param lost: one line for each of them, with what distinguishes it.
    """

    def __init__(self, message: str, *, lost: Sequence[str] = (), **fields: Any) -> None:
        super().__init__(message, **fields)
        self.lost = tuple(lost)


class VManageStalePlanError(VManagePreconditionError):
    """The repository or the images in use have changed since the plan was made. Retry: no, plan again.

    Nothing was changed.
    """


class VManageBlockedError(VManagePreconditionError):
    """Devices are unreachable, busy, or unfit for the action, and ``skip_blocked`` is not set; nothing was sent.

    Retry: no, a person or a sensor decides when to try again.
    """


class VManageTooManyDevicesError(VManagePreconditionError):
    """More devices would change than ``max_devices``; nothing was sent. Retry: no."""


class VManageTooManyDeletionsError(VManagePreconditionError):
    """More images would be deleted than ``max_deletions``, or all of them; nothing was changed. Retry: no."""


class VManagePartialError(VManageTransientError):
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


class VManageDeadlineError(VManageInputError):
    """The transfer cannot finish before ``not_after``, or did not; no image was created. Retry: no, time is up."""


class VManageChecksumError(VManageInputError, ValueError):
    """The image does not have the promised digest. No image was created on the manager, no target was written.

    A retry reads the same bytes again, so it cannot help.

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
    """Return two whole digests as lines, for a message that shortens them."""
    return (f"expected {algorithm}:{expected}", f"got {algorithm}:{actual}") if expected else ()


class VManageUnavailableError(VManageTransientError):
    """The manager is busy (429), restarting (5xx without ``{"error"}``) or out of reach.

    Reads were repeated inside the call until the time for repeats was used up. Nothing was changed, so a retry is safe.

    :param retry_after: seconds of the manager's ``Retry-After``, if it sent one.
    :param repeat: whether the same request may be repeated inside the call.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, repeat: bool = True, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.retry_after = retry_after
        self.repeat = repeat


class VManageSessionExpiredError(VManageTransientError):
    """The session died, and the call could not be completed with a new one. A retry is safe.

    Raised if the session is dead again after it was renewed within the same call; the first time already if the call
    cannot be sent again: an upload, whose body is used up, and a change after which the login page came, since it may
    have been made.

    :param repeat: whether a change may be sent again at once if the list shows that it was not made.
    """

    def __init__(self, message: str, *, repeat: bool = False, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.repeat = repeat


class VManageProtocolError(VManageTransientError):
    """HTML, broken or cut JSON, or an envelope without ``data``. Never read as an empty list. Retry: safe."""


class VManageOutcomeUnknownError(VManageTransientError):
    """A change was sent, its response was lost, and the list did not show whether it was made.

    A retry is safe: every changing call lists first.

    :param retry_after: seconds of the manager's ``Retry-After``, if it sent one.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.retry_after = retry_after


class VManageCancelledError(VManageTransientError):
    """The task was stopped in the middle of a call. A retry is safe: it lists first."""
