"""What a method answers when it refuses."""


class RpcFailure(Exception):
    """An `rpc_error`: code and name, such as 420 and FLOOD_WAIT_30."""

    def __init__(self, code: int, name: str) -> None:
        super().__init__(f"{code} {name}")
        self.code = code
        self.name = name
