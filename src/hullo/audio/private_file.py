"""Files of what people say: nobody but their owner reads them."""

import errno
import fcntl
import os
import stat
from pathlib import Path


def create_private(path: Path) -> int:
    """The descriptor of an empty file, mode 0600 also if it was there before, locked against a second writer.

    Raises `OSError`, which says so where the file is being written. A device or a pipe is opened as it is, and never
    waited for.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.fchmod(descriptor, 0o600)
            os.ftruncate(descriptor, 0)
    except BlockingIOError:
        os.close(descriptor)
        raise OSError(errno.EBUSY, "it is being written already: name another file", str(path)) from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
