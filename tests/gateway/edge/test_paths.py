"""One spelling a path: what a proxy's rules see is what is routed."""

from tests.kit.scene import Portal, Scene


async def test_a_second_spelling_of_a_path_is_not_found(scene: Scene, portal: Portal) -> None:
    for path in ("/sandbox%2Fv1/me", "/%73andbox/v1/me", "/sandbox/v1/m%65"):
        request = scene.http.build_request("GET", f"http://gateway.test{path}")
        request.headers["Authorization"] = f"Bearer {portal.access_token}"

        answer = await scene.http.send(request)

        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
