"""The errors of voice messages; each text says what happened, to what, and what to do next."""


class MessageError(Exception):
    """Something about a voice message went wrong."""


class DiskRefuses(MessageError):
    """Something can't be written, and may be as soon as there is room."""


class RecordingFailed(MessageError):
    """A recording could not begin, or ended before it was to; what was recorded until then is kept."""


class NotPlayable(MessageError):
    """A file that is no voice message and no other sound either, or is not there."""


class SealBroken(MessageError):
    """Encrypted bytes are not what was sealed with this key: changed, cut, in another order, or of somebody else."""


class TransferFailed(MessageError):
    """A message can't be fetched from where it was to be."""
