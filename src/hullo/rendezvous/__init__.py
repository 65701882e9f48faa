"""The rendezvous: a small server where devices find each other, that reads nothing of what they say."""
