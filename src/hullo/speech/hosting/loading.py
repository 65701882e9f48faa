"""How a host tells whoever started it that it is still downloading."""

import msgspec


class Loading(msgspec.Struct, frozen=True):
    """A line of a host's standard output: `done` of `total` bytes (0: unknown) of `what` are there."""

    what: str
    done: int
    total: int
