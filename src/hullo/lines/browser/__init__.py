"""Calls with browsers and other WebRTC peers: an SDP offer over HTTP, an answer back."""
