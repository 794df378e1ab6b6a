"""Fences that no linter knows, read from the syntax trees of the library."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import gangfinder

ROOT = Path(gangfinder.__file__).parent
MODULES = sorted(p for p in ROOT.rglob("*.py") if "__pycache__" not in p.parts)

NOT_PORTABLE = {
    "day_of_week", "epoch_seconds", "truncate", "delta", "date_diff", "as_interval", "isnan", "isinf", "hash",
    "hexdigest", "levenshtein", "jaro_winkler", "jaccard", "soundex", "mode", "first", "last", "arbitrary", "median",
    "quantile", "approx_median", "approx_nunique", "cache", "now", "today",
}
"""Methods of relational expressions that two engines answer differently, or that keep a plan instead of a table."""

STRIPS = {"strip", "lstrip", "rstrip"}
"""Ibis has Spark take letters away, too (``stripped`` of the portable module does not)."""

RELATIONAL = {"", "benign", "intake", "linking", "typologies"}
"""Rooms that write relational expressions; the others work on collected rows."""

COLLECTED = ("pd.", "Group", "NDArray", "pa.", "Sequence[", "bytes", "Path", "str |")
"""A function whose signature speaks of these works on collected rows, where the engine has no say."""

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "shared", "tools"}

OTHERS = {"np", "numpy", "math", "pd", "statistics", "hashlib", "re", "os", "datetime", "date", "functools"}
"""Calls on these are not calls on an expression."""


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call))


def relational_calls(path: Path) -> Iterator[ast.Call]:
    """Yield the calls outside functions that work on collected rows."""
    waiting: list[ast.AST] = [tree_of(path)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef):
            signature = ast.unparse(node.args) + (ast.unparse(node.returns) if node.returns else "")
            if any(word in signature for word in COLLECTED):
                continue
        if isinstance(node, ast.Call):
            yield node
        waiting.extend(ast.iter_child_nodes(node))


def root_name(node: ast.expr) -> str | None:
    """Return the name an attribute chain begins with: ``np`` of ``np.linalg.norm``."""
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def room(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[0] if len(parts) > 1 else ""


def imported(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield every imported module, and whether it is imported when the module is."""
    tree = tree_of(path)
    eager = {id(n) for n in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in eager) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module, id(node) in eager


HEAVY = {"pandas", "ibis", "duckdb", "scipy", "networkx", "neo4j", "pyspark", "pyarrow", "community", "sklearn"}

VOCABULARY = {"model", "typologies", "benign", "linking", "network", "rings", "scoring"}
"""Rooms whose dataclasses are values that others hold, so nobody may change them."""


def not_portable(path: Path) -> Iterator[str]:
    """What engines answer differently is asked in engine/portable.py only."""
    if room(path) not in RELATIONAL:
        return
    for call in relational_calls(path):
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if method in NOT_PORTABLE and root_name(call.func.value) not in OTHERS:
            yield f"line {call.lineno}: .{method}()"


def strips_blanks(path: Path) -> Iterator[str]:
    """Yield calls that strip blanks off an expression."""
    if room(path) in RELATIONAL - {"", "intake"}:
        for call in relational_calls(path):
            if isinstance(call.func, ast.Attribute) and call.func.attr in STRIPS and not call.args:
                yield f"line {call.lineno}: .{call.func.attr}()"


def counts_distinct_over_a_window(path: Path) -> Iterator[str]:
    """Spark has no distinct aggregate over a window: aggregate and join instead."""
    for call in calls(path):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "over" and isinstance(call.func.value, ast.Call):
            inner = call.func.value.func
            if isinstance(inner, ast.Attribute) and inner.attr == "nunique":
                yield f"line {call.lineno}: .nunique().over()"


def prints_or_exits(path: Path) -> Iterator[str]:
    """The command line prints and decides exit codes; the library raises and logs."""
    for call in calls(path):
        name = ast.unparse(call.func)
        if name in {"sys.exit", "exit", "quit", "os._exit"} or (name == "print" and room(path) != "cli"):
            yield f"line {call.lineno}: {name}"


def too_long(path: Path) -> Iterator[str]:
    """A module has at most 400 lines."""
    if (n := len(path.read_text(encoding="utf-8").splitlines())) > 400:
        yield f"{n} lines"


def says_nothing_by_its_name(path: Path) -> Iterator[str]:
    """A module is named after what it does."""
    yield from FORBIDDEN_NAMES & set(path.relative_to(ROOT).with_suffix("").parts)


def has_no_docstring(path: Path) -> Iterator[str]:
    """A module says what it is for."""
    if not ast.get_docstring(tree_of(path)):
        yield "no docstring"


def is_a_stub(path: Path) -> Iterator[str]:
    """Nothing half done is committed."""
    text = path.read_text(encoding="utf-8")
    yield from (word for word in ("TO" "DO", "FIX" "ME", "XX" "X", "NotImplemented" "Error") if word in text)


def imports_neo4j(path: Path) -> Iterator[str]:
    """Neo4j is known to graphdb alone."""
    if room(path) != "graphdb":
        yield from (m for m, _ in imported(path) if m.split(".")[0] == "neo4j")


def imports_heavily(path: Path) -> Iterator[str]:
    """Importing a command, an engine or the vocabulary costs no more than itself: ``--help`` answers at once."""
    if room(path) in {"cli", "engine", "model"} or path.name in {"errors.py", "settings.py", "run.py"}:
        yield from (m for m, eager in imported(path) if eager and m.split(".")[0] in HEAVY)


def knows_the_towns(path: Path) -> Iterator[str]:
    """No detector can look at how the synthetic towns are made."""
    if room(path) not in {"synth", "cli", "evaluate"} and path.name not in {"evaluate.py", "selftest.py"}:
        yield from (m for m, _ in imported(path) if m.startswith(("gangfinder.synth", "gangfinder.evaluate")))


def has_changeable_values(path: Path) -> Iterator[str]:
    """Values that others hold are frozen, with slots."""
    if room(path) not in VOCABULARY:
        return
    for node in ast.walk(tree_of(path)):
        for decorator in node.decorator_list if isinstance(node, ast.ClassDef) else []:
            text = ast.unparse(decorator)
            if text.startswith("dataclass") and not ("frozen=True" in text and "slots=True" in text):
                yield f"line {node.lineno}: {node.name}"


FENCES = (
    not_portable, strips_blanks, counts_distinct_over_a_window, prints_or_exits, too_long, says_nothing_by_its_name,
    has_no_docstring, is_a_stub, imports_neo4j, imports_heavily, knows_the_towns, has_changeable_values,
)


@pytest.mark.parametrize("fence", FENCES, ids=lambda f: f.__name__)
def test_no_module_crosses_a_fence(fence: Callable[[Path], Iterator[str]]):
    found = [f"{path.relative_to(ROOT.parent)}: {what}" for path in MODULES for what in fence(path)]
    assert not found, "\n".join([fence.__doc__ or "", *found])


@pytest.mark.parametrize(
    ("fence", "where", "source"),
    [
        (not_portable, "linking/x.py", "t.mutate(d=t.at.day_of_week.index(), n=t.s.hash())"),
        (not_portable, "linking/x.py", "kept = table.cache()"),
        (strips_blanks, "linking/x.py", "t.filter(t.name.strip() == '')"),
        (counts_distinct_over_a_window, "linking/x.py", "n = s.on.nunique().over(group_by='a')"),
        (prints_or_exits, "leads/x.py", "print(1)"),
        (prints_or_exits, "cli/x.py", "sys.exit(3)"),
        (too_long, "leads/x.py", "\n" * 401),
        (says_nothing_by_its_name, "leads/utils.py", ""),
        (has_no_docstring, "leads/x.py", "x = 1"),
        (is_a_stub, "leads/x.py", "raise NotImplemented" "Error"),
        (imports_neo4j, "leads/x.py", "def f():\n    import neo4j"),
        (imports_heavily, "cli/x.py", "import pandas as pd"),
        (knows_the_towns, "typologies/x.py", "from gangfinder.synth import TownSettings"),
        (has_changeable_values, "model/x.py", "@dataclass\nclass A: ..."),
    ],
)
def test_every_fence_can_be_hit(fence, where, source, tmp_path, monkeypatch):
    """A fence that catches nothing is no fence."""
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    path = tmp_path / where
    path.parent.mkdir()
    path.write_text(source, encoding="utf-8")
    assert list(fence(path))
