"""The services as the gateway's catalogue describes them, kept for five minutes; groups and search are the portal's own."""

import math
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from portal.clock import Clock
from portal.errors import GatewayUnreachable
from portal.gateway_client import Answer, GatewayClient, TokenRefused
from portal.normal_forms import fold
from portal.pages import Text

FRESH_S = 300
SENSITIVE = "prefill.sensitive"

GROUPS: tuple[tuple[Text, tuple[str, ...]], ...] = (
    (Text("Hộ tịch: sinh, tử, kết hôn", "Civil status: birth, death, marriage"),
     ("khai-sinh", "khai-tu", "ket-hon", "lien-thong-khai-sinh", "lien-thong-khai-tu")),
    (Text("Cư trú", "Residence"),
     ("dang-ky-thuong-tru", "dang-ky-tam-tru", "khai-bao-tam-vang", "thong-bao-luu-tru")),
    (Text("Giấy tờ của cá nhân", "Personal papers"),
     ("xac-nhan-cmnd", "cap-doi-cccd", "ho-chieu", "ly-lich-tu-phap", "doi-giay-phep-lai-xe")),
    (Text("Xe và giao thông", "Vehicles and traffic"), ("dang-ky-xe-may", "nop-phat-giao-thong")),
    (Text("Bảo hiểm, thuế, việc làm, học tập", "Insurance, tax, work, education"),
     ("giam-tru-bhyt", "dang-ky-thue", "tro-cap-that-nghiep", "thi-tot-nghiep")),
    (Text("Nhà đất và điện", "Land and electricity"),
     ("bien-dong-dat-dai", "cap-dien-moi", "doi-chu-hop-dong-dien")),
    (Text("Con dấu", "Seals"), ("con-dau-moi", "con-dau-thu-nho")),
)  # fmt: skip
_OTHERS = Text("Dịch vụ khác", "Other services")

ROLES = {
    "requester": Text("Người yêu cầu", "Requester"),
    "father": Text("Cha", "Father"),
    "mother": Text("Mẹ", "Mother"),
    "deceased": Text("Người đã mất", "Deceased person"),
    "husband": Text("Bên nam", "Husband-to-be"),
    "wife": Text("Bên nữ", "Wife-to-be"),
    "household_head": Text("Chủ hộ", "Head of household"),
    "guest": Text("Khách lưu trú", "Guest"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a form."""

    name: str
    label: Text
    from_registry: bool
    granted: bool
    sensitive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A person of a form and the fields about them."""

    name: str
    fields: tuple[Field, ...]

    @property
    def label(self) -> Text:
        """Return the role as people read it."""
        return ROLES.get(self.name, Text(self.name, self.name))

    @property
    def asked(self) -> tuple[Field, ...]:
        """Return the fields that the registry is asked for."""
        return tuple(field for field in self.fields if field.from_registry and field.granted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service with its form; `roles` is empty in a list of services."""

    slug: str
    name: Text
    code: str | None
    purpose: Text
    legal_basis: tuple[str, ...]
    roles: tuple[Role, ...]

    @property
    def searched(self) -> str:
        """Return the text in which a search looks, on the page too."""
        return f"{self.name.vi} {self.name.en} {self.slug} {self.code or ''}"

    def role(self, name: str) -> Role | None:
        """Return a role; None if the form has no such person."""
        return next((role for role in self.roles if role.name == name), None)


def search(services: Iterable[Service], text: str) -> list[Service]:
    """Return the services whose name or code contains every word, tone marks and case aside."""
    words = fold(text[:100]).split()
    return [each for each in services if all(word in fold(each.searched) for word in words)]


def group(services: Iterable[Service]) -> list[tuple[Text, list[Service]]]:
    """Return the services by group; last those that the portal has no group for."""
    left = {each.slug: each for each in services}
    groups = [(label, [left.pop(slug) for slug in slugs if slug in left]) for label, slugs in GROUPS]
    return [(label, found) for label, found in (*groups, (_OTHERS, [*left.values()])) if found]


class Catalogue:
    """The gateway's catalogue. What was read once is shown while the gateway is away."""

    def __init__(self, gateway: GatewayClient, clock: Clock) -> None:
        self._gateway, self._clock = gateway, clock
        self._kept: dict[str | None, tuple[float, Sequence[Service]]] = {}
        self._scoped = False

    async def services(self) -> Sequence[Service]:
        """Return all services in the order of Đề án 06. Raises `GatewayUnreachable`."""
        return await self._find(None)

    async def service(self, slug: str) -> Service | None:
        """Return one service with its form; None for an unknown one. Raises `GatewayUnreachable`."""
        if not any(each.slug == slug for each in await self.services()):
            return None
        return (await self._find(slug))[0]

    async def names_officer(self, officer: str) -> bool:
        """Return whether the portal's account names an officer. Raises `GatewayUnreachable`."""
        service = await self.service((await self.services())[0].slug)
        role = service.roles[0] if service else None
        if service is None or role is None:
            raise GatewayUnreachable("no form")
        answer = await ask(
            self._gateway.evaluate(
                {
                    "procedure": service.slug,
                    "subject_role": role.name,
                    "fields": [role.fields[0].name],
                    "initiated_by": {"kind": "officer", "id": officer},
                }
            )
        )
        if answer.status != 200:
            raise GatewayUnreachable(str(answer.members.get("code", answer.status)))
        return all(each["code"] != "officer_not_granted" for each in answer.members["refusals"])

    async def _find(self, slug: str | None) -> Sequence[Service]:
        """Return one service, or all: as kept, or read again if that is old and the gateway answers."""
        read_at, found = self._kept.get(slug, (-math.inf, ()))
        if self._clock.monotonic() - read_at > FRESH_S:
            try:
                members = await self._read(slug)
            except GatewayUnreachable:
                if not found:
                    raise
            else:
                found = [_service(each) for each in (members["procedures"] if slug is None else [members])]
                self._kept[slug] = self._clock.monotonic(), found
        return found

    async def _read(self, slug: str | None) -> dict[str, Any]:
        if not self._scoped:
            await self._request_every_scope()
        answer = await ask(self._gateway.procedures() if slug is None else self._gateway.procedure(slug))
        if answer.status != 200:
            raise GatewayUnreachable(str(answer.members.get("code", answer.status)))
        return answer.members

    async def _request_every_scope(self) -> None:
        """Ask for sensitive fields too where the account may: they need their scope by name."""
        me = await ask(self._gateway.me())
        scopes = me.members.get("scopes", [])
        if me.status == 200 and SENSITIVE in scopes:
            await self._gateway.request_scope(" ".join(scopes))
        self._scoped = me.status == 200


async def ask(call: Awaitable[Answer]) -> Answer:
    """Return the gateway's answer. Raises `GatewayUnreachable` where there is none."""
    try:
        return await call
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise GatewayUnreachable(type(error).__name__) from None
    except TokenRefused as error:
        code = "account_suspended" if error.error == "invalid_client" else "token_refused"
        return Answer(status=401, members={"code": code}, headers={})


def _service(members: dict[str, Any]) -> Service:
    roles = [each for each in members["roles"] if isinstance(each, dict)]
    return Service(
        slug=members["slug"],
        name=Text(members["name_vi"], members["name_en"]),
        code=members["code"],
        purpose=Text(members.get("purpose", ""), members.get("purpose_en", members.get("purpose", ""))),
        legal_basis=tuple(members.get("legal_basis", ())),
        roles=tuple(Role(name=each["role"], fields=tuple(map(_field, each["fields"]))) for each in roles),
    )


def _field(members: dict[str, Any]) -> Field:
    name = members["name"]
    return Field(
        name=name,
        label=Text(members.get("label_vi", name), members.get("label_en", name)),
        from_registry=members["from"] == "registry",
        granted=members["granted"],
        sensitive=members["sensitive"],
    )
