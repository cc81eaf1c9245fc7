"""The command line: one thin file per verb, arguments → a call of the library → what is printed.

    narrows VERB … ──► cli/VERB.py ──► narrows.fit, narrows.evaluate, …

Exit code 0: done · 1: it failed, one sentence says why · 2: wrong usage.
"""

from .main import main

__all__ = ["main"]
