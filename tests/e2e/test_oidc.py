"""Signing in through a provider of OpenID Connect, with Streamlit's own routes and a provider of the test's."""

from __future__ import annotations

from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

import pytest

from tests.e2e.conftest import free_port, start_server
from tests.support.oidc_provider import provider


def opener() -> OpenerDirector:
    return build_opener(HTTPCookieProcessor(CookieJar()))


def get(browser: OpenerDirector, url: str) -> tuple[int, str]:
    try:
        with browser.open(Request(url, headers={"Accept": "text/html"}), timeout=30) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def test_people_of_an_organisation_come_in_and_others_that_it_knows_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    with provider() as there:
        secrets = tmp_path / "secrets.toml"
        secrets.write_text(
            f'[auth]\nredirect_uri = "http://localhost:{port}/oauth2callback"\n'
            'cookie_secret = "a secret of this test that is long enough to sign with"\n'
            'client_id = "thaw"\nclient_secret = "x"\n'
            f'server_metadata_url = "{there.url}/.well-known/openid-configuration"\n'
        )
        server = start_server(
            tmp_path / "home",
            port,
            "--secrets.files",
            str(secrets),
            THAW_SHARED="1",
            THAW_SIGN_IN="ann@lab.org @staff.org",
        )
        front = f"http://localhost:{port}"
        try:
            for email, verified, comes_in in (
                ("ann@lab.org", True, True), ("Ann@Lab.org", True, True), ("bob@staff.org", True, True),
                ("eve@lab.org", True, False), ("ann@lab.org.evil.org", True, False), ("x@sub.staff.org", True, False),
                ("ann@lab.org", False, False), ("", True, False),
            ):  # fmt: skip
                there.who, browser = {"email": email, "email_verified": verified}, opener()
                status, page = get(browser, f"{front}/advice")
                assert status == 401 and "Sign in with your organisation" in page
                link = page.split('class="go" href="')[1].split('"')[0].replace("&amp;", "&")
                status, page = get(browser, front + link)  # there and back again
                assert (status == 200) == comes_in, (email, verified, status)
                assert get(browser, f"{front}/thaw/live")[0] == (400 if comes_in else 401)
                assert get(browser, f"{front}/thaw/sign-out")[0] == 401 and get(browser, f"{front}/thaw/live")[0] == 401
            browser = opener()
            get(browser, f"{front}/oauth2callback?code=x&state=y")
            assert get(browser, f"{front}/thaw/live")[0] == 401, "a code that nobody gave"
        finally:
            server.stop()
