"""Names in the text of Java's lists and maps: ``[a, b]`` and ``{key=value, key=value}``.

Java joins by ``", "`` and quotes nothing (its ``AbstractCollection.toString`` and ``AbstractMap.toString``), so a name
that contains a comma cannot be distinguished from two. Only the maps of a record can: each pair has an equals sign.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from airflow_provider_vmanage.client.errors import VManageProtocolError


def parse_file_names(value: Any, known: Collection[str] = ()) -> tuple[str, ...]:
    """Return the names in ``availableFiles``: bare, bracketed, joined by commas, or a JSON list.

    :param known: names that the maps of the record show; those that contain a comma are not split.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        value = _split(inner_text(value, "[]"), sorted((name for name in known if "," in name), key=len, reverse=True))
    if not isinstance(value, (list, tuple)) or not all(isinstance(name, str) for name in value):
        raise VManageProtocolError(f"availableFiles of an image record is {type(value).__name__}, not text")
    return tuple(dict.fromkeys(name.strip() for name in value if name.strip()))


def are_names_distinct(value: Any, known: Collection[str]) -> bool:
    """Return whether it is certain where each name in ``availableFiles`` ends.

    It is not if the maps show a name with a comma that the list does not contain as a whole while parts of the list are
    no names of the maps, or a name whose parts are names too.
    """
    joined = {name for name in known if "," in name}
    if not joined or not isinstance(value, str):
        return True
    names = set(parse_file_names(value, known))
    if joined - names and names - set(known):
        return False
    return not any(set(parse_file_names(name)) <= set(known) for name in joined)


def parse_java_map(value: Any, names: Collection[str] = ()) -> dict[str, str]:
    """Return the pairs in the text of a Java map, ``{key=value, key=value}``; anything else has none.

    :param names: what may be a key; one that contains an equals sign is not split.
    """
    if isinstance(value, dict):
        return {str(key): str(item) for key, item in value.items()}
    if not isinstance(value, str):
        return {}
    joined = sorted((name for name in names if "=" in name), key=len, reverse=True)
    pairs = (_pair(part.strip(), joined) for part in _pairs(inner_text(value, "{}")))
    return {key.strip(): item.strip() for key, equals, item in pairs if equals and key.strip()}


def inner_text(value: str, brackets: str) -> str:
    """Return the text without the pair of brackets around it, if there is one."""
    text = value.strip()
    return text[1:-1] if text.startswith(brackets[0]) and text.endswith(brackets[1]) else text


def _split(text: str, joined: Collection[str]) -> list[str]:
    """Split at the commas, but not at those of the names given, the longest first."""
    for name in joined:
        before, found, after = f",{text},".partition(f",{name},")
        if not found:
            before, found, after = f",{text},".partition(f", {name},")
        if found:
            return [*_split(before[1:], joined), name, *_split(after[:-1], joined)]
    return text.split(",")


def _pair(text: str, joined: Collection[str]) -> tuple[str, str, str]:
    key = next((name for name in joined if text.startswith(f"{name}=")), None)
    return text.partition("=") if key is None else (key, "=", text[len(key) + 1 :])


def _pairs(text: str) -> list[str]:
    pieces = text.split(",")
    if all("=" in piece for piece in pieces):
        return pieces
    pairs: list[str] = []
    for piece in text.split(", "):  # what has no equals sign is the beginning of the next name, or the end of the last
        if pairs and "=" not in pairs[-1]:
            pairs[-1] += f", {piece}"
        else:
            pairs.append(piece)
    if len(pairs) > 1 and "=" not in pairs[-1]:
        pairs[-2:] = [", ".join(pairs[-2:])]
    return pairs
