"""The one error of hearing and speaking."""


class SpeechError(Exception):
    """Something could not be heard or said; the message says what happened, to what, and what to do next.

    `transient` is true when the same request may work on a restarted or reachable engine: a lost connection,
    a host that is down, a deadline that passed. It is false when the request itself was refused.
    """

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


def missing_package(package: str, *, extra: str = "speech") -> SpeechError:
    """The error for an optional package that is not installed."""
    return SpeechError(f"The package '{package}' is not installed: pip install 'hullo[{extra}]'")
