"""Which names of fields a report may show: those made of technical words. Any other may be an identifier itself."""

from __future__ import annotations

import re


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


#: words of the field names in public sources, and some more of the same kind
_WORDS = words_of("""
    a accept action bytes actions active activity arch at auth available board boot bfd build by cancel capabilities
    category cert certificate check checksum class cli cloudx code color colour columns command compatible
    component config configuration connected connection connections control controller controllers count
    counters cpu crash csrf current cw data date day default defect description details device devices disable
    disk domain down download downloaded edge enable enabled end error errors expected expires external family
    fields file files firmware flag format full function general generated geo global group groups hash header
    hint host id ids image images in index info install installed interface ip is item items job json key keys
    kind last latitude layout length level license lifecycle linux list local locale location lock locked
    longitude lxc major map max memory message metadata min minor mode model ms multi name names network new
    node number of old omp on operation option options order os owner package parallel parent partition patch
    path peer peers pending percent period personality phase platform port prefix priority process product
    progress properties protocol provider push rate reachability read ready reason reboot region release remote
    request required reverse reverseproxy rid role roles root router running saml schedule scheduled schema
    seconds serial server servers service services session sessions site size sku slot smu software source start
    started state status step storage str string summary support supported sync system tag tags target task
    tasks template temporary tenancy tenant testbed text time times timestamp timezone title tloc to token
    tokens total type types ui unit unsupported up update updated upgrade uptime uri url usage use user uuid
    valid validation validity value values vbond vedge vendor version versions view virtual vmanage vmanages vm
    vnf vpn vpns vsession vsmart vsmarts window with workflow write xml zone
""")

_PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^A-Za-z]+")
_SEPARATORS = frozenset("-_@. ")


def is_technical(name: str) -> bool:
    """Return whether a name consists of known technical words only."""
    pieces = _PIECES.findall(name)
    words = [piece.lower() for piece in pieces if piece[0].isalpha()]
    rest = "".join(piece for piece in pieces if not piece[0].isalpha())
    return bool(words) and len(name) <= 60 and all(word in _WORDS for word in words) and _SEPARATORS.issuperset(rest)


def shown_name(name: str) -> str:
    """Return the name if a report may show it; otherwise only how long it is."""
    return name if is_technical(name) else f"a name of {len(name)} characters"
