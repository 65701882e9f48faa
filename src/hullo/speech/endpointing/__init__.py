"""When has the peer finished? One strategy a file. Pure: no clock, no model, no network."""
