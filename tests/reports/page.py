"""A page as a reader sees it: texts by section, rows of tables, and whatever it would load."""

from __future__ import annotations

from html.parser import HTMLParser

#: elements that have no end
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """An HTML page, read once.

    Attributes: ``texts`` by heading of the section, ``rows`` of the table with the id ``devices``, ``failures`` by the
    texts of each element of the class ``failure``, ``tags`` with their attributes, ``bars`` by the words of each, and
    ``unbalanced``, the tags that were not closed in order.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, str] = {"": ""}
        self.rows: list[list[str]] = []
        self.failures: list[str] = []
        self.bars: list[str] = []
        self.unbalanced: list[str] = []
        self._open: list[tuple[str, dict[str, str]]] = []
        self._section = ""
        self.feed(html)
        self.close()
        self.unbalanced += [tag for tag, _ in self._open]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts.values()).split())

    def headings(self) -> list[str]:
        return [name for name in self.texts if name]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag not in VOID:
            self._open.append((tag, given))
        if "failure" in given.get("class", "").split():
            self.failures.append("")
        if given.get("role") == "img":
            self.bars.append(given["title"])
        if self._is_in("table", "id", "devices"):
            if tag == "tr":
                self.rows.append([])
            elif tag in ("td", "th"):
                self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            self.unbalanced.append(tag)
        else:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        names = [tag for tag, _ in self._open]
        if "style" in names:
            return
        if "h2" in names:
            self._section = data
            self.texts[data] = ""
        self.texts[self._section] += f" {data}" if data.strip() else ""
        if any("failure" in given.get("class", "").split() for _, given in self._open):
            self.failures[-1] += data
        if self._is_in("table", "id", "devices") and self.rows[-1]:
            self.rows[-1][-1] += data

    def _is_in(self, tag: str, name: str, value: str) -> bool:
        return any(one == tag and given.get(name) == value for one, given in self._open)
