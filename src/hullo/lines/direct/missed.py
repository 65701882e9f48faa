"""The calls that nobody took, kept for when their person looks."""

from hullo.lines.direct.actions import MissedCall
from hullo.lines.direct.stored_list import Store, StoredList

MAX_MISSED = 100


class MissedCalls(StoredList[MissedCall]):
    """The last `MAX_MISSED`, in `store` or, with None, until this process ends. The latest comes last."""

    def __init__(self, store: Store | None = None) -> None:
        super().__init__(store, "missed", MissedCall, MAX_MISSED, "the missed calls")
