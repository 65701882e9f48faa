"""One call: its states, its events, the `Call`, and the `Switchboard` that holds many. Knows no network and no codec."""
