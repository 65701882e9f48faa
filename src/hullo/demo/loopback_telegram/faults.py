"""What can be made to go wrong, on purpose."""

from dataclasses import dataclass, field

from hullo.demo.loopback_telegram.rpc import RpcFailure


@dataclass
class _Planned:
    failure: RpcFailure
    times: int


@dataclass
class Faults:
    """Faults of the network and of the server; set the fields at any time."""

    duplicate_updates: bool = False
    """Every update is sent twice."""
    delay_updates: float = 0.0
    """Seconds until an update is sent."""
    reorder_updates: bool = False
    """Of each two updates that follow within `reorder_window` the second is sent first."""
    reorder_window: float = 0.2
    resend_to_new_session: bool = False
    """Whether what an old session never acknowledged goes to the next new one of the same key."""
    _failures: dict[str, _Planned] = field(default_factory=dict)
    _lost_answers: dict[str, int] = field(default_factory=dict)

    def fail(self, method: str, code: int, name: str, times: int = 1) -> None:
        """The next `times` calls of a method such as `phone.requestCall` are refused and not carried out."""
        self._failures[method] = _Planned(RpcFailure(code, name), times)

    def lose_answer(self, method: str, times: int = 1) -> None:
        """The next `times` calls of a method are carried out, but the connection drops before the answer."""
        self._lost_answers[method] = times

    def check(self, method: str) -> None:
        """Raises the planned `RpcFailure`, if there is one for that method."""
        planned = self._failures.get(method)
        if planned is not None and planned.times > 0:
            planned.times -= 1
            raise planned.failure

    def loses_answer(self, method: str) -> bool:
        """Whether the answer of this call is to be lost."""
        left = self._lost_answers.get(method, 0)
        self._lost_answers[method] = max(0, left - 1)
        return left > 0
