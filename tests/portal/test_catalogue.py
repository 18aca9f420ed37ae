"""The services as the portal groups and keeps them."""

import httpx
import pytest

from portal.errors import GatewayUnreachable
from portal.gateway_client import GatewayClient, PortalAccount
from portal.pages import Text
from portal.services.catalogue import FRESH_S, GROUPS, Catalogue, Service, group
from tests.kit.clocks import CounterClock
from tests.kit.scene import BASE, Scene


def service(slug: str) -> Service:
    return Service(
        slug=slug, name=Text(slug, slug), code=None, purpose=Text("", ""), legal_basis=(), roles=()
    )


def test_a_service_without_a_group_is_shown_last_and_no_group_is_empty() -> None:
    label, (slug, *_) = GROUPS[1]
    new, known = service("dich-vu-moi"), service(slug)
    assert group([new, known]) == [(label, [known]), (Text("Dịch vụ khác", "Other services"), [new])]


class Line(httpx.ASGITransport):
    """The connection to the gateway, which a test cuts. `sent` counts the requests."""

    is_cut = False
    sent = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.is_cut:
            raise httpx.ConnectError("no network", request=request)
        self.sent += 1
        return await super().handle_async_request(request)


async def test_the_services_are_kept_for_a_while_and_shown_while_the_gateway_is_away(scene: Scene) -> None:
    made, line, clock = await scene.portal(log_in=False), Line(scene.app), CounterClock()
    account = PortalAccount(client_id=made.client_id, issuer=made.issuer, client_secret=made.secret)
    async with GatewayClient(account, http=httpx.AsyncClient(transport=line, base_url=BASE)) as gateway:
        catalogue = Catalogue(gateway, clock)
        before = [await catalogue.services(), await catalogue.service("khai-sinh")]
        sent = line.sent
        assert [await catalogue.services(), await catalogue.service("khai-sinh")] == before
        assert line.sent == sent
        clock.counter += FRESH_S + 1
        await catalogue.services()
        assert line.sent == sent + 1
        clock.counter += FRESH_S + 1
        line.is_cut = True
        assert [await catalogue.services(), await catalogue.service("khai-sinh")] == before
        with pytest.raises(GatewayUnreachable):
            await catalogue.service("ket-hon")
