"""Who may ask: names, origins, tokens, sizes, read-only, and what every answer says to the browser."""

from __future__ import annotations

import pytest
from asking import HERE, TOKEN, Studio
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from narrows.studio.guard import LARGEST_QUESTION, LARGEST_UPLOAD

LIVE = "ws://127.0.0.1:8642/api/live"


def client(guarded: Studio, base: str = HERE) -> TestClient:
    return TestClient(guarded.app, base_url=base)


def let_in(guarded: Studio) -> TestClient:
    made = client(guarded)
    answer = made.get("/", params={"token": TOKEN})
    assert answer.status_code == 200
    return made


def test_the_printed_address_lets_in_and_leaves_the_token_in_a_cookie(guarded: Studio) -> None:
    made = client(guarded)
    answer = made.get("/", params={"token": TOKEN})
    kept = answer.headers["set-cookie"]
    assert kept.startswith("narrows-8642=") and "HttpOnly" in kept and "SameSite=Strict" in kept
    assert TOKEN not in answer.text and answer.headers["cache-control"] == "no-store"
    assert made.get("/api/state").status_code == 200
    assert '<div id="app">' in made.get("/").text


@pytest.mark.parametrize("path", ["/", "/api/state", "/static/main.js", "/openapi.json", "/none"])
def test_without_the_token_nothing_is_told(guarded: Studio, path: str) -> None:
    made = client(guarded)
    for query in ("", "?token=", "?token=wrong", f"?token={TOKEN[:-1]}", "?token=%ff"):
        answer = made.get(path + query)
        assert answer.status_code == 401 and "narrows studio" in answer.text
        assert "set-cookie" not in answer.headers
    made.cookies.set("narrows-8642", "wrong")
    assert made.get(path).status_code == 401


def test_a_token_of_another_port_is_none_here(guarded: Studio) -> None:
    made = client(guarded)
    made.cookies.set("narrows-8643", TOKEN)
    assert made.get("/api/state").status_code == 401


def test_a_script_may_say_the_token_in_a_header(guarded: Studio) -> None:
    made = client(guarded)
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert made.get("/api/state", headers=bearer).status_code == 200
    body = {"key": guarded.key, "like": [0], "k": 1}
    assert made.post("/api/search", json=body, headers=bearer).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "10.0.0.1:8642", "[::2]", "a, 127.0.0.1"]
)
def test_another_name_is_refused(guarded: Studio, host: str) -> None:
    answer = let_in(guarded).get("/api/state", headers={"host": host})
    assert answer.status_code == 421 and "does not answer to that name" in answer.json()["message"]


@pytest.mark.parametrize("host", ["localhost:8642", "127.0.0.1:8642", "LOCALHOST:8642"])
def test_its_own_names_are_answered(guarded: Studio, host: str) -> None:
    answer = let_in(guarded).get("/api/state", headers={"host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},  # another studio, or any other page of this machine
        {},  # a form of an old browser
        {"origin": HERE, "sec-fetch-site": "cross-site"},
        {"origin": HERE, "sec-fetch-site": "same-site"},
    ],
)
def test_a_page_of_another_site_may_not_ask(guarded: Studio, headers: dict[str, str]) -> None:
    made = let_in(guarded)
    body = {"key": guarded.key, "like": [0], "k": 1}
    assert made.post("/api/search", json=body, headers=headers).status_code == 403
    own = {"origin": HERE, "sec-fetch-site": "same-origin"}
    assert made.post("/api/search", json=body, headers=own).status_code == 200


def test_a_picture_of_another_page_is_not_shown(guarded: Studio) -> None:
    made = let_in(guarded)
    path = f"/api/pictures/0?key={guarded.key}"
    assert made.get(path, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert made.get(path).headers["cross-origin-resource-policy"] == "same-origin"


def test_a_socket_asks_as_a_page_does(guarded: Studio) -> None:
    made = let_in(guarded)
    with made.websocket_connect(LIVE, headers={"origin": HERE}) as live:
        assert live.receive_json()["title"] == guarded.session.title
    for headers in (
        {},
        {"origin": "http://evil.example"},
        {"origin": HERE, "host": "evil.example"},
    ):
        with pytest.raises(WebSocketDisconnect), made.websocket_connect(LIVE, headers=headers):
            pass
    with (
        pytest.raises(WebSocketDisconnect),
        client(guarded).websocket_connect(LIVE, headers={"origin": HERE}),
    ):
        pass


def test_read_only_refuses_whatever_changes(guarded: Studio, opened: Studio) -> None:
    made = let_in(guarded)
    for method in ("PUT", "PATCH", "DELETE"):
        answer = made.request(method, "/api/anything", headers={"origin": HERE})
        assert answer.status_code == 403 and "read-only" in answer.json()["message"]
        assert opened.client.request(method, "/api/anything").status_code == 404
    assert made.get("/api/state").json()["read_only"] is True


def test_what_can_be_asked_without_read_only_is_known_to_change_nothing(opened: Studio) -> None:
    """POST asks: a new one that changes something has to be a PUT, PATCH or DELETE."""
    paths = opened.client.get("/openapi.json").json()["paths"]
    posts = {path for path, methods in paths.items() if "post" in methods}
    of_latent = {f"/api/latent/{one}" for one in ("sliders", "generate", "codes", "steer", "film")}
    of_map = {"/api/map/passing", "/api/map/morph"}
    of_restore = {"/api/restore", "/api/restore/pictures"}
    of_train = {f"/api/train/{one}" for one in ("compare", "cost", "measured", "figure")}
    of_outliers = {"/api/outliers", "/api/outliers/batch", "/api/outliers/sheet"}
    of_lesson = {f"/api/lesson/{one}" for one in ("plane", "numbers", "way", "usual")}
    of_share = {"/api/share", "/api/share/size"}  # a file of the session, gone with it
    assert posts == {
        *of_map, *of_latent, *of_restore, *of_train, *of_lesson, *of_share, *of_outliers, "/api/uploads",
        "/api/search", "/api/search/text", "/api/duplicates", "/api/jobs/stop", "/api/pictures/album",
    }  # fmt: skip


def test_every_answer_says_what_the_page_may_do(opened: Studio, guarded: Studio) -> None:
    for answer in (
        opened.client.get("/"),
        opened.client.get("/api/state"),
        opened.client.get("/none"),
        opened.tell("/api/search"),
        client(guarded).get("/"),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/guard.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/api/uploads/..%2f..%2fetc%2fpasswd",
        "/api/pictures/..%2f0",
        "/api/map/sheets/..",
    ],
)
def test_no_path_leads_out(opened: Studio, path: str) -> None:
    answer = opened.client.get(path, params={"key": opened.key})
    assert 400 <= answer.status_code < 500
    assert "root:" not in answer.text and "import" not in answer.text


def test_a_body_ends_where_it_is_too_large(opened: Studio) -> None:
    for path, most in (("/api/search", LARGEST_QUESTION), ("/api/uploads", LARGEST_UPLOAD)):
        said = opened.client.post(path, content=b"{}", headers={"content-length": str(most + 1)})
        assert said.status_code == 413 and "MiB" in said.json()["message"]
    block = bytes(1 << 20)
    came = opened.client.post("/api/uploads", content=(block for _ in range(65)))
    assert came.status_code == 413 and "64 MiB" in came.json()["message"]


def test_methods_that_no_page_needs_are_refused(opened: Studio) -> None:
    for method in ("TRACE", "OPTIONS", "CONNECT", "PROPFIND"):
        assert opened.client.request(method, "/api/state").status_code == 405
