"""Finding when each word of a text sounds in the speech of a voice that does not tell."""
