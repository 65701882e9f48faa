"""Who gives way in a box that is full: nobody can take more of it than their share, if others want theirs. Pure."""

from collections import Counter
from collections.abc import Sequence


def gives_way(senders: Sequence[str], newcomer: str) -> int | None:
    """Which of the things in a full box is to make room for one more, by who sent each in the order in which they came.

    It is the last of whoever has most in there, if they have more even afterwards than the newcomer before; else None,
    and the newcomer is refused. So the first n of each sender stay, where n is the size of the box by how many senders
    there are, and what was taken in is never lost to somebody who has as much.
    """
    counts = Counter(senders)
    most = max(counts.values(), default=0)
    if counts[newcomer] + 1 >= most:
        return None
    return max(index for index, sender in enumerate(senders) if counts[sender] == most)
