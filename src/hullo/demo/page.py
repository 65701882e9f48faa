"""The demo as one self-contained HTML page: transcript, both waveforms, and where the time of each answer went."""

from html import escape
from importlib.resources import files

from hullo.demo.measure import Spread
from hullo.demo.result import DemoResult, DemoTurn, Side

_WIDTH = 1000
_LANE = 90


_PARTS = (
    ("end of speech", "wait"),
    ("recognition", "stt"),
    ("gateway", "gateway"),
    ("voice", "voice"),
    ("both ways through the call", "net"),
)


def render(result: DemoResult) -> str:
    """The page. Needs nothing but a browser, follows its light or dark scheme, and fits a phone."""
    verdict = '<span class="good">ok</span>' if result.ok else '<span class="bad">failed</span>'
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>hullo: a measured call</title><style>{_style()}</style></head><body>
<h1>A measured call: {verdict}</h1>
<p class="soft">{escape(result.began)} · {result.seconds:.0f} s · caller, daemon and gateway ({escape(result.gateway)})
as processes of one machine; {_network(result)}ICE, DTLS-SRTP and Opus between caller and daemon.</p>
{_problems(result)}
{_cards(result)}
<h2>Who spoke when</h2>{_waveforms(result)}
<h2>Where the time of each answer went</h2>{_latency_bars(result.turns)}
<h2>The conversation</h2>{"".join(map(_turn, result.turns))}
<h2>The sound</h2>{_sound_table(result)}
<h2>The connection</h2>{_connection(result.caller)}
</body></html>
"""


def _style() -> str:
    return files("hullo.demo").joinpath("page.css").read_text(encoding="utf-8")


def _problems(result: DemoResult) -> str:
    return "".join(f'<p class="bad">{escape(problem)}</p>' for problem in result.problems)


def _network(result: DemoResult) -> str:
    if result.agent.report.line != "telegram":
        return ""
    return "set up as a Telegram call through a Telegram of our own on loopback; "


def _cards(result: DemoResult) -> str:
    answers = Spread.of([turn.answer_ms for turn in result.turns if turn.answer_ms is not None])
    heard = sum(turn.heard for turn in result.turns)
    answered = sum(turn.answered for turn in result.turns)
    cards = [
        (f"{result.setup_ms} ms", "dialing to proven audio"),
        (_median(result.caller_to_agent), "mouth to ear, caller to agent"),
        (_median(result.agent_to_caller), "mouth to ear, agent to caller"),
        (_median(answers), "answer time, median"),
        (f"{heard} / {len(result.turns)}", "turns understood"),
        (f"{answered} / {len(result.turns)}", "turns answered"),
    ]
    for name, side in (("caller", result.caller), ("agent", result.agent)):
        if side.report.leg.emoji:
            cards.append((escape(" ".join(side.report.leg.emoji)), f"key emoji at the {name}"))
    return (
        '<div class="cards">'
        + "".join(f'<div class="card"><b>{value}</b><span>{label}</span></div>' for value, label in cards)
        + "</div>"
    )


def _median(spread: Spread | None) -> str:
    return "–" if spread is None else f"{spread.median:.0f} ms"


def _waveforms(result: DemoResult) -> str:
    seconds = max(result.seconds, 1.0)
    height = 2 * _LANE + 24
    lanes = _lane(result.caller, 0, "caller", seconds) + _lane(result.agent, _LANE, "agent", seconds)
    step = 5 if seconds < 60 else 10
    ticks = "".join(
        f'<line x1="{_x(t, seconds)}" x2="{_x(t, seconds)}" y1="0" y2="{2 * _LANE}" stroke="var(--line)"/>'
        f'<text x="{_x(t, seconds)}" y="{2 * _LANE + 16}" text-anchor="{"middle" if t else "start"}">{t} s</text>'
        for t in range(0, int(seconds) + 1, step)
    )
    return (
        f'<div class="scroll"><svg style="min-width:640px" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="Waveforms of caller and agent over {seconds:.0f} seconds">{ticks}{lanes}</svg></div>'
    )


def _lane(side: Side, top: int, name: str, seconds: float) -> str:
    middle = top + _LANE / 2
    shades = "".join(
        f'<rect x="{_x(s.began, seconds)}" y="{top + 4}" width="{_x(s.ended - s.began, seconds)}" height="{_LANE - 8}"'
        f' rx="4" fill="var(--{name})" opacity=".13"/>'
        for s in side.stretches
    )
    scale = (_LANE / 2 - 8) / 100
    step = _WIDTH / max(len(side.outline), 1)
    path = "".join(
        f"M{i * step:.1f} {middle - peak * scale:.1f}V{middle + peak * scale:.1f}"
        for i, peak in enumerate(side.outline)
        if peak
    )
    return (
        f'{shades}<path d="{path}" stroke="var(--{name})" stroke-width="{max(step * 0.8, 0.8):.2f}"/>'
        f'<text x="4" y="{top + 16}" style="fill:var(--{name});font-weight:600">{name}</text>'
    )


def _x(seconds: float, total: float) -> str:
    return f"{seconds / total * _WIDTH:.1f}"


def _latency_bars(turns: list[DemoTurn]) -> str:
    rows = [parts for turn in turns if (parts := _parts(turn)) is not None]
    if not rows:
        return '<p class="soft">no turn was answered</p>'
    longest = max(sum(parts) for parts in rows)
    bars = []
    for number, parts in enumerate(rows):
        x, y = 60.0, number * 34
        bars.append(f'<text x="0" y="{y + 18}">turn {number + 1}</text>')
        for (_, colour), part in zip(_PARTS, parts, strict=True):
            width = part / longest * (_WIDTH - 150)
            bars.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="26" fill="var(--{colour})"/>')
            if width > 34:
                centre = f'x="{x + width / 2:.1f}" y="{y + 17}" text-anchor="middle"'
                bars.append(f'<text {centre} style="fill:#fff">{part:.0f}</text>')
            x += width
        bars.append(f'<text x="{x + 8:.1f}" y="{y + 18}">{sum(parts):.0f} ms</text>')
    key = "".join(f'<span><i style="background:var(--{colour})"></i>{name}</span>' for name, colour in _PARTS)
    return (
        f'<div class="key">{key}</div><div class="scroll"><svg style="min-width:640px" '
        f'viewBox="0 -8 {_WIDTH} {len(rows) * 34 + 8}" role="img" aria-label="Parts of each answer time">'
        f"{''.join(bars)}</svg></div>"
    )


def _parts(turn: DemoTurn) -> tuple[float, float, float, float, float] | None:
    times = turn.times
    if times is None or times.answer_ms is None or turn.answer_ms is None:
        return None
    ours = (times.end_of_speech_ms, times.recognition_ms, times.gateway_ms or 0, times.first_audio_ms or 0)
    return (*ours, max(0.0, turn.answer_ms - sum(ours)))


def _turn(turn: DemoTurn) -> str:
    mark = '<span class="good">understood</span>' if turn.heard else '<span class="bad">not understood</span>'
    exact = "word for word" if turn.word_error_rate == 0 else f"as “{escape(turn.understood)}”"
    answer = escape(turn.answer) or '<span class="bad">no answer</span>'
    heard = (
        f'<span class="soft"> · the caller’s recogniser: “{escape(turn.answer_heard)}”</span>'
        if turn.answer_heard
        else ""
    )
    return (
        f'<div class="turn"><time>{turn.at:.1f} s</time><div><span class="who caller">caller</span> {escape(turn.said)}'
        f' <span class="soft">· {mark} {exact}</span></div><span></span>'
        f'<div><span class="who agent">agent</span> {answer}{heard}</div></div>'
    )


def _sound_table(result: DemoResult) -> str:
    def row(name: str, side: Side) -> str:
        stats = side.report.stats
        round_trip = "–" if stats.round_trip_ms is None else f"{stats.round_trip_ms:.1f} ms"
        return (
            f"<tr><td>{name}</td><td>{stats.packets_received}</td><td>{stats.packets_lost}</td>"
            f"<td>{stats.concealed_ms:.0f} ms</td><td>{stats.buffer_ms:.0f} ms</td><td>{stats.jitter_ms:.1f} ms</td>"
            f"<td>{round_trip}</td><td>{side.cpu_ms_per_s:.0f} ms/s</td></tr>"
        )

    heads = ("end", "packets received", "lost", "concealed", "buffer", "jitter", "round trip", "processor")
    return (
        '<div class="scroll"><table><tr>'
        + "".join(f"<th>{head}</th>" for head in heads)
        + f"</tr>{row('caller', result.caller)}{row('agent', result.agent)}</table></div>"
    )


def _connection(side: Side) -> str:
    stages = " · ".join(f"{escape(name)} {at * 1000:.0f} ms" for name, at in side.report.leg.stages.items())
    pairs = "".join(
        f"<tr><td>{escape(pair.local)}</td><td>{escape(pair.remote)}</td><td>{escape(pair.protocol)}</td>"
        f"<td>{escape(pair.outcome)}</td></tr>"
        for pair in side.report.leg.pairs
    )
    return (
        f'<p>{stages}</p><div class="scroll"><table><tr><th>our candidate</th><th>theirs</th><th>transport</th>'
        f"<th>outcome</th></tr>{pairs}</table></div>"
        f'<p class="soft">Outgoing audio was proven by {escape(side.report.leg.proof or "nothing")}.</p>'
    )
