"""The page at ``/``: posture, alerts and the age of every fact. No script; what comes from outside is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from html import escape

from watchdog.core.alert import Alert
from watchdog.core.assessment import Assessment
from watchdog.core.delivery import Delivery
from watchdog.core.facts import Fact, Gap, Metric, Safety, Unknown, UnseenWrite
from watchdog.core.instant import Instant, rfc3339
from watchdog.core.known import Known, Sight
from watchdog.core.notice import acknowledged, annotations_of, bounded, how_to_acknowledge, runbook_url
from watchdog.core.observation import Scope
from watchdog.core.posture import Posture
from watchdog.core.redaction import redacted_fact, redacted_text
from watchdog.core.severity import Sev
from watchdog.core.trend import NOT_DRAINING
from watchdog.outlets.status_page.data_plane import in_words, of_kinds, trend_of_metric
from watchdog.outlets.status_page.deliveries import hearing
from watchdog.outlets.status_page.documents import age_of, shown, status, worst_alerts, worst_facts
from watchdog.outlets.status_page.history import newest_excursions, newest_gaps, told
from watchdog.rules.template import said

LIMIT = 500
"""Facts, and alerts, that are shown; the rest is counted."""

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 75rem; padding: 0 1rem 3rem; color: #1c2024; }
h1 { border-radius: .4rem; padding: .7rem 1rem; color: #fff; background: #5b6570; }
h1.safe { background: #1a7f37; } h1.unsafe { background: #b3121d; } h1.degraded { background: #9a6700; }
table { border-collapse: collapse; width: 100%; } tr { border-top: 1px solid #d8dde3; }
td, th { text-align: left; vertical-align: top; padding: .25rem .6rem; overflow-wrap: anywhere; }
th, td:first-child, td.age { overflow-wrap: normal; white-space: nowrap; } td.age { text-align: right; }
@media (max-width: 50rem) { tr, td { display: block; } td.age { text-align: left; } th { display: none; } }
.sev0 { background: #ffdcdc; } .sev1 { background: #ffe9d6; } .sev2 { background: #fff8d6; }
.unknown { background: #ececf4; font-style: italic; }
@media (prefers-color-scheme: dark) {
  body { background: #14171a; color: #e4e7ea; } tr { border-color: #343a40; } a { color: #8ab4f8; }
  .sev0 { background: #5a1a1e; } .sev1 { background: #55351a; } .sev2 { background: #4a431a; }
  .unknown { background: #2b2d3a; }
}
"""

PASSED = 20
"""Excursions, gaps and unseen writes that are shown."""

HEADLINES = {
    "safe": "Safe: trading is halted and no execution runs",
    "degraded": "Safe, with findings",
    "unknown": "Unknown: it cannot be confirmed that trading is halted",
}
SAMPLED = ("sampled_at",)
"""An epoch second, which nobody reads: the age stands beside it."""
CLAUSE = 240
"""Characters of a headline that say what is unsafe."""


def html(level: Assessment, now: Instant, base_url: str, common: Mapping[str, str]) -> str:
    state, posture = status(level, now), replace(level.posture, at=now)
    alerts = worst_alerts(level)
    facts, omitted = worst_facts(posture, level.alerts, LIMIT)
    where = " · ".join(common[name] for name in sorted(common))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="5">'
        f"<title>{escape(state)} · watchdog</title><style>{STYLE}</style></head><body>"
        f'<h1 class="{escape(state)}">{escape(headline(level, state, base_url))}</h1>'
        f"<p>{escape(where)} As of {rfc3339(level.at.wall)}, {_seconds(now.since(level.at))} ago."
        f"<br>{escape(' · '.join(in_words(posture)))}</p>"
        + _section("Alerts", _alerts(level, alerts[:LIMIT], base_url, common), len(alerts) - LIMIT)
        + _section("Sources", _table(("Source", "Part", "Sees", "Last saw"), _scopes(posture, now)))
        + _passed(level, now)
        + _measured(posture)
        + _section("Facts", _table(("Kind", "Subject", "What", "Age"), _facts(posture, facts, now)), omitted)
        + "</body></html>\n"
    )


def headline(level: Assessment, state: str, base_url: str) -> str:
    """The state in one clause; of an unsafe one, what is unsafe (what still is, before what is over and latched)."""
    if state != "unsafe":
        return HEADLINES[state]
    worst = [alert for alert in worst_alerts(level) if alert.open and alert.sev is Sev.SEV0 and not alert.drill]
    worst.sort(key=lambda alert: alert.latched)
    more = f" (and {len(worst) - 1} more)" if len(worst) > 1 else ""
    clause = annotations_of(worst[0], base_url).get("summary", str(worst[0].identity)) if worst else _unsafe(level)
    return f"UNSAFE: {bounded(clause, CLAUSE)}{more}"


def _unsafe(level: Assessment) -> str:
    """Where no rule says so."""
    safety = level.posture.globally(Safety.KIND)
    halted = isinstance(safety, Safety) and safety.halted is False
    return "a kill switch is not halted" if halted else "an execution workload is above zero"


def _passed(level: Assessment, now: Instant) -> str:
    """What happened, and when nobody looked; nothing where there is nothing to tell."""
    found, (gaps, writes) = newest_excursions(level.posture), newest_gaps(level.posture)
    windows = [gap for gap in gaps if gap.seconds > 0]  # a first look has nothing before it
    parts = (
        ("Excursions", ("Subject", "Peak", "Began", "Ended", "Lasted"), [_excursion(k, now) for k in found[:PASSED]]),
        ("Written to unseen", ("Object", "Suspicion", "Learned", "Ended"), [_write(w) for w in writes[:PASSED]]),
        ("Gaps in seeing", ("Part", "Why", "Began", "Lasted"), [_gap(gap) for gap in windows[:PASSED]]),
    )
    counts = (len(found), len(writes), len(windows))
    return "".join(
        _section(title, _table(heads, rows), count - PASSED)
        for (title, heads, rows), count in zip(parts, counts, strict=True)
        if rows
    )


def _excursion(known: Known, now: Instant) -> str:
    was = told(known, now)
    cells = (f"{was['of']} {was['subject_name']} (number {was['count']})", was["peak"])
    began, ended = (" by ".join(str(was[part]) for part in parts if was[part]) for parts in _ENDS)
    return _row("" if was["over"] else "sev0", *map(_text, (*cells, began, ended or "goes on", f"{was['seconds']} s")))


_ENDS = (("began", "began_by"), ("ended", "ended_by"))


def _gap(gap: Gap) -> str:
    why = f"{gap.reason}: {gap.explanation}"
    return _row("", *map(_text, (f"{gap.source}: {gap.part}", why, gap.began, _seconds(gap.seconds))))


def _write(write: UnseenWrite) -> str:
    what = f"{write.kind} {write.namespace}/{write.name}"
    return _row("sev1", *map(_text, (what, write.suspicion, write.learned or "nothing yet", write.ended)))


def _measured(posture: Posture) -> str:
    """What is measured, with where it is heading; nothing where nothing is."""
    found = of_kinds(posture)[Metric.KIND]
    rows = (_metric(posture, known) for known in found[:LIMIT])
    table = _table(("Metric", "Series", "Value", "Heading", "Age of the sample"), rows)
    return _section("Measured", table, len(found) - LIMIT) if found else ""


def _metric(posture: Posture, known: Known) -> str:
    fact, unseen, trend = redacted_fact(known.fact), shown(posture.unseen(known)), trend_of_metric(posture, known)
    value, age = (unseen or fact[name] for name in ("value", "age_seconds"))
    heading = "" if unseen is not None or trend is None else trend.explanation
    aged = f"{_say(age)} s" if isinstance(age, float) else _say(age)
    css = "unknown" if isinstance(value, Unknown) else ""
    return _row(css, *map(_text, (fact["metric"], fact["series"], _say(value), heading, aged)))


def _text(value: object) -> str:
    return escape(redacted_text(str(value)))


def _section(title: str, content: str, omitted: int = 0) -> str:
    more = f"<p>and {omitted} more: see the documents under /api/v1/</p>" if omitted > 0 else ""
    return f"<h2>{escape(title)}</h2>{content}{more}"


def _table(heads: Iterable[str], rows: Iterable[str]) -> str:
    return f"<table><tr>{''.join(f'<th>{escape(head)}</th>' for head in heads)}</tr>{''.join(rows)}</table>"


def _row(css: str, *cells: str) -> str:
    """``cells`` are HTML already; the last is an age."""
    body = "".join(f"<td>{cell}</td>" for cell in cells[:-1])
    return f'<tr class="{css}">{body}<td class="age">{cells[-1]}</td></tr>'


def _alerts(level: Assessment, alerts: list[Alert], base_url: str, common: Mapping[str, str]) -> str:
    if not alerts:
        return "<p>None.</p>"
    told = level.deliveries.of
    rows = (_alert(alert, told.get(alert.identity), base_url, common) for alert in alerts)
    return _table(("Sev", "State", "Alert", "What", "Heard", "Incident", "Since"), rows)


def _alert(alert: Alert, delivery: Delivery | None, base_url: str, common: Mapping[str, str]) -> str:
    link = runbook_url(alert, base_url)
    opens = link.startswith(("http://", "https://"))
    runbook = f' <a rel="noreferrer" href="{escape(link)}">runbook</a>' if opens else f" {escape(link)}"
    return _row(
        f"sev{int(alert.sev)}",
        str(alert.sev),
        escape(str(alert.state)),
        escape(str(alert.identity)),
        escape(annotations_of(alert, base_url).get("summary", "")) + runbook + _answered(alert, common),
        "" if delivery is None else escape(hearing(delivery)),
        escape(alert.incident),
        rfc3339(alert.active_since.wall),
    )


def _answered(alert: Alert, common: Mapping[str, str]) -> str:
    """Who has answered, or how to."""
    if alert.acknowledged is not None:
        return f"<br>acknowledged {_text(acknowledged(alert))}"
    command = how_to_acknowledge(alert, common)
    return f"<br>to acknowledge: <code>{escape(command)}</code>" if command else ""


def _scopes(posture: Posture, now: Instant) -> Iterable[str]:
    return (_scope(scope, sight, now) for scope, sight in posture.sights.items())


def _scope(scope: Scope, sight: Sight, now: Instant) -> str:
    unknown = shown(sight.unknown(now))
    last = "never" if sight.last_success is None else f"{_seconds(now.since(sight.last_success))} ago"
    sees = "yes" if unknown is None else str(unknown)
    return _row("" if unknown is None else "unknown", escape(scope.source), escape(scope.part), escape(sees), last)


def _facts(posture: Posture, facts: Iterable[Known], now: Instant) -> Iterable[str]:
    return (_fact(posture, known, now) for known in facts)


def _fact(posture: Posture, known: Known, now: Instant) -> str:
    unseen, fact = shown(posture.unseen(known)), known.fact
    subject = "/".join(value for _, value in fact.subject.labels if value)
    what = _what(fact) if unseen is None else f"unknown now ({unseen}); last: {_what(fact)}"
    age = _seconds(age_of(posture, known, now))
    return _row("" if unseen is None else "unknown", escape(fact.KIND), escape(subject), escape(what), age)


def _what(fact: Fact) -> str:
    parts = ((name, value) for name, value in redacted_fact(fact).items() if name not in (*fact.IDENTITY, *SAMPLED))
    told = ((name, value) for name, value in parts if value not in ("", NOT_DRAINING))
    return " · ".join(f"{name.replace('_', ' ')}: {_say(value)}" for name, value in told)


def _say(value: object) -> str:
    if isinstance(value, Unknown):
        return f"unknown ({value.reason})"
    if isinstance(value, float):
        return said(value)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _seconds(seconds: float) -> str:
    return f"{max(0.0, seconds):.1f} s"
