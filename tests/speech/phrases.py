"""Sentences of a caller that the offline voice and the offline recogniser carry over without a wrong word."""

RELIABLE = [
    "I would like to make an appointment.",
    "Where are you located?",
    "Are you open on Sunday?",
    "What is your name?",
]
