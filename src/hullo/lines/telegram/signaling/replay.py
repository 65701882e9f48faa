"""Which counters of the peer were seen before."""

WINDOW = 64
"""How far a counter may lie behind the largest one seen (tgcalls keeps as many)."""

REPLAYED = "it repeats an earlier one"


class ReplayWindow:
    """Remembers the counters of the last `WINDOW`."""

    def __init__(self) -> None:
        self._largest = 0
        self._seen: set[int] = set()

    def is_old(self, counter: int) -> bool:
        """Whether it is too far behind to be known; such a record is dropped."""
        return counter + WINDOW <= self._largest

    def first_time(self, counter: int) -> bool:
        """Note `counter`; False if it was noted before, or is too old to tell."""
        if self.is_old(counter) or counter in self._seen:
            return False
        self._seen.add(counter)
        if counter > self._largest:
            self._largest = counter
            self._seen = {seen for seen in self._seen if not self.is_old(seen)}
        return True
