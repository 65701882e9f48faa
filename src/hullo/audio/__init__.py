"""Sound in the real world: recordings of calls (and, later, microphones and speakers)."""
