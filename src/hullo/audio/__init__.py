"""Sound in the real world: recordings of calls, microphones and speakers, what is done to what they hear."""
