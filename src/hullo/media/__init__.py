"""Sound as numbers: Opus, RTP, jitter buffer, concealment, levels. No sockets, no tasks, no clock."""
