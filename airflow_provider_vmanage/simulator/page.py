"""The page at ``/``: repository, devices and tasks, for a person; it reloads itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from html import escape

from airflow_provider_vmanage.simulator.manager import Manager
from airflow_provider_vmanage.simulator.page_devices import device_section, task_section
from airflow_provider_vmanage.simulator.repository import Image

_STYLE = """
:root { color-scheme: light dark; --ink: #1b2733; --soft: #566573; --line: #dfe5ea; --card: #fff; --ground: #f3f6f8;
  --tag: #e3eaf1; --on: #eef3f8 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9ee; --soft: #9fb0bf; --line: #2c3641; --card: #1a2129; --ground: #12171d;
    --tag: #2b3845; --on: #212b35 }
}
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
main { max-width: 80rem; margin: 0 auto; padding: 1.5rem 1rem 3rem }
h1 { margin: 0; font-size: 1.5rem }
h2 { margin: 2rem 0 0; font-size: 1.2rem }
.good { background: #d5f0dc; color: #14532d } .bad { background: #fbdada; color: #7f1d1d }
p { margin: .2rem 0 1.2rem; color: var(--soft) }
div { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 8px }
table { border-collapse: collapse; width: 100% }
th, td { padding: .55rem .9rem; text-align: left; vertical-align: top }
th { color: var(--soft); font-size: .85em; font-weight: 600; white-space: nowrap; border-bottom: 1px solid var(--line) }
tr + tr td { border-top: 1px solid var(--line) }
tbody tr:hover { background: var(--on) }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums }
td.number, td.time { white-space: nowrap }
td.name { font-weight: 600; overflow-wrap: anywhere; min-width: 16rem }
small { display: block; color: var(--soft); font-weight: 400; overflow-wrap: anywhere }
td.name small:first-child { color: inherit; font-size: 1em }
code { display: block; width: 16ch; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; font-size: .85em }
span { padding: .1em .5em; background: var(--tag); border-radius: 4px; font-size: .85em; white-space: nowrap }
td.none { padding: 3rem; color: var(--soft); text-align: center }
"""
_REFRESH_S = 5
_COLUMNS = ("Image", "Version", "Platform", "Type", "Size", "Updated", "SHA-512")


def repository_page(manager: Manager) -> str:
    """HTML with tasks, devices and images, the newest first; everything that came from a client is escaped."""
    images = sorted(manager.repository.images, key=lambda i: i.updated_on, reverse=True)
    head = "".join(f'<th class="number">{c}</th>' if c == "Size" else f"<th>{c}</th>" for c in _COLUMNS)
    rows = "\n".join(_row(i) for i in images)
    if not rows:
        rows = f'<tr><td class="none" colspan="{len(_COLUMNS)}">No images yet.</td></tr>'
    version = escape(manager.version)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<title>Software repository of a simulated vManage {version}</title><link rel="icon" href="data:,">'
        f'<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="{_REFRESH_S}">'
        f"<style>{_STYLE}</style></head><body><main>\n"
        f"<h1>Software repository</h1>\n<p>vManage {version}, simulated. {_sum(images)}</p>\n"
        f"<div><table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table></div>\n"
        f"{task_section(manager)}{device_section(manager)}</main></body></html>\n"
    )


def _sum(images: Sequence[Image]) -> str:
    size = sum(i.size or 0 for i in images)
    return f"{len(images)} image{'' if len(images) == 1 else 's'}{f', {_size(size)}' if size else ''}."


def _row(image: Image) -> str:
    digest = image.sha512 or ""
    moment = time.strftime("%Y-%m-%d %H:%M", time.gmtime(image.updated_on / 1000))
    kind = escape(image.image_type)
    if image.version_type != "vmanage":
        kind += f" <span>{escape(image.version_type)}</span>"
    return (
        f'<tr><td class="name">{_name(image)}</td><td>{escape(image.version)}</td>'
        f"<td>{escape(', '.join(image.platform_family))}</td><td>{kind}</td>"
        f'<td class="number">{_size(image.size)}</td>'
        f'<td class="time" title="{moment} UTC">{_age(time.time() - image.updated_on / 1000)}</td>'
        f'<td><code title="{digest}">{digest}</code></td></tr>'
    )


def _name(image: Image) -> str:
    # The address is a client's word: text, never a link.
    where = f"<small>{escape(image.url)}</small>" if image.url else ""
    return f"{escape(image.file_name)}{where}"


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
