"""The page that a visitor without a pass sees: one field, in Thaw's colours, and why. It needs nothing but itself."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from starlette.responses import HTMLResponse, Response

from training.report.drawing import FROZEN, TRAINED
from ui.address import at
from ui.sharing import oidc

PATH = "/thaw/sign-in"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
}
WORDMARK = (Path(__file__).parents[2] / "assets" / "wordmark.svg").read_text(encoding="utf-8")
STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
COLOURS = f":root {{ --ice: {FROZEN}; --ember: {TRAINED}; }}"


def page(
    *, then: str, said: str = "", status: int = 401, passwords: bool = False, providers: Sequence[str] = (),
    directly: str = "",
) -> Response:  # fmt: skip
    """The page. then: where to go afterwards, below the base. said: what went wrong. passwords: whether people have
    their own. directly: where somebody at this computer opens Thaw without signing in."""
    told = f'<p class="bad" role="alert">{escape(said)}</p>' if said else ""
    fields = (
        '<label>Name<input name="name" autocomplete="username" autofocus></label>'
        '<label>Password<input name="word" type="password" autocomplete="current-password"></label>'
        if passwords
        else '<label>Token<input name="word" type="password" autocomplete="current-password" autofocus></label>'
        "<label>Your name <span>(optional, beside your runs)</span>"
        '<input name="name" autocomplete="name" maxlength="40"></label>'
    )
    ways = "".join(
        f'<a class="go" href="{escape(oidc.login_address(name))}">Sign in with '
        f"{escape('your organisation' if name == 'default' else name)}</a>"
        for name in providers
    )
    how = (
        "Ask whoever runs this server for a name and a password."
        if passwords
        else "The server printed a link with the token when it started; <code>thaw token</code> prints it again."
    )
    here = f'<small>At this computer? <a href="{escape(directly)}">Open Thaw directly</a>.</small>' if directly else ""
    return HTMLResponse(
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Thaw: sign in</title><style>{COLOURS}{STYLE}</style><main><hr>{WORDMARK}"
        f"<p>This server is shared: sign in to use it.</p>{told}{ways}"
        f'<form method="post" action="{escape(at(PATH))}"><input type="hidden" name="then" value="{escape(then)}">'
        f"{fields}<button>Sign in</button></form><small>{how}</small>{here}</main></html>",
        status_code=status,
        headers=HEADERS,
    )
