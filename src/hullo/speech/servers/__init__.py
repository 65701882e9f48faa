"""Clients of recognisers and voices elsewhere: Wyoming servers, our own hosts among them, and OpenAI's interfaces."""
