"""One call: its states, its events, the `Call`, and the `Switchboard` that holds many. No network, no codec."""
