"""How sound travels: ICE, DTLS and SRTP on the transports of aiortc and aioice, which no other room touches."""
