"""The routes beside Streamlit's own: live metrics, pictures, uploads, downloads."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from ui.server.maps import map_url
    from ui.server.routes import plotly_url
    from ui.server.runs import download_url, report_url
    from ui.server.uploads import most_bytes, too_large
else:
    __getattr__ = door(__name__)

__all__ = [
    "download_url",
    "map_url",
    "most_bytes",
    "plotly_url",
    "report_url",
    "too_large",
]
