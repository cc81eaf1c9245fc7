"""Python snippets of a page, each in an interpreter of its own.

    snippets 1 … n − 1 ──needed──► the statements that define what snippet n uses ─┐
                                                     snippet n ────────────────────┴► a fresh process

Nothing is imported there but what the snippet imports, as for a reader who copies it.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Sequence

# waits with what takes long to import, which is not ours, and forks for each program
NURSERY = """
import json, os, sys
import matplotlib.pyplot, numpy, scipy.stats, sklearn.datasets, torch._dynamo  # noqa
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        where, environment, program = json.loads(line)
        os.chdir(where)
        os.environ.clear()
        os.environ.update(environment)
        sys.stdout = sys.stderr
        exec(compile(program, "snippet", "exec"), {"__name__": "__main__"})
        sys.stderr.flush()
        os._exit(0)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def needed(earlier: Sequence[str], snippet: str) -> str:
    """The statements of earlier snippets that define what this one uses, and then itself."""
    wanted: set[str] = set()
    for statement in reversed(ast.parse(snippet).body):
        wanted = (wanted - _defined(statement)) | _used(statement)
    before: list[str] = []
    for statement in reversed([s for text in earlier for s in ast.parse(text).body]):
        if _defined(statement) & wanted:
            wanted = (wanted - _defined(statement)) | _used(statement)
            before.insert(0, ast.unparse(statement))
    return "\n".join([*before, snippet])


def _defined(statement: ast.stmt) -> set[str]:
    """Names that a statement leaves behind; loops' own are not counted."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in statement.names}
    return _names(statement, ast.Store) - _loops(statement)


def _used(node: ast.AST) -> set[str]:
    """Names that are looked up outside of the node: not those of its own loops and lambdas."""
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Load) else set()
    found = {name for child in ast.iter_child_nodes(node) for name in _used(child)}
    if isinstance(node, ast.Lambda):
        return found - {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
    if isinstance(node, ast.For) or hasattr(node, "generators"):
        return found - _loops(node)
    return found


def _loops(node: ast.AST) -> set[str]:
    loops = [n for n in ast.walk(node) if isinstance(n, ast.For | ast.comprehension)]
    return {name for loop in loops for name in _names(loop.target, ast.Store)}


def _names(node: ast.AST, context: type[ast.expr_context]) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, context)}


class Nursery:
    """Runs programs, each in a fresh process of which nobody else knows, in the current folder."""

    def __enter__(self) -> Nursery:
        self.process = subprocess.Popen(
            [sys.executable, "-c", NURSERY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def run(self, program: str) -> None:
        """Raise RuntimeError where it does not end well; it has said why on standard error."""
        assert self.process.stdin is not None and self.process.stdout is not None
        print(
            json.dumps([os.getcwd(), dict(os.environ), program]),
            file=self.process.stdin,
            flush=True,
        )
        status = self.process.stdout.readline().strip()
        if status != "0":
            raise RuntimeError(f"a snippet failed with status {status or 'none'}:\n{program}")

    def __exit__(self, *error: object) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
