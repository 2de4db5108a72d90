"""The page at ``/``: what the repository holds, for a person."""

from __future__ import annotations

import time
from html import escape

from airflow_provider_vmanage.simulator.manager import Manager
from airflow_provider_vmanage.simulator.repository import Image

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b2733 }
body { max-width: 75rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem; margin-bottom: 0 }
p { color: #566573; margin-top: .2rem }
table { border-collapse: collapse; width: 100%; margin-top: 1.5rem }
th, td { text-align: left; vertical-align: top; padding: .5rem .8rem .5rem 0 }
th, td { border-bottom: 1px solid #dfe5ea }
th { font-weight: 600; color: #566573; white-space: nowrap }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
code { font-size: .85em; word-break: break-all }
@media (prefers-color-scheme: dark) {
  body { background: #14191f; color: #e4e9ee }
  th, p { color: #9fb0bf }
  th, td { border-color: #2c3641 }
}
"""
_COLUMNS = ("File", "Version", "Platform", "Type", "Size", "Updated", "SHA-512")


def repository_page(manager: Manager) -> str:
    """HTML with one row per image; everything that came from a client is escaped."""
    images = sorted(manager.repository.images, key=lambda i: i.updated_on, reverse=True)
    head = "".join(f"<th>{c}</th>" for c in _COLUMNS)
    rows = "\n".join(_row(i) for i in images)
    if not rows:
        rows = f'<tr><td colspan="{len(_COLUMNS)}">No images yet.</td></tr>'
    version = escape(manager.version)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>vManage simulator {version}</title>"
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>\n'
        f"<h1>Software repository</h1>\n<p>vManage simulator, release {version}. "
        f"{len(images)} image{'' if len(images) == 1 else 's'}. This is not a real manager.</p>\n"
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table>\n</body></html>\n"
    )


def _row(image: Image) -> str:
    where = image.file_name or image.url or ""
    kind = image.image_type if image.version_type == "vmanage" else f"{image.image_type}, {image.version_type}"
    texts = (where, image.version, ", ".join(image.platform_family), kind)
    cells = "".join(f"<td>{escape(t)}</td>" for t in texts)
    size = f'<td class="number">{_size(image.size)}</td>'
    moment = time.strftime("%Y-%m-%d %H:%M", time.gmtime(image.updated_on / 1000))
    updated = f'<td title="{moment} UTC">{_age(time.time() - image.updated_on / 1000)}</td>'
    digest = image.sha512 or ""
    return f'<tr>{cells}{size}{updated}<td title="{digest}"><code>{digest[:16]}</code></td></tr>'


def _size(size: int | None) -> str:
    if size is None:
        return ""
    number, unit = float(size), "B"
    for larger in ("kB", "MB", "GB"):
        if number < 1000:
            break
        number, unit = number / 1000, larger
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"


def _age(seconds: float) -> str:
    for length, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        count = int(seconds // length)
        if count:
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now"
