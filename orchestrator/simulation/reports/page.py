"""A result as one page that needs nothing beside itself: for a browser, an e-mail, an archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Final

from orchestrator.simulation.reports.histogram import Bar, histogram, in_words
from orchestrator.simulation.scenarios.results import Check, Result, click_counts

_STYLE: Final = """
:root{--ink:#17202a;--soft:#5d6b7a;--line:#e1e6ec;--paper:#fff;--ground:#f4f6f9;--bar:#2f6fde;
--good:#14804a;--goodbg:#e3f5ea;--bad:#b3261e;--badbg:#fce8e6}
@media (prefers-color-scheme:dark){:root{--ink:#e6ebf1;--soft:#93a1b1;--line:#2b3542;
--paper:#161d26;--ground:#0e141b;--bar:#6ea2ff;--good:#5fd394;--goodbg:#12301f;--bad:#ff8a80;--badbg:#3b1715}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1040px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:26px;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:16px;margin:0 0 12px}
.about{color:var(--soft);margin:0 0 20px;max-width:70ch;overflow-wrap:anywhere;
white-space:pre-line}
.verdict{display:inline-block;padding:4px 12px;border-radius:999px;font-weight:600;margin:0 0 20px}
.verdict.good{color:var(--good);background:var(--goodbg)}
.verdict.bad{color:var(--bad);background:var(--badbg)}
.tiles{display:grid;gap:12px;margin:0 0 16px;
grid-template-columns:repeat(auto-fit,minmax(150px,1fr))}
.tile,section{background:var(--paper);border:1px solid var(--line);border-radius:10px}
.tile{padding:12px 16px}.tile b{display:block;font-size:22px;line-height:1.3}
.tile span{color:var(--soft);font-size:13px}
section{padding:18px 20px;margin:0 0 16px;overflow-x:auto}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:16px}
@media (max-width:760px){.pair{grid-template-columns:1fr;gap:0}}
table{border-collapse:collapse;width:100%}
th{color:var(--soft);font-weight:500;font-size:13px;text-align:left}
th,td{padding:6px 12px 6px 0;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.of{margin:14px 0 2px;font-weight:600}ul{margin:0;padding-left:20px}li{overflow-wrap:anywhere}
.good{color:var(--good)}.bad{color:var(--bad)}
code,pre{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
code{overflow-wrap:anywhere}pre{margin:0;white-space:pre-wrap}
svg{display:block;width:100%;height:auto;overflow:visible}svg text{fill:var(--soft);font-size:12px}
svg rect{fill:var(--bar)}svg line{stroke:var(--line)}
@media (max-width:760px){svg text{font-size:20px}}
"""

_CHART: Final = (980, 260)
_MARGIN: Final = {"left": 52, "right": 8, "top": 20, "bottom": 44}


def html_report(result: Result) -> str:
    """The page: verdict, numbers, histogram, tables."""
    scenario, measured = result.scenario, result.measured
    verdict, how = ("as expected", "good") if result.good else ("not as expected", "bad")
    about = f'<p class="about">{escape(scenario.about)}</p>' if scenario.about else ""
    body = [
        f"<h1>{escape(scenario.title)}</h1>{about}",
        f'<p class="verdict {how}">{verdict}</p>',
        _tiles(result),
        _section("Expected and found", _checks(result)),
        _section("From click to claimed", _chart(histogram(measured.click_ms))),
        _section("Latencies, in virtual time", _latencies(result)),
        '<div class="pair">',
        _section("How claims ended", _counts("outcome", measured.outcomes)),
        _section("What became of clicks", _counts("disposition", click_counts(measured))),
        "</div>",
    ]
    if measured.faults:
        body.append(_section("What went wrong on purpose", _counts("fault", measured.faults)))
    if measured.last:
        last = escape("\n".join(measured.last))
        body.append(_section("The last lines of the trace", f"{_stopped(result)}<pre>{last}</pre>"))
    body.append(_section("The same world once more", _again(result)))
    inside = "\n".join(body)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(scenario.title)}: {verdict}</title><style>{_STYLE}</style></head>\n"
        f"<body><main>\n{inside}\n</main></body></html>\n"
    )


def _stopped(result: Result) -> str:
    if not result.measured.violation:
        return ""
    return "<p>The world stopped at the violation; what was to come later is missing above.</p>"


def _tiles(result: Result) -> str:
    measured = result.measured
    median = result.latencies.get("click to claimed", {}).get("p50")
    tiles = [
        (f"{measured.units_claimed:,}", f"of {_units(result):,} units claimed"),
        ("none" if median is None else in_words(median), "click to claimed, median"),
        (_duration(measured.virtual_s), "of virtual time"),
        (f"{result.real_s:.1f} s", "of real time"),
    ]
    cells = (f'<div class="tile"><b>{value}</b><span>{what}</span></div>' for value, what in tiles)
    return f'<div class="tiles">{"".join(cells)}</div>'


def _units(result: Result) -> int:
    """How many different units arrive anywhere."""
    prefixes = {one for arrivals in result.scenario.arrivals for one in arrivals.devices}
    there = sum(one.count for one in result.scenario.devices if one.prefix in prefixes)
    return min(there, sum(one.units for one in result.scenario.arrivals))


def _checks(result: Result) -> str:
    rows = [
        [
            f'<span class="{"good" if one.good else "bad"}">{"✓" if one.good else "✗"}</span>',
            escape(one.name),
            escape(one.expected),
            escape(one.found),
        ]
        for one in result.checks
    ]
    table = _table(["", "what", "expected", "found"], rows)
    return table + "".join(_details(one) for one in result.checks if one.details and not one.good)


def _details(check: Check) -> str:
    lines = "".join(f"<li>{escape(line)}</li>" for line in check.details)
    return f'<p class="of">{escape(check.name)}</p><ul>{lines}</ul>'


def _latencies(result: Result) -> str:
    rows = [
        [escape(name), *(in_words(value) for value in quantiles.values())]
        for name, quantiles in result.latencies.items()
    ]
    if not rows:
        return "<p>No claim succeeded.</p>"
    return _table(["", "p50", "p95", "p99"], rows, numbers_from=1)


def _counts(what: str, counts: Mapping[str, int]) -> str:
    if not counts:
        return "<p>None.</p>"
    rows = [[escape(name), f"{count:,}"] for name, count in counts.items()]
    return _table([what, "count"], rows, numbers_from=1)


def _again(result: Result) -> str:
    return (
        f"<p><code>{escape(result.again)}</code></p>"
        f"<p>Seed {result.measured.seed}, trace <code>{result.measured.trace}</code></p>"
    )


def _chart(bars: Sequence[Bar]) -> str:
    """The histogram as SVG; each bar says its numbers when pointed at."""
    if not bars:
        return "<p>No claim succeeded.</p>"
    width, height = _CHART
    left, bottom_y = _MARGIN["left"], height - _MARGIN["bottom"]
    plot_height = bottom_y - _MARGIN["top"]
    slot = (width - left - _MARGIN["right"]) / len(bars)
    most = max(bar.count for bar in bars)
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = bottom_y - share * plot_height
        parts.append(f'<line x1="{left}" x2="{width}" y1="{y:.1f}" y2="{y:.1f}"/>')
        if share != 0.5 or most % 2 == 0:
            parts.append(_label(left - 8, y + 4, f"{round(most * share):,}", "end"))
    for number, bar in enumerate(bars):
        # What is there at all is seen.
        tall = max(bar.count / most * plot_height, 1.5) if bar.count else 0
        x = left + number * slot
        parts.append(
            f'<rect x="{x + 2:.1f}" y="{bottom_y - tall:.1f}" width="{slot - 4:.1f}"'
            f' height="{tall:.1f}" rx="2"><title>{escape(bar.label)}: {bar.count:,}</title></rect>'
        )
    for at, text, anchor in ticks(bars):
        parts.append(_label(left + at * slot, bottom_y + 18, text, anchor))
    what = f"Histogram of {sum(bar.count for bar in bars):,} claims"
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{what}">{"".join(parts)}'
        f"{_label((left + width) / 2, height - 6, 'time from the click to green', 'middle')}</svg>"
    )


def ticks(bars: Sequence[Bar]) -> Iterator[tuple[float, str, str]]:
    """What stands below the bars: at which bar's left end, the time, its anchor."""
    every, last = max(1, round(len(bars) / 7)), bars[-1]
    for number in range(0, len(bars), every):
        if bars[number].high_ms is not None and (
            last.high_ms is None or number + every <= len(bars)
        ):
            yield number, in_words(bars[number].low_ms), "middle"
    if last.high_ms is None:
        yield len(bars) - 0.5, f"≥ {in_words(last.low_ms)}", "middle"
    else:
        yield len(bars), in_words(last.high_ms), "end"


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _section(title: str, inner: str) -> str:
    return f"<section><h2>{title}</h2>{inner}</section>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int = 99) -> str:
    """Cells are HTML already; columns from ``numbers_from`` on are numbers."""
    styles = ["" if n < numbers_from else ' class="number"' for n in range(len(heads))]
    head = "".join(f"<th{style}>{name}</th>" for style, name in zip(styles, heads, strict=True))
    body = "".join(
        f"<tr>{''.join(f'<td{style}>{cell}</td>' for style, cell in zip(styles, row, strict=True))}"
        "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02} min"
