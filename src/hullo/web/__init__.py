"""The phone in the browser: a page, and the server that gives it to the browser and connects it to calls."""
