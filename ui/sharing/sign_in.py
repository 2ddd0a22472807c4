"""The page that a visitor without a pass sees: one field, in Thaw's colours, and why. It needs nothing but itself."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from starlette.responses import HTMLResponse, Response

from training.report.drawing import FROZEN, TRAINED
from ui.address import at
from ui.sharing import oidc

PATH = "/thaw/sign-in"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
}
_STYLE = """
:root{color-scheme:light dark;--back:#FAFBFC;--card:#fff;--text:#1B222C;--soft:#5A6472;--line:#D9DEE6;--bad:#B32D2D}
@media(prefers-color-scheme:dark){:root{--back:#12161C;--card:#1B212A;--text:#E6EBF2;--soft:#9AA5B4;--line:#313A47;--bad:#F08A8A}}
*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--back);color:var(--text);
font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',Arial,sans-serif;padding:24px}
main{width:min(400px,100%);background:var(--card);border:1px solid var(--line);border-radius:12px;padding:32px}
i{display:block;height:4px;border-radius:2px;background:linear-gradient(90deg,ICE,EMBER);margin-bottom:24px}
h1{font-size:24px;margin:0 0 4px}p{margin:0 0 20px;color:var(--soft);font-size:14px}p.bad{color:var(--bad)}
label{display:block;font-size:14px;margin:0 0 16px}input{display:block;width:100%;margin-top:4px;padding:10px 12px;
font:inherit;color:inherit;background:var(--back);border:1px solid var(--line);border-radius:8px}
input:focus-visible,button:focus-visible,a:focus-visible{outline:2px solid ICE;outline-offset:2px}
button,a.go{display:block;width:100%;padding:10px;border:0;border-radius:8px;background:#C2491D;color:#fff;font:inherit;
font-weight:600;text-align:center;text-decoration:none;cursor:pointer;margin-bottom:12px}
small{display:block;color:var(--soft);margin-top:12px;font-size:13px}code{font-size:12px}a{color:inherit}
""".replace("ICE", FROZEN).replace("EMBER", TRAINED)


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
        '<label>Your name, shown beside what you start (may be left empty)'
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
        f"<title>Thaw: sign in</title><style>{_STYLE}</style><main><i></i><h1>Thaw</h1>"
        f"<p>This server is shared: sign in to use it.</p>{told}{ways}"
        f'<form method="post" action="{escape(at(PATH))}"><input type="hidden" name="then" value="{escape(then)}">'
        f"{fields}<button>Sign in</button></form><small>{how}</small>{here}</main></html>",
        status_code=status,
        headers=HEADERS,
    )
