"""The weekly report: the seed's figures of 2022, and the figures of a real gateway's audit."""

import csv
import io
import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from lxml import etree, html

from gateway.clock import today
from gateway.identifiers import Profile
from gateway.procedures.catalogue import load_catalogue
from gateway.reports.figures import report_csv, report_json, report_text, service_names, services_lines
from gateway.reports.model import Week, WeeklyReport, parse_week
from gateway.reports.page import STYLESHEET, report_page
from gateway.reports.use_cases import make_weekly_report
from gateway.reports.words import Language, word
from tests.kit.enquiries import verified
from tests.kit.scene import Portal, Scene

SEED = Week(2022, 17)


async def of_this_week(scene: Scene) -> WeeklyReport:
    year, number, _ = today(scene.clock).isocalendar()
    return await make_weekly_report(scene.gateway.deps.database, Week(year, number))


async def test_the_week_of_the_seed_has_the_figures_of_the_seed() -> None:
    told = report_json(await make_weekly_report(None, SEED))
    assert told["week"] == "2022-W17"
    assert told["services"] == {"total": 25, "level_3_or_4": 17, "share": 0.68}
    assert told["march"] == {
        "due": 14, "provided": 14, "connected": 11, "waiting": ["khai-sinh", "khai-tu", "ket-hon"],
    }  # fmt: skip
    assert told["may"] == {"due": 11, "level_4": 3}
    assert told["measured"] == {"connected": [], "tested": []}
    assert told["enquiries"] == dict.fromkeys(
        ("asked", "confirmed", "not_confirmed", "failed", "reused", "prefills"), 0
    )
    assert told["spared"] == {"questions": 0, "fields": 0}


async def test_a_week_before_the_first_source_has_no_figures_of_services() -> None:
    told = report_json(await make_weekly_report(None, Week(2022, 16)))
    assert (told["as_of"], told["services"], told["march"], told["may"]) == (None, None, None, None)


async def test_a_later_week_says_of_which_week_its_figures_are() -> None:
    told = report_json(await make_weekly_report(None, Week(2026, 48)))
    assert (told["week"], told["as_of"], told["services"]["level_3_or_4"]) == ("2026-W48", "2022-W17", 17)


async def test_the_services_of_the_report_are_those_of_the_catalogue() -> None:
    report = await make_weekly_report(None, SEED)
    assert report.services is not None
    assert [state.slug for state in report.services.states] == [
        each.slug for each in load_catalogue().procedures
    ]
    assert {state.source for state in report.services.states} <= report.services.sources.keys()


async def test_a_weeks_enquiries_reuses_and_fields_are_counted_once_each(
    scene: Scene, portal: Portal
) -> None:
    act = await verified(portal)
    await act.fill("full_name", "gender")
    await act.fill("full_name", "gender", "birth_date")
    await verified(portal, procedure="ket-hon", role="husband")
    await portal.verify(
        claim={"citizen_id": "001090000123", "full_name": "Sai Tên", "birth_date": "1990-01-31"}
    )
    told = report_json(await of_this_week(scene))
    assert told["enquiries"] == {
        "asked": 2, "confirmed": 1, "not_confirmed": 1, "failed": 0, "reused": 1, "prefills": 2,
    }  # fmt: skip
    assert told["spared"] == {"questions": 1, "fields": 3}
    assert told["measured"] == {"connected": [], "tested": ["ket-hon", "khai-sinh"]}
    assert told["by"]["service"]["ket-hon"] == {"reused": 1}
    assert told["by"]["profile"]["sandbox"]["asked"] == 2
    assert told["latency_ms"]["p50"] >= 0


async def test_a_disputed_field_is_not_counted_as_spared(scene: Scene, portal: Portal) -> None:
    prefill = (await (await verified(portal)).fill("full_name", "gender")).json()["id"]
    await portal.call("POST", "/discrepancies", {"prefill": prefill, "field": "gender", "note": "sai"})
    assert (await of_this_week(scene)).measured.fields_spared == 1


async def test_a_failure_of_the_registry_is_counted_by_its_class(scene: Scene, portal: Portal) -> None:
    await scene.fault("unavailable", times=5)
    await portal.verify()
    measured = (await of_this_week(scene)).measured
    assert (measured.asked, measured.failed) == (1, 1)
    assert measured.failures == {"registry_unavailable": 1}


async def test_a_service_confirmed_on_official_counts_as_connected(scene: Scene) -> None:
    await (await scene.portal(Profile.OFFICIAL)).verify()
    measured = (await of_this_week(scene)).measured
    assert (measured.connected, measured.tested) == (("khai-sinh",), ())


async def test_enquiries_of_another_week_are_in_the_weeks_before_alone(scene: Scene, portal: Portal) -> None:
    await verified(portal)
    scene.clock.advance(8 * 24 * 3600)
    report = await of_this_week(scene)
    assert report.measured.asked == 0
    assert sum(each.asked for _, each in report.weeks) == 1
    assert len(report.weeks) == 8


async def test_the_csv_has_a_source_for_each_figure() -> None:
    report = await make_weekly_report(None, SEED)
    rows = list(csv.DictReader(io.StringIO(report_csv(report))))
    assert [*rows[0]] == ["week", "section", "service", "measure", "value", "source"]
    assert all(row["source"] for row in rows)
    told = {(row["section"], row["measure"]): row["value"] for row in rows if not row["service"]}
    assert told["services", "level_3_or_4"] == "17"
    assert told["march", "waiting"] == "3"
    assert told["spared", "fields"] == "0"


async def test_text_and_page_say_the_seeds_figures_in_both_languages() -> None:
    report = await make_weekly_report(None, SEED)
    spoken: tuple[tuple[Language, str], ...] = (
        ("vi", "Dịch vụ mức độ 3, 4"),
        ("en", "Services at level 3 or 4"),
    )
    for language, words in spoken:
        text = report_text(report, load_catalogue(), language)
        page = report_page(report, load_catalogue(), language)
        assert f"{words}: 17/25 (68 %)" in text
        assert max(len(line) for line in text.splitlines()) <= 80
        assert f"{words}</th><td" in page
        assert all(figure in page for figure in ("17/25 (68 %)", "14/14", "11/14", "3/11"))


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_text_and_page_name_each_service_in_their_language_and_show_no_slug(
    scene: Scene, portal: Portal, language: Language
) -> None:
    await verified(portal)
    report = await of_this_week(scene)
    assert report.measured.tested == ("khai-sinh",)
    catalogue = load_catalogue()
    page = html.document_fromstring(
        report_page(report, catalogue, language, stylesheet="/reports/report.css")
    )
    shown = page.xpath("string(//main)")
    text = " ".join(report_text(report, catalogue, language).split())
    tested = {
        "vi": "Dịch vụ đã chạy thử: Đăng ký khai sinh",
        "en": "Services tested on sandbox: Birth registration (Đăng ký khai sinh)",
    }
    assert tested[language] in text
    for each in catalogue.procedures:
        assert re.search(rf"\b{each.slug}\b", text + shown) is None
        names = {"vi": each.name_vi, "en": f"{each.name_en} ({each.name_vi})"}
        assert names[language] in shown


async def test_a_list_of_many_services_is_whole_in_the_text_and_counted_on_the_page(scene: Scene) -> None:
    catalogue, report = load_catalogue(), await of_this_week(scene)
    slugs = tuple(each.slug for each in catalogue.procedures)
    used = replace(report, measured=replace(report.measured, tested=slugs))
    text = " ".join(report_text(used, catalogue, "vi").split())
    names = [each.name_vi for each in catalogue.procedures]
    assert "; ".join(names) in text
    page = html.document_fromstring(report_page(used, catalogue, "vi"))
    shown = page.xpath("string(//th[. = 'Dịch vụ đã chạy thử']/following-sibling::td)")
    assert shown == "25/25"


async def test_a_list_of_waiting_services_that_is_too_long_leaves_its_own_count_alone() -> None:
    report, names = await make_weekly_report(None, SEED), service_names(load_catalogue(), "vi")
    found = dict(services_lines(report, names, "vi", most=10))
    assert found[word("march_waiting", "vi")] == "3/14"


async def test_the_page_has_no_script_style_attribute_or_foreign_address(
    scene: Scene, portal: Portal
) -> None:
    await verified(portal)
    report = await of_this_week(scene)
    page = html.document_fromstring(
        report_page(report, load_catalogue(), "vi", stylesheet="/reports/report.css")
    )
    assert not page.xpath("//script | //style | //@style | //@onload")
    assert page.xpath("//@href | //@src") == ["/reports/report.css"]
    chart = etree.fromstring(etree.tostring(page.xpath("//*[local-name()='svg']")[0]))
    tall = [float(bar.get("height", "0")) for bar in chart.iter("{*}rect") if bar.get("width", "") != "9"]
    assert len(tall) == 16
    assert max(tall) == tall[14] == 112
    assert STYLESHEET in report_page(report, load_catalogue(), "vi")


@pytest.mark.parametrize("text", ["2022-W54", "2022-17", "W17", "2022-W1", "0000-W01", "2021-W53", ""])
def test_a_week_that_is_none_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match="week"):
        parse_week(text)


def test_a_week_is_vietnams_from_monday_to_sunday() -> None:
    week = parse_week("2022-W17")
    assert week.monday == date(2022, 4, 25)
    assert week.start == datetime(2022, 4, 24, 17, tzinfo=UTC)
    assert week.end == datetime(2022, 5, 1, 17, tzinfo=UTC)
    assert str(parse_week("2021-W01").before(1)) == "2020-W53"
