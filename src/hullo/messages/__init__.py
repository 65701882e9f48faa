"""Voice messages: recorded, kept, sealed, played."""
