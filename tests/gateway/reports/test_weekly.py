"""The weekly report: the seed's figures of 2022, and the figures of a real gateway's audit."""

import csv
import io
import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from lxml import etree, html

from gateway.clock import Week, parse_week, today
from gateway.identifiers import Language, Profile
from gateway.procedures.catalogue import load_catalogue
from gateway.reports.figures import (
    report_csv,
    report_json,
    report_text,
    service_names,
    services_lines,
    word,
)
from gateway.reports.page import STYLESHEET, report_page
from gateway.reports.use_cases import WeeklyReport, make_weekly_report
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


async def test_the_english_page_names_its_sources_in_english_and_the_vietnamese_one_in_vietnamese() -> None:
    report = await make_weekly_report(None, SEED)
    for language, told, not_told in (
        (Language.EN, "the project infers", "suy luận"),
        (Language.VI, "suy luận", "infers"),
    ):
        page = report_page(report, load_catalogue(), language)
        assert told in page
        assert not_told not in page


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


async def test_figures_of_synthetic_people_are_called_test_data(scene: Scene, portal: Portal) -> None:
    await verified(portal)
    official = await scene.portal(Profile.OFFICIAL)
    await verified(official)
    year, number, _ = today(scene.clock).isocalendar()
    places = scene.gateway.places
    real = dict(places) | {Profile.OFFICIAL: replace(places[Profile.OFFICIAL], test_data=False)}
    for given, told in ((places, ["official", "sandbox"]), (real, ["sandbox"])):
        report = await make_weekly_report(scene.gateway.deps.database, Week(year, number), given)
        assert sorted(report_json(report)["test_data"]) == told
        for text in (
            report_text(report, load_catalogue(), Language.VI),
            report_page(report, load_catalogue(), Language.VI),
        ):
            assert "DỮ LIỆU THỬ NGHIỆM" in text
            assert ("sandbox, official" in text or "official, sandbox" in text) is (given is places)
    assert "DỮ LIỆU THỬ NGHIỆM" not in report_text(
        await make_weekly_report(None, SEED), load_catalogue(), Language.VI
    )


async def test_every_figure_is_counted_by_service_portal_and_profile(scene: Scene, portal: Portal) -> None:
    prefill = (await (await verified(portal)).fill("full_name", "gender")).json()["id"]
    await portal.call("POST", "/discrepancies", {"prefill": prefill, "field": "gender", "note": "sai"})
    other = await scene.portal()
    await scene.fault("unavailable", times=5)
    await other.verify(procedure="ket-hon", subject_role="husband")
    report = await of_this_week(scene)
    by = report_json(report)["by"]
    first = {name: n for name, n in by["portal"][portal.client_id].items() if not name.startswith("latency")}
    assert first == {"asked": 1, "confirmed": 1, "prefills": 1, "fields": 1}
    assert by["service"]["khai-sinh"]["latency_p50_ms"] >= 0
    assert by["portal"][other.client_id]["registry_unavailable"] == 1
    assert by["profile"]["sandbox"]["asked"] == 2
    rows = {tuple(row.values())[1:5] for row in csv.DictReader(io.StringIO(report_csv(report)))}
    assert (f"portal:{other.client_id}", "", "registry_unavailable", "1") in rows
    assert ("profile:sandbox", "", "fields", "1") in rows
    assert ("latency_ms", "", "p50", str(report.measured.latency_ms["p50"])) in rows
    text = " ".join(report_text(report, load_catalogue(), Language.EN).split())
    assert f"By portal: a portal ({min(portal.client_id, other.client_id)}): questions 1, " in text
    assert ": questions 1, failed 1 (registry_unavailable 1)" in text
    assert "By organisation: UBND thành phố Hà Nội (000.00.01.H26): questions 2, " in text
    assert "Birth registration (Đăng ký khai sinh): questions 1, confirmed 1, prefills 1, fields not" in text
    page = report_page(report, load_catalogue(), Language.EN)
    assert f">a portal · {portal.client_id[:12]}</th>" in page
    assert ">UBND thành phố Hà Nội · 000.00.01.H26</th>" in page


async def test_the_page_names_the_busiest_portals_and_sums_up_the_others(scene: Scene) -> None:
    report = await of_this_week(scene)
    portals = {f"acc_{n}": {"asked": n, "reused": 1} for n in range(1, 7)}
    busy = replace(report, measured=replace(report.measured, by={**report.measured.by, "portal": portals}))
    page = html.document_fromstring(report_page(busy, load_catalogue(), Language.EN))
    shown = [row.text_content() for row in page.xpath("//table[.//th = 'By portal']/tbody/tr")]
    assert shown == ["acc_661", "acc_551", "+ 4104"]


async def test_the_page_cuts_a_long_name_of_a_portal_and_keeps_the_id_that_commands_take(
    scene: Scene,
) -> None:
    report, key = await of_this_week(scene), "acc_" + "a" * 25
    by = {**report.measured.by, "portal": {key: {"asked": 1}}}
    named = replace(report, measured=replace(report.measured, by=by), names={key: "Cổng <dịch vụ> " * 13})
    page = html.document_fromstring(report_page(named, load_catalogue(), Language.VI))
    label = page.xpath("string(//table[.//th = 'Theo cổng']/tbody/tr/th)")
    assert label == "Cổng <dịch vụ> Cổng <dị… · acc_aaaaaaaa"


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
        (Language.VI, "Dịch vụ mức độ 3, 4"),
        (Language.EN, "Services at level 3 or 4"),
    )
    for language, words in spoken:
        text = report_text(report, load_catalogue(), language)
        page = report_page(report, load_catalogue(), language)
        assert f"{words}: 17/25 (68 %)" in text
        assert max(len(line) for line in text.splitlines()) <= 80
        assert f"{words}</th><td" in page
        assert all(figure in page for figure in ("17/25 (68 %)", "14/14", "11/14", "3/11"))


async def test_a_number_and_its_per_cent_sign_share_a_line_of_the_text(scene: Scene, portal: Portal) -> None:
    await verified(portal)
    report = await of_this_week(scene)
    for length in range(60):
        named = replace(report, names=dict.fromkeys(report.names, "x" * length))
        text = report_text(named, load_catalogue(), Language.VI)
        assert " 95 % " in text
        assert not [line for line in text.splitlines() if line.strip().startswith("%")]


@pytest.mark.parametrize("language", list(Language))
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
    text = " ".join(report_text(used, catalogue, Language.VI).split())
    names = [each.name_vi for each in catalogue.procedures]
    assert "; ".join(names) in text
    page = html.document_fromstring(report_page(used, catalogue, Language.VI))
    shown = page.xpath("string(//th[. = 'Dịch vụ đã chạy thử']/following-sibling::td)")
    assert shown == "25/25"


async def test_a_list_of_waiting_services_that_is_too_long_leaves_its_own_count_alone() -> None:
    report, names = await make_weekly_report(None, SEED), service_names(load_catalogue(), Language.VI)
    found = dict(services_lines(report, names, Language.VI, most=10))
    assert found[word("march_waiting", Language.VI)] == "3/14"


async def test_the_page_has_no_script_style_attribute_or_foreign_address(
    scene: Scene, portal: Portal
) -> None:
    await verified(portal)
    report = await of_this_week(scene)
    page = html.document_fromstring(
        report_page(report, load_catalogue(), Language.VI, stylesheet="/reports/report.css")
    )
    assert not page.xpath("//script | //style | //@style | //@onload")
    assert page.xpath("//@href | //@src") == ["/reports/report.css"]
    chart = etree.fromstring(etree.tostring(page.xpath("//*[local-name()='svg']")[0]))
    tall = [float(bar.get("height", "0")) for bar in chart.iter("{*}rect") if bar.get("width", "") != "9"]
    assert len(tall) == 16
    assert max(tall) == tall[14] == 112
    assert STYLESHEET in report_page(report, load_catalogue(), Language.VI)


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
