"""Whatever is asked, in every shape that the OpenAPI allows and many that it does not: never a 5xx, no traceback."""

from __future__ import annotations

import time
from typing import Any

import pytest
from asking import HERE, Studio
from hypothesis import HealthCheck, Phase, given, settings

CASES = 2000  # an endpoint
FEW = 1


def ask_everything(opened: Studio, cases: int) -> dict[str, int]:
    """Each operation so many times; gives how often each was asked."""
    schemathesis = pytest.importorskip("schemathesis", reason="pip install 'narrows[dev]'")
    schema = schemathesis.openapi.from_dict(opened.client.get("/openapi.json").json())
    schema.config.base_url = HERE
    asked: dict[str, int] = {}
    modes = schemathesis.GenerationMode
    for operation in schema.get_all_operations():
        began = time.monotonic()
        one = operation.ok()
        drawn = one.as_strategy(generation_mode=modes.POSITIVE)
        drawn |= one.as_strategy(generation_mode=modes.NEGATIVE)

        @given(drawn)
        def asking(case: Any) -> None:
            check(opened, asked, case)

        settings(
            max_examples=cases,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )(asking)()
        label = one.label
        print(f"{label}: {asked[label]} times, {time.monotonic() - began:.0f} s", flush=True)
    return asked


def check(opened: Studio, asked: dict[str, int], case: Any) -> None:
    """One question; every other one with the key of the rows that are there, so that it comes further."""
    label = case.operation.label
    asked[label] = asked.get(label, 0) + 1
    if asked[label] % 2:
        if isinstance(case.body, dict):
            case.body = {**case.body, "key": opened.key}
        elif case.query and "key" in case.query:
            case.query = {**case.query, "key": opened.key}
    sent = {name: v for name, v in case.as_transport_kwargs().items() if name in KEYS}
    if isinstance(sent.get("data"), (bytes, str)):
        sent["content"] = sent.pop("data")
    answer = opened.client.request(**sent)
    assert answer.status_code < 500, (sent, answer.text[:500])
    assert "Traceback" not in answer.text and "/tmp/" not in answer.text


KEYS = ("method", "url", "params", "headers", "json", "data", "content")  # what a client sends


def test_no_question_breaks_it(opened: Studio) -> None:
    asked = ask_everything(opened, FEW)
    assert len(asked) >= 10 and min(asked.values()) > 0


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_two_thousand_questions_of_each_break_nothing(opened: Studio) -> None:
    asked = ask_everything(opened, CASES)
    assert len(asked) >= 10
