"""The call that a request is about."""

from hullo.call.call import Call
from hullo.service.errors import ErrorCode, domain_error
from hullo.service.method import Service


def which_call(service: Service, call_id: str | None) -> Call:
    """The call of that id, or the only live one. Raises `UnknownCall`, and `RpcError` when none or several are live."""
    if call_id is not None:
        return service.switchboard.call(call_id)
    live = service.switchboard.live()
    if len(live) == 1:
        return live[0]
    problem = f"{len(live)} calls are live" if live else "no call is live"
    raise domain_error(ErrorCode.WHICH_CALL, f"which call? {problem}", "name it with call_id; call.list shows them")
