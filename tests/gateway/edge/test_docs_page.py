"""`/docs`: what a person reads, with assets of our own."""

from gateway.edge.problems import PROBLEMS
from tests.gateway.scene import Scene


async def test_the_docs_page_lists_every_call_and_problem(scene: Scene) -> None:
    document = (await scene.http.get("/openapi.json")).json()

    page = await scene.http.get("/docs")

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert all(path in page.text for path in document["paths"])
    assert all(problem.code in page.text for problem in PROBLEMS.values())


async def test_the_docs_page_loads_nothing_from_elsewhere(scene: Scene) -> None:
    page = (await scene.http.get("/docs")).text

    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
