"""Figures for Prometheus: how calls go, how they sound, and whether the clock keeps time."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hullo.call import events
from hullo.call.event_stream import EventsMissed
from hullo.call.report import CallReport
from hullo.call.states import CallState
from hullo.call.switchboard import Switchboard
from hullo.rtc.clock import MediaClock

_SETUP_SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
_DURATION_SECONDS = (5, 15, 30, 60, 120, 300, 600, 1800, 3600)
_ANSWER_SECONDS = (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10)
_STAGE_SECONDS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5)
_STAGES = ("end_of_speech", "recognition", "gateway", "first_token", "first_audio")
_EVENTS = 10_000


class Metrics:
    """Counts what happens on a switchboard. Labels have few values: never an id, a peer or an address."""

    def __init__(self, switchboard: Switchboard, clock: MediaClock, clients: Callable[[], int]) -> None:
        self._switchboard = switchboard
        self._registry = registry = CollectorRegistry()
        registry.register(_Now(switchboard, clock, clients))
        on_line = ("line", "direction")
        self._ended = Counter("hullo_calls_ended", "Calls that ended", (*on_line, "reason"), registry=registry)
        self._setup = Histogram(
            "hullo_call_setup_seconds",
            "From the dialing, or our answer, to proven audio in both directions",
            on_line,
            buckets=_SETUP_SECONDS,
            registry=registry,
        )
        self._duration = Histogram(
            "hullo_call_duration_seconds",
            "Length of calls that connected",
            on_line,
            buckets=_DURATION_SECONDS,
            registry=registry,
        )
        self._answer = Histogram(
            "hullo_turn_answer_seconds",
            "From the peer's last word to our first sound",
            ("line",),
            buckets=_ANSWER_SECONDS,
            registry=registry,
        )
        self._stage = Histogram(
            "hullo_turn_stage_seconds",
            "Where the time of an answer went",
            ("stage",),
            buckets=_STAGE_SECONDS,
            registry=registry,
        )
        self._packets = Counter("hullo_packets", "Packets of calls that ended", ("line", "outcome"), registry=registry)
        self._sound = Counter(
            "hullo_sound_seconds", "Sound of the peers in calls that ended", ("line", "outcome"), registry=registry
        )
        self._errors = Counter("hullo_call_errors", "Failures in calls that went on", ("component",), registry=registry)
        self._missed = Counter("hullo_metrics_gaps", "Times these figures missed events", registry=registry)

    async def run(self) -> None:
        """Count until the switchboard closes."""
        while True:
            try:
                async for event in self._switchboard.stream(_EVENTS):
                    self._count(event)
            except EventsMissed:
                self._missed.inc()
            else:
                return

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The figures and their content type, in the format that an `Accept` header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def _count(self, event: events.CallEvent) -> None:
        match event:
            case events.Connected():
                self._setup.labels(event.line, event.direction).observe(event.setup_ms / 1000)
            case events.Error():
                self._errors.labels(event.component).inc()
            case events.Ended():
                self._count_ended(event.report)
            case _:
                pass

    def _count_ended(self, report: CallReport) -> None:
        self._ended.labels(report.line, report.direction, report.ending.reason).inc()
        if report.duration:
            self._duration.labels(report.line, report.direction).observe(report.duration)
        for turn in report.turns:
            if turn.times.answer_ms is not None:
                self._answer.labels(report.line).observe(turn.times.answer_ms / 1000)
            for stage in _STAGES:
                took_ms = getattr(turn.times, f"{stage}_ms")
                if took_ms is not None:
                    self._stage.labels(stage).observe(took_ms / 1000)
        stats = report.stats
        self._packets.labels(report.line, "sent").inc(stats.packets_sent)
        self._packets.labels(report.line, "received").inc(stats.packets_received)
        self._packets.labels(report.line, "lost").inc(stats.packets_lost)
        self._packets.labels(report.line, "late").inc(stats.packets_late)
        self._sound.labels(report.line, "played").inc(stats.played_ms / 1000)
        self._sound.labels(report.line, "concealed").inc(stats.concealed_ms / 1000)


class _Now(Collector):
    """What is read off at the moment of asking."""

    def __init__(self, switchboard: Switchboard, clock: MediaClock, clients: Callable[[], int]) -> None:
        self._switchboard = switchboard
        self._clock = clock
        self._clients = clients

    def collect(self) -> Iterator[Metric]:
        calls = GaugeMetricFamily("hullo_calls", "Live calls by state", labels=("state",))
        states = [call.state for call in self._switchboard.live()]
        for state in CallState:
            if state is not CallState.ENDED:
                calls.add_metric((state.value,), states.count(state))
        yield calls
        yield GaugeMetricFamily("hullo_rpc_clients", "Connected JSON-RPC clients", self._clients())
        stats = self._clock.stats()
        yield CounterMetricFamily("hullo_clock_ticks", "Ticks of 20 ms, one a call each", stats.ticks)
        late = CounterMetricFamily("hullo_clock_late_ticks", "Ticks later than", labels=("over",))
        late.add_metric(("5ms",), stats.late_5_ms)
        late.add_metric(("20ms",), stats.late_20_ms)
        yield late
        yield CounterMetricFamily("hullo_clock_dropped_ticks", "Ticks left out after a stall", stats.dropped)
        yield GaugeMetricFamily("hullo_clock_late_max_seconds", "The latest tick so far", stats.max_late_ms / 1000)
