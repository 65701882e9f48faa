"""The mouth of a call: texts and files on their way to the peer, and how much of them was heard."""
