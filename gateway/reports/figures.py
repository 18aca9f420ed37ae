"""The figures of a report: JSON, CSV and lines of text. The page is in page.py.

JSON and CSV are for programs and name a service by its slug, a portal and an organisation by its id; text and page show
their names too.
"""

import csv
import io
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gateway.identifiers import Language
from gateway.procedures.catalogue import Catalogue
from gateway.reports.use_cases import Measured, Services, WeeklyReport

WORDS: Mapping[str, tuple[str, str]] = {
    "title": ("Báo cáo tuần: 25 dịch vụ công thiết yếu", "Weekly report: the 25 essential services"),
    "week": ("Tuần", "Week"),
    "as_of": ("Số liệu dịch vụ theo nguồn của tuần", "Services as the sources say for week"),
    "no_source": ("Chưa có nguồn cho tuần này", "No source reports this week"),
    "level_3_or_4": ("Dịch vụ mức độ 3, 4", "Services at level 3 or 4"),
    "march_provided": ("Thời hạn tháng 3/2022: đã cung cấp", "Due in March 2022: provided"),
    "march_connected": ("Đã kết nối CSDLQG về dân cư", "Connected to the population database"),
    "march_waiting": ("Chờ kết nối", "Waiting for the connection"),
    "may_level_4": (
        "Thời hạn tháng 5/2022: đạt mức độ 4 (nguồn không nêu tên)",
        "Due in May 2022: at level 4 (the source names none)",
    ),
    "measured": ("Cổng xác thực ghi nhận trong tuần", "Measured by this gateway in the week"),
    "test_data": (
        "DỮ LIỆU THỬ NGHIỆM, không phải của công dân thật",
        "TEST DATA, not of real citizens",
    ),
    "connected": ("Dịch vụ đã kết nối chính thức", "Services connected on official"),
    "tested": ("Dịch vụ đã chạy thử", "Services tested on sandbox"),
    "asked": ("Câu hỏi gửi CSDLQG về dân cư", "Questions to the population database"),
    "confirmed": ("Trùng khớp", "Confirmed"),
    "not_confirmed": ("Không trùng khớp", "Not confirmed"),
    "failed": ("Không có kết quả", "Failed"),
    "reused": ("Dùng lại kết quả còn hiệu lực", "Reused while valid"),
    "asked_short": ("Câu hỏi", "Questions"),
    "reused_short": ("Dùng lại", "Reused"),
    "confirmed_short": ("trùng khớp", "confirmed"),
    "not_confirmed_short": ("không trùng khớp", "not confirmed"),
    "failed_short": ("không có kết quả", "failed"),
    "prefills_short": ("lần điền sẵn", "prefills"),
    "fields_short": ("trường không phải khai lại", "fields not declared again"),
    "latency_p50_ms_short": ("trả lời (ms): trung vị", "answer (ms): median"),
    "latency_p95_ms_short": ("95 %", "95 %"),
    "prefills": ("Lần điền sẵn", "Prefills"),
    "reuse_share": ("Tỷ lệ dùng lại", "Share of reuse"),
    "questions": ("Câu hỏi không phải gửi lại", "Questions spared"),
    "fields": ("Trường công dân không phải khai lại", "Fields that citizens did not declare again"),
    "latency": ("Thời gian trả lời của CSDLQG (ms): trung vị, 95 %", "Registry's answer (ms): median, 95 %"),
    "failures": ("Lỗi theo loại", "Failures by class"),
    "services": ("25 dịch vụ", "The 25 services"),
    "service": ("Dịch vụ", "Service"),
    "due": ("Thời hạn", "Due"),
    "level": ("Mức độ", "Level"),
    "link": ("Kết nối", "Connection"),
    "by_profile": ("Theo môi trường", "By profile"),
    "by_organisation": ("Theo cơ quan", "By organisation"),
    "by_portal": ("Theo cổng", "By portal"),
    "by_service": ("Theo dịch vụ", "By service"),
    "chart": ("Câu hỏi và lần dùng lại theo tuần", "Questions and reuses by week"),
    "sources": ("Nguồn", "Sources"),
    "navigation": ("Các tuần", "Weeks"),
    "before": ("Tuần trước", "Week before"),
    "after": ("Tuần sau", "Week after"),
    "other_language": ("English", "Tiếng Việt"),
    "account": ("Tài khoản", "Account"),
    "none": ("không có", "none"),
    "yes": ("đã kết nối", "connected"),
    "waiting": ("chờ", "waiting"),
    "not-needed": ("không cần", "not needed"),
    "unknown": ("chưa rõ", "unknown"),
    "3-or-4": ("3 hoặc 4", "3 or 4"),
    "mot-phan": ("một phần", "partial"),
    "toan-trinh": ("toàn trình", "full"),
}


def word(key: str, language: Language) -> str:
    """Return the word in a language."""
    return WORDS[key][language is Language.EN]


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
        "test_data": list(report.test_data),
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
    if report.services is not None:
        yield from _services_figures(report.services)
    measured = report.measured
    yield from (("measured", "", f"test_data:{profile}", 1, _AUDIT) for profile in report.test_data)
    for section, slugs in (("connected", measured.connected), ("tested", measured.tested)):
        yield from (("measured", slug, section, 1, _AUDIT) for slug in slugs)
    yield from (("enquiries", "", measure, n, _AUDIT) for measure, n in enquiries_json(measured).items())
    yield "spared", "", "questions", measured.reused, _AUDIT
    yield "spared", "", "fields", measured.fields_spared, _AUDIT
    yield "spared", "", "reuse_share", round(measured.reuse_share, 2), _AUDIT
    yield from (("failures", "", code, n, _AUDIT) for code, n in measured.failures.items())
    times = ((name, value) for name, value in measured.latency_ms.items() if value is not None)
    yield from (("latency_ms", "", name, value, _AUDIT) for name, value in times)
    for group, found in measured.by.items():
        for key, counts in found.items():
            section, service = ("enquiries", key) if group == "service" else (f"{group}:{key}", "")
            yield from ((section, service, measure, n, _AUDIT) for measure, n in counts.items())


def _services_figures(services: Services) -> Iterator[Figure]:
    members = _services_json(services)
    for section in ("services", "march", "may"):
        for measure, value in members[section].items():
            yield section, "", measure, len(value) if measure == "waiting" else value, services.source
    for state in services.states:
        for measure in ("due", "level", "provided", "connected"):
            yield "service", state.slug, measure, getattr(state, measure), state.source


def report_text(report: WeeklyReport, catalogue: Catalogue, language: Language) -> str:
    """Return the report in lines of at most 80 columns."""
    names = service_names(catalogue, language)
    lines = [f"{word('title', language)}", f"{word('week', language)} {report.week}", ""]
    lines += _wrap(services_lines(report, names, language))
    lines += ["", f"{word('measured', language)}:"]
    lines += _wrap(measured_lines(report, names, language))
    known = dict(names) | {key: f"{name} ({key})" for key, name in report.names.items()}
    for group, found in report.measured.by.items():
        if found:
            lines += ["", f"{word(f'by_{group}', language)}:"]
            lines += _wrap((known.get(key, key), _counted(counts, language)) for key, counts in found.items())
    return "\n".join(lines)


def _counted(counts: Mapping[str, int], language: Language) -> str:
    """Return the figures of a group in words, the failures with those of each problem code."""
    codes = ", ".join(f"{name} {n}" for name, n in counts.items() if f"{name}_short" not in WORDS)
    found = {name: str(n) for name, n in counts.items() if f"{name}_short" in WORDS}
    if codes:
        found["failed"] += f" ({codes})"
    return ", ".join(f"{word(f'{name}_short', language).lower()} {text}" for name, text in found.items())


def _wrap(labelled: Iterable[tuple[str, str]]) -> Iterator[str]:
    for label, value in labelled:
        text = f"{label}: {value}".replace(" %", "\u00a0%")  # a number and its per cent sign share a line
        lines = textwrap.wrap(
            text,
            COLUMNS,
            initial_indent="  ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield from (line.replace("\u00a0", " ") for line in lines)


Names = Mapping[str, str]
"""The name of each service, by slug."""


def service_names(catalogue: Catalogue, language: Language, *, both: bool = True) -> Names:
    """Return the names; in English, with `both`, also the Vietnamese one, by which forms and sources know the service."""
    if language is Language.VI:
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
    report: WeeklyReport, names: Names, language: Language, *, most: int | None = None
) -> list[tuple[str, str]]:
    """Return label and value of each figure of the audit; `most` as in `services_lines`."""
    measured, latency = report.measured, report.measured.latency_ms
    lines = [(word("test_data", language), ", ".join(report.test_data))] if report.test_data else []
    lines += [(word(name, language), str(n)) for name, n in enquiries_json(measured).items()]
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
