"""Change one line of the method at a time, and see that a test notices.

    python tests/mutation/run.py            all of them, in a copy of src
    python tests/mutation/run.py patience   those whose name holds the word

A mutant is a name, a file, a line of it, what the line becomes, and the tests that have to fail.
Exit code 1 where one survives, or where its line is no longer there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Mutant(NamedTuple):
    name: str
    file: str
    line: str
    becomes: str
    tests: tuple[str, ...]


MUTANTS = (
    Mutant(
        "no clamp of log variances",
        "bottlenecks/gaussian.py",
        "log_variance = F.hardtanh(log_variance, *LOG_VARIANCES)",
        "log_variance = log_variance",
        ("tests/bottlenecks/test_bottlenecks.py",),
    ),
    Mutant(
        "a capacity that is only an upper bound",
        "objectives/bounds.py",
        "(kl - capacity).abs()",
        "(kl - capacity)",
        ("tests/objectives/test_objectives.py",),
    ),
    Mutant(
        "patience forgotten on resume",
        "training/loop.py",
        'self.since_best, self.counted = int(numbers["since_best"]), int(numbers["counted"])',
        'self.since_best, self.counted = 0, int(numbers["counted"])',
        ("tests/training/test_loop.py",),
    ),
    Mutant(
        "other noise in every validation",
        "training/loop.py",
        "draws = Draws(self.seed, number, stream=-1)",
        "draws = Draws(self.seed, number + 1000 * self.step_number, stream=-1)",
        ("tests/training/test_loop.py",),
    ),
    Mutant(
        "an average without its ramp",
        "training/loop.py",
        "share = 1 - min(phase.ema_decay, (1 + number) / (10 + number))",
        "share = 1 - phase.ema_decay",
        ("tests/training/test_loop.py",),
    ),
    Mutant(
        "an index that finds half",
        "collection/collection.py",
        "if hits >= RECALL * exact.size:",
        "if hits >= 0.5 * exact.size:",
        (
            "tests/laws/test_search.py::test_the_index_finds_what_it_promises_where_codes_have_no_clusters",
        ),
    ),
    Mutant(
        "regret of the last step",
        "measures/anomaly_scores.py",
        "return best - began",
        "return value - began",
        ("tests/laws/test_outliers.py::test_regret_is_of_the_best_step_and_not_of_the_last",),
    ),
    Mutant(
        "the score of a hierarchy turned round",
        "measures/anomaly_scores.py",
        'scores["llr"] = whole - _of_base(model, descent, x, samples, seed)',
        'scores["llr"] = _of_base(model, descent, x, samples, seed) - whole',
        ("tests/contracts/test_scores.py",),
    ),
    Mutant(
        "distances of outliers fitted to held-out pictures",
        "applications/outliers.py",
        "fitted, judged = split.fitting(seed=seed)",
        "fitted, judged = split.images, split.evaluation()",
        ("tests/contracts/test_held_out.py",),
    ),
    Mutant(
        "tables of compress fitted to all pictures",
        "applications/compress.py",
        "fitting, _ = run_of(loaded).split(images).fitting(0.1, seed)",
        "fitting = images",
        ("tests/applications/test_compress.py",),
    ),
    Mutant(
        "a prior fitted to all pictures",
        "applications/prior.py",
        "fitting, judged = split.fitting(0.1, seed)",
        "fitting, judged = images, split.evaluation()",
        ("tests/contracts/test_held_out.py",),
    ),
    Mutant(
        "classifiers fitted to all pictures",
        "applications/classify.py",
        "fitted, portion = parts.fitting(SHARE, seed)",
        "fitted, portion = known, parts.evaluation()",
        ("tests/contracts/test_held_out.py",),
    ),
    Mutant(
        "weights of classes from all masks",
        "applications/segment.py",
        "weights = class_weights(fitted.masks, count)",
        "weights = class_weights(given.masks, count)",
        ("tests/applications/test_segment.py",),
    ),
    Mutant(
        "the verdict on figure 16 turned round",
        "../narrows_studies/kovenko_vae.py",
        'row["area under the ROC, kl"].mean > 0.7',
        'row["area under the ROC, kl"].mean < 0.7',
        ("tests/studies/test_verdicts.py",),
    ),
)


def killed(mutant: Mutant, source: Path) -> bool:
    """Whether the tests fail with the mutant in the copy, which is as before afterwards."""
    path = source / "narrows" / mutant.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.line) != 1:
        sys.exit(f"{mutant.name}: {mutant.file} has this line {text.count(mutant.line)} times")
    path.write_text(text.replace(mutant.line, mutant.becomes), encoding="utf-8")
    try:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
        there = {**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [*command, *mutant.tests], cwd=ROOT, env=there, capture_output=True, text=True
        )
    finally:
        path.write_text(text, encoding="utf-8")
    if done.returncode not in (0, 1):  # 1: tests failed; others: they were not run
        sys.exit(done.stdout + done.stderr)
    return done.returncode == 1


def main() -> None:
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "src"
        shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
        for mutant in (one for one in MUTANTS if word in one.name):
            dead = killed(mutant, source)
            survivors += not dead
            print(f"{'killed' if dead else 'SURVIVES'}  {mutant.name}", flush=True)
    sys.exit(bool(survivors))


if __name__ == "__main__":
    main()
