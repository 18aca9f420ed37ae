"""The figures of a report: JSON, CSV and lines of text. The page is in page.py.

JSON and CSV are for programs and name a service by its slug; text and page by its name in the catalogue.
"""

import csv
import io
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.procedures.catalogue import Catalogue
from gateway.reports.model import Measured, Services, WeeklyReport
from gateway.reports.words import Language, word

COLUMNS = 80
MARCH, MAY = "2022-03", "2022-05"
_LEVELS = {"3-or-4", "mot-phan", "toan-trinh"}
_AUDIT = "audit"
Figure = tuple[str, str, str, Any, str]
"""Section, service, measure, value, source."""


def report_json(report: WeeklyReport) -> dict[str, Any]:
    """Return the report's members; those of the services are null before the first source."""
    measured = report.measured
    return {
        "week": str(report.week),
        **_services_json(report.services),
        "measured": {"connected": list(measured.connected), "tested": list(measured.tested)},
        "enquiries": enquiries_json(measured),
        "spared": {"questions": measured.reused, "fields": measured.fields_spared},
        "reuse_share": round(measured.reuse_share, 2),
        "failures": dict(measured.failures),
        "latency_ms": dict(measured.latency_ms),
        "by": {name: dict(groups) for name, groups in measured.by.items()},
        "weeks": [{"week": str(week)} | enquiries_json(each) for week, each in report.weeks],
    }


def enquiries_json(measured: Measured) -> dict[str, int]:
    """Return the counts of a week."""
    return {
        "asked": measured.asked,
        "confirmed": measured.confirmed,
        "not_confirmed": measured.not_confirmed,
        "failed": measured.failed,
        "reused": measured.reused,
        "prefills": measured.prefills,
    }


def _services_json(services: Services | None) -> dict[str, Any]:
    if services is None:
        return {"as_of": None, "services": None, "march": None, "may": None}
    march, may = services.due_in(MARCH), services.due_in(MAY)
    total, reached = len(services.states), count_levels(services)
    return {
        "as_of": str(services.as_of),
        "services": {"total": total, "level_3_or_4": reached, "share": round(reached / total, 2)},
        "march": {
            "due": len(march),
            "provided": sum(state.level in _LEVELS for state in march),
            "connected": sum(state.connected == "yes" for state in march),
            "waiting": [state.slug for state in march if state.connected == "waiting"],
        },
        "may": {"due": len(may), "level_4": count_may(services)},
    }


def count_levels(services: Services) -> int:
    """Return how many services are at level 3 or 4, those included whose names the source does not give."""
    return sum(state.level in _LEVELS for state in services.states) + services.level_4_unnamed


def count_may(services: Services) -> int:
    """Return how many of May's services are at level 4."""
    named = sum(state.level in _LEVELS for state in services.due_in(MAY))
    return named + services.level_4_unnamed


def report_csv(report: WeeklyReport) -> str:
    """Return one line a figure: week, section, service, measure, value, source."""
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(["week", "section", "service", "measure", "value", "source"])
    lines.writerows([str(report.week), *figure] for figure in _figures(report))
    return written.getvalue().rstrip("\n")


def _figures(report: WeeklyReport) -> Iterator[Figure]:
    services = report.services
    if services is not None:
        members, main = _services_json(services), services.source
        for section in ("services", "march", "may"):
            for measure, value in members[section].items():
                yield section, "", measure, len(value) if measure == "waiting" else value, main
        for state in services.states:
            for measure in ("due", "level", "provided", "connected"):
                yield "service", state.slug, measure, getattr(state, measure), state.source
    measured = report.measured
    for section, slugs in (("connected", measured.connected), ("tested", measured.tested)):
        yield from (("measured", slug, section, 1, _AUDIT) for slug in slugs)
    yield from (("enquiries", "", measure, n, _AUDIT) for measure, n in enquiries_json(measured).items())
    yield "spared", "", "questions", measured.reused, _AUDIT
    yield "spared", "", "fields", measured.fields_spared, _AUDIT
    yield "spared", "", "reuse_share", round(measured.reuse_share, 2), _AUDIT
    yield from (("failures", "", code, n, _AUDIT) for code, n in measured.failures.items())
    for slug, counts in measured.by["service"].items():
        yield from (("enquiries", slug, measure, n, _AUDIT) for measure, n in counts.items())


def report_text(report: WeeklyReport, catalogue: Catalogue, language: Language) -> str:
    """Return the report in lines of at most 80 columns."""
    names = service_names(catalogue, language)
    lines = [f"{word('title', language)}", f"{word('week', language)} {report.week}", ""]
    lines += _wrap(services_lines(report, names, language))
    lines += ["", f"{word('measured', language)}:"]
    lines += _wrap(measured_lines(report.measured, names, language))
    return "\n".join(lines)


def _wrap(labelled: list[tuple[str, str]]) -> Iterator[str]:
    for label, value in labelled:
        yield from textwrap.wrap(f"{label}: {value}", COLUMNS, initial_indent="  ", subsequent_indent="    ")


Names = Mapping[str, str]
"""The name of each service, by slug."""


def service_names(catalogue: Catalogue, language: Language, *, both: bool = True) -> Names:
    """Return the names; in English, with `both`, also the Vietnamese one, by which forms and sources know the service."""
    if language == "vi":
        return {each.slug: each.name_vi for each in catalogue.procedures}
    return {
        each.slug: f"{each.name_en} ({each.name_vi})" if both else each.name_en
        for each in catalogue.procedures
    }


def _listed(slugs: Sequence[str], names: Names, language: Language, most: int | None) -> str | None:
    """Return the names of services; None if they are longer than `most` characters."""
    # Names have commas. A slug of an old entry may have left the catalogue.
    listed = "; ".join(names.get(slug, slug) for slug in slugs) or word("none", language)
    return None if most is not None and len(listed) > most else listed


def services_lines(
    report: WeeklyReport, names: Names, language: Language, *, most: int | None = None
) -> list[tuple[str, str]]:
    """Return label and value of each figure of the sources; a list of services longer than `most` characters is only counted."""
    services = report.services
    if services is None:
        return [(word("week", language), word("no_source", language))]
    members = _services_json(services)
    all_of, march, may = members["services"], members["march"], members["may"]
    waiting = _listed(march["waiting"], names, language, most)
    counted = f"{len(march['waiting'])}/{march['due']}"
    return [
        (word("as_of", language), str(services.as_of)),
        (
            word("level_3_or_4", language),
            f"{all_of['level_3_or_4']}/{all_of['total']} ({_percent(all_of['share'])})",
        ),
        (word("march_provided", language), f"{march['provided']}/{march['due']}"),
        (word("march_connected", language), f"{march['connected']}/{march['due']}"),
        (word("march_waiting", language), counted if waiting is None else f"{counted} – {waiting}"),
        (word("may_level_4", language), f"{may['level_4']}/{may['due']}"),
    ]


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def measured_lines(
    measured: Measured, names: Names, language: Language, *, most: int | None = None
) -> list[tuple[str, str]]:
    """Return label and value of each figure of the audit; `most` as in `services_lines`."""
    latency = measured.latency_ms
    lines = [(word(name, language), str(n)) for name, n in enquiries_json(measured).items()]
    lines += [
        (word("reuse_share", language), _percent(measured.reuse_share)),
        (word("questions", language), str(measured.reused)),
        (word("fields", language), str(measured.fields_spared)),
    ]
    for name, slugs in (("connected", measured.connected), ("tested", measured.tested)):
        listed = _listed(slugs, names, language, most)
        lines.append((word(name, language), f"{len(slugs)}/{len(names)}" if listed is None else listed))
    if latency["p50"] is not None:
        lines.append((word("latency", language), f"{latency['p50']}, {latency['p95']}"))
    if measured.failures:
        counts = ", ".join(f"{code} {n}" for code, n in measured.failures.items())
        lines.append((word("failures", language), counts))
    return lines
