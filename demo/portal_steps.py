"""The citizen's way through the test portal over HTTP, as a browser without JavaScript goes it: fill, submit, reuse."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Self

import httpx
from lxml import html

from demo.control import Control
from demo.report import Report
from demo.scene import Scene
from demo.steps import Evidence, StepFailed, expect

CHILD = {
    "requester.child_full_name": "Nguyễn Thị Mai",
    "requester.child_gender": "Nữ",
    "requester.child_birth_date": "2022-04-20",
    "requester.child_birth_place.province": "01",
    "requester.child_birth_place.ward": "00004",
    "requester.child_native_place.province": "01",
    "requester.child_native_place.ward": "00004",
    "requester.child_ethnicity": "Kinh",
    "requester.child_nationality": "Việt Nam",
    "requester.relation_to_child": "Cha",
}
_SPARED = re.compile(r"Quý vị không phải khai lại (\d+) trường")
_NUMBER = re.compile(r"Số hồ sơ (\S+)")
_REUSED = re.compile(r"đã xác thực lúc [^,]+, không hỏi lại")


class CitizensWay:
    """The steps share a browser that is signed in as one citizen."""

    def __init__(self, scene: Scene, portal: str) -> None:
        self._portal = portal
        self._control = Control(scene.mock)
        self._page = Browser()

    async def play(self, report: Report) -> None:
        """Run and report every step. Raises `StepFailed` at the first failure."""
        steps: Sequence[tuple[str, Callable[[], Awaitable[Evidence]]]] = (
            ("a citizen signed in at the test portal", self._sign_in),
            ("the form of khai sinh was filled and submitted on the portal", self._fill),
            ("the citizen's second service (hộ chiếu) asked no second question", self._reuse),
            ("the citizen saw who had asked about them", self._ledger),
        )
        async with self._page:
            for title, step in steps:
                report.step(title, await step())

    async def _sign_in(self) -> Evidence:
        await self._page.open(f"{self._portal}/dang-nhap?tiep=/dich-vu/khai-sinh")
        await self._page.send("/authorize", {"person": "nguyen-van-an"})
        expect("page after the sign-in", self._page.path, "/dich-vu/khai-sinh")
        self._page.find("Nguyễn Văn An")
        return (("portal", self._portal), ("citizen", "nguyen-van-an, by the stand-in of the national login"))

    async def _fill(self) -> Evidence:
        page, before = self._page, await self._questions()
        await page.send("/dich-vu/khai-sinh/bat-dau", {})
        expect("questions before the consent", await self._questions() - before, 0)
        await page.send("/dong-y", {"agreed": "1"})
        await page.send("/xac-thuc/requester", {})
        await page.send("/xac-thuc/father", {"self": "1"})
        mother = await self._control.claim_of("le-thi-dung")
        claim = {
            "number": mother["citizen_id"],
            "full_name": mother["full_name"],
            "born": mother["birth_date"],
        }
        await page.send("/xac-thuc/mother", claim | {"consent": "1"})
        spared = page.find(_SPARED)[1]
        await page.send("/to-khai", CHILD | {"act": "review"})
        expect("page after the form", page.path.endswith("/xem-lai"), True)
        await page.send("/nop", {})
        return (
            ("consent", "shown before the first question; the journal was empty until then"),
            ("typed by the citizen", f"{len({name.split('.')[1] for name in CHILD})} fields about the child"),
            ("not declared again", f"{spared} fields of requester, father and mother"),
            ("dossier", page.find(_NUMBER)[1]),
        )

    async def _reuse(self) -> Evidence:
        before = await self._questions()
        await self._page.open(f"{self._portal}/dich-vu/ho-chieu")
        await self._page.send("/dich-vu/ho-chieu/bat-dau", {})
        await self._page.send("/dong-y", {"agreed": "1"})
        await self._page.send("/xac-thuc/requester", {})
        said = self._page.find(_REUSED)[0]
        expect("questions since", await self._questions() - before, 0)
        return (("the page says", said), ("journal", "no second question"))

    async def _ledger(self) -> Evidence:
        await self._page.open(f"{self._portal}/toi/ai-da-xem")
        acts = self._page.list_texts("//ol[@class='ledger']/li/div/p[1]")
        expect("looks and questions on the page", len(acts) >= 4, True)
        return (("entries", f"{len(acts)}, of all organisations"), ("the latest", acts[0]))

    async def _questions(self) -> int:
        """Return how many yes-or-no questions the registry has got."""
        asked = await self._control.journal("test")
        return sum(entry["operation"] == "XacThucThongTinCongDan" for entry in asked)


class Browser:
    """Keeps cookies, follows redirects and fills forms."""

    def __init__(self) -> None:
        self.http = httpx.AsyncClient(follow_redirects=True, timeout=60, trust_env=False)
        self._page: Any = None
        self._url = httpx.URL("http://127.0.0.1")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.http.aclose()

    @property
    def path(self) -> str:
        """Return the path of the page."""
        return self._url.path

    async def open(self, address: str) -> None:
        """Open a page. Raises `StepFailed` for an error page."""
        self._take(await self.http.get(address))

    async def send(self, action: str, fields: Mapping[str, str]) -> None:
        """Fill the form whose action ends so and send it. Raises `StepFailed` for an error page."""
        form = next((each for each in self._page.forms if self._address(each).path.endswith(action)), None)
        if form is None:
            raise StepFailed(f"no form {action} at {self.path}")
        self._take(await self.http.post(self._address(form), data=dict(form.form_values()) | dict(fields)))

    def find(self, wanted: str | re.Pattern[str]) -> re.Match[str]:
        """Return where the page's text has this. Raises `StepFailed`."""
        found = re.search(wanted, " ".join(self._page.text_content().split()))
        if found is None:
            raise StepFailed(f"{self.path}: expected {getattr(wanted, 'pattern', wanted)!r} on the page")
        return found

    def list_texts(self, path: str) -> list[str]:
        """Return the text of each element at an XPath."""
        return [" ".join(each.text_content().split()) for each in self._page.xpath(path)]

    def _address(self, form: Any) -> httpx.URL:
        return self._url.join(form.get("action") or str(self._url))

    def _take(self, answer: httpx.Response) -> None:
        if answer.status_code != 200:
            raise StepFailed(f"{answer.url.path}: expected 200, saw {answer.status_code}")
        self._page, self._url = html.fromstring(answer.content), answer.url
