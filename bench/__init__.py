"""Measurements, one file a question: `python -m bench [NAME] [--quick | --rehearse] [--json]`."""
