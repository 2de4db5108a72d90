"""A seeded sample of mutants of the modules that pyproject.toml names (tool.mutmut), each against tests that reach it.

Run by ``make mutation`` in an environment of its own, on a copy of the tree. The mutants are mutmut's. It would wrap
functions, whose signatures Airflow reads, and leave decorated ones alone; here each mutant is written into its file.
Which tests reach a line, and how long they take, comes from a run without mutants. What was killed is not run again.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import libcst as cst
from coverage import CoverageData
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.configuration import config
from mutmut.mutation.file_mutation import Mutation, MutationVisitor
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import get_ignored_lines

WORK = Path(".tmp/mutation").resolve()
TREE = WORK / "tree"
PYTHON = str(Path(".venv/bin/python").absolute())
PYTEST = [PYTHON, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--timeout=30"]
BUDGET = float(os.environ.get("MUTATION_BUDGET", "20"))
"""Seconds that the tests of one mutant take without it: those of its own modules come first, then the quickest."""
ENOUGH = 0.9
"""Share of the mutants that the tests have to kill."""

Lines = tuple[int, int]


class Visitor(MutationVisitor):
    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        decorated = isinstance(node, cst.FunctionDef) and bool(node.decorators)
        return not decorated and super()._skip_node_and_children(node)


class Source:
    """A file, and the mutations that it allows."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._text = Path(file).read_text(encoding="utf-8")
        self._tree = MetadataWrapper(cst.parse_module(self._text))
        self._positions = self._tree.resolve(PositionProvider)
        visitor = Visitor(mutation_operators, get_ignored_lines(file, self._text, self._tree))
        self._tree.visit(visitor)
        self.mutations: list[Mutation] = visitor.mutations

    def mutate(self, change: Mutation) -> tuple[str, str]:
        """Return the whole text, and what is other in it."""
        text = self._tree.module.deep_replace(change.original_node, change.mutated_node).code
        changed = difflib.unified_diff(self._text.splitlines(), text.splitlines(), n=0, lineterm="")
        return text, "\n".join(list(changed)[2:])

    def places(self, change: Mutation) -> list[Lines]:
        """Return the lines of the change, of its function, and of the file."""
        nodes = (change.original_node, change.contained_by_top_level_function or change.original_node)
        spans = [self._positions[node] for node in nodes]
        return [*((span.start.line, span.end.line) for span in spans), (1, sys.maxsize)]


def choose(sources: list[Source], size: int, seed: int) -> list[tuple[Source, Mutation]]:
    """Choose from each file in proportion to its mutants, and at least ten."""
    total = sum(len(source.mutations) for source in sources)
    chosen = []
    for source in sources:
        number = min(len(source.mutations), max(10, round(size * len(source.mutations) / total)))
        dice = random.Random(f"{seed} {source.file}")  # noqa: S311 - no secret
        chosen += [(source, change) for change in dice.sample(source.mutations, number)]
    print(f"{len(chosen)} of {total} mutants in {len(sources)} files, seed {seed}", flush=True)
    return chosen


class Reach:
    """Which tests reach a place, and how long they take."""

    def __init__(self) -> None:
        self._coverage = CoverageData(str(WORK / "coverage"))
        self._coverage.read()
        cases = ElementTree.parse(WORK / "durations.xml").iter("testcase")  # noqa: S314 - pytest wrote it
        names = ((f"{one.get('classname', '').replace('.', '/')}.py::{one.get('name')}", one) for one in cases)
        self._seconds = {name: float(one.get("time", 1)) for name, one in names}

    def tests(self, file: str, places: list[Lines]) -> tuple[list[str], int]:
        """Return those that fit into the budget, and how many there are."""
        by_line = self._coverage.contexts_by_lineno(str(TREE / file))
        for first, last in places:  # a signature runs before any test: then who enters the function, or the file
            reached = {test for line in by_line if first <= line <= last for test in by_line[line]} - {""}
            if reached:
                break
        room, stem = Path(file).parent.name, f"/test_{Path(file).stem}"
        near = (f"tests/{room}/", f"/test_{room}_", f"/test_{room.removeprefix('device_')}_")
        names = {context.rpartition("|")[0] for context in reached}
        timed = sorted(
            (stem not in name, all(part not in name for part in near), self._seconds.get(name, 1.0), name)
            for name in names
        )
        sums = [sum(one[-2] for one in timed[: number + 1]) for number in range(len(timed))]
        return [one[-1] for one, spent in zip(timed, sums, strict=True) if spent <= BUDGET], len(timed)


def outcome(file: str, text: str, tests: list[str]) -> str:
    listed = WORK / "chosen"
    listed.write_text("\n".join(tests), encoding="utf-8")
    (TREE / file).write_text(text, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(TREE), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [*PYTEST, f"@{listed}"]
    try:
        ended = subprocess.run(command, cwd=TREE, env=environment, capture_output=True, text=True, timeout=10 * BUDGET)
    except subprocess.TimeoutExpired:
        return "timeout"
    finally:
        shutil.copy2(file, TREE / file)  # with its time, so that its bytecode stays good
    if "Timeout (>" in ended.stdout:
        return "timeout"
    return {0: "survived", 1: "killed"}.get(ended.returncode, f"killed at import ({ended.returncode})")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3600.0, help="end after them; the next run goes on")
    given = parser.parse_args()
    end = time.monotonic() + given.seconds
    paths = sorted(str(path) for root in config().source_paths for path in root.rglob("*.py"))
    sources = [Source(path) for path in paths if config().should_mutate(path)]
    for source in sources:
        shutil.copy2(source.file, TREE / source.file)
    reach, kept, stamp = Reach(), WORK / "results.json", (WORK / "made-from").read_text(encoding="utf-8")
    results = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    chosen = [(source.file, *source.mutate(one), source.places(one)) for source, one in choose(
        [source for source in sources if source.mutations], given.sample, given.seed)]  # fmt: skip
    for number, (file, text, diff, places) in enumerate(chosen, 1):
        known = results.get(f"{file}\n{diff}")
        if known and (known["outcome"].startswith(("killed", "timeout")) or known["stamp"] == stamp):
            continue
        if time.monotonic() > end:
            sys.exit(f"{len(chosen) - number + 1} mutants are left: the next run goes on")
        (tests, there_are), began = reach.tests(file, places), time.monotonic()
        result = outcome(file, text, tests) if tests else "unreached"
        ran = f"{len(tests)} of {there_are} tests, {time.monotonic() - began:.1f} s"
        results[f"{file}\n{diff}"] = {"outcome": result, "ran": ran, "stamp": stamp}
        kept.write_text(json.dumps(results, indent=1), encoding="utf-8")
        print(f"{number}: {result}, {ran}, {file}", flush=True)
    killed = report([(file, diff, results[f"{file}\n{diff}"]) for file, _, diff, _ in chosen])
    if killed < ENOUGH:
        sys.exit(f"fewer than {ENOUGH:.0%} are killed")


def report(outcomes: list[tuple[str, str, dict[str, str]]]) -> float:
    """Print each survivor, and the share that was killed of each file; return that of all."""
    counts: dict[str, Counter[str]] = {}
    for file, diff, known in outcomes:
        if known["outcome"] in ("survived", "unreached"):
            print(f"\n{known['outcome']} ({known['ran']}): {file}\n{diff}")
        for name in (file, "in all"):
            counts.setdefault(name, Counter())[known["outcome"]] += 1
    for name, those in counts.items():
        print(f"{name}: {killed_of(those):.1%} killed of {those.total()}, {dict(those)}")
    return killed_of(counts["in all"])


def killed_of(outcomes: Counter[str]) -> float:
    return 1 - (outcomes["survived"] + outcomes["unreached"]) / outcomes.total()


if __name__ == "__main__":
    main()
