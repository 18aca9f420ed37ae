"""`/`, `/dich-vu/{slug}` and `/don-vi/{province}`: the services, what one will ask and why, and a province's wards."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from portal.pages import read_asset
from portal.services.catalogue import group, search
from portal.services.code_lists import wards
from portal.web import AnyVisitor


def build_router() -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    router.add_api_route("/", _list, methods=["GET"])
    router.add_api_route("/dich-vu/{slug}", _show, methods=["GET"])
    router.add_api_route("/don-vi/{province}", _wards, methods=["GET"])
    router.add_api_route("/tai-san/{name}", _asset, methods=["GET"])
    router.add_api_route("/favicon.ico", _icon, methods=["GET"])
    return router


async def _list(request: Request, visitor: AnyVisitor) -> Response:
    text = request.query_params.get("tim", "")[:100]
    found = search(await visitor.portal.catalogue.services(), text)
    return visitor.page("services.html", groups=group(found), text=text, count=len(found))


async def _show(visitor: AnyVisitor, slug: str) -> Response:
    service = await visitor.portal.catalogue.service(slug)
    if service is None:
        return visitor.page("missing.html", status=404)
    return visitor.page("service.html", service=service)


async def _wards(province: str) -> Response:
    found = [{"code": each.code, "label": each.label} for each in wards(province)]
    return JSONResponse(found, headers={"Cache-Control": "max-age=86400"})


async def _asset(name: str) -> Response:
    found = read_asset(name)
    if found is None:
        return Response(status_code=404)
    return Response(found[0], media_type=found[1], headers={"Cache-Control": "max-age=31536000, immutable"})


async def _icon() -> Response:
    return await _asset("mark.svg")
