"""An hour of mixed questions to a studio: does its memory stay where it is, and does nothing break?

    python benchmarks/studio_load.py COLLECTION --minutes 60       writes results/studio_load.json
    python benchmarks/studio_load.py COLLECTION --minutes 1 --no-results

The studio runs as a process of its own. Four people ask in turn, a few questions a second each: points,
sheets, rows, filters, searches by rows and by uploaded pictures, morphs, sliders, new pictures, decoded codes
on a socket, labels, proposals, restorations, outliers, pages that are left at once, and questions that are
wrong. The collection is written to (labels and verdicts): name one that may be.

Memory is the studio's resident set, read every ten seconds. It is flat where the median of the last quarter of
the time lies within 10 % of the median of the second quarter.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import random
import re
import statistics
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np
import websockets
from PIL import Image

from measuring import machine, studio_of

RESULTS = Path(__file__).parent / "results" / "studio_load.json"
PEOPLE = 4
PAUSE = 0.25  # seconds at most between two questions of one person, on average half of it
FLAT = 1.10  # times the median of the second quarter
EVERY = 10.0  # seconds between two readings of the memory


class Load:
    """People who ask one studio, and what came of it."""

    def __init__(self, address: str) -> None:
        base, token = address.split("/?token=")
        self.base, self.until = base, 0.0
        self.headers = {"authorization": f"Bearer {token}", "origin": base}
        self.asked: Counter[str] = Counter()
        self.answers: Counter[int] = Counter()
        self.broken: list[str] = []
        self.refused: dict[tuple[str, int], str] = {}  # the last sentence of each
        self.slowest: dict[str, float] = {}

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.base, headers=self.headers, timeout=120)

    async def opened(self) -> None:
        """Until the pictures and the model are read."""
        async with self.client() as client:
            while any(
                job["state"] == "running" for job in (await client.get("/api/state")).json()["jobs"]
            ):
                await asyncio.sleep(0.2)

    async def person(self, number: int) -> None:
        draws = random.Random(number)
        async with self.client() as client:
            ask = Questions(self, client, draws)
            while time.monotonic() < self.until:
                name = draws.choices(list(MIX), list(MIX.values()))[0]
                self.asked[name] += 1
                ask.now = name
                began = time.monotonic()
                try:
                    await getattr(ask, name)()
                except Exception as error:
                    self.broken.append(f"{name}: {type(error).__name__}: {error}"[:300])
                self.slowest[name] = max(self.slowest.get(name, 0), time.monotonic() - began)
                await asyncio.sleep(draws.random() * PAUSE)


class Questions:
    """What one person may ask; each looks at the state now and then, as a page does."""

    def __init__(self, load: Load, client: Any, draws: random.Random) -> None:
        self.load, self.client, self.draws = load, client, draws
        self.state: dict[str, Any] = {}
        self.now = ""

    async def send(self, method: str, path: str, **given: Any) -> Any:
        if not self.state or self.draws.random() < 0.02:
            self.state = (await self.client.get("/api/state")).json()
        key = (self.state.get("rows") or {}).get("key", "")
        if "json" in given:
            given["json"] = {"key": key, **given["json"]}
        elif "content" not in given:
            given["params"] = {"key": key, **given.get("params", {})}
        answer = await self.client.request(method, path, **given)
        self.load.answers[answer.status_code] += 1
        if answer.status_code != 200:
            self.load.refused[self.now, answer.status_code] = answer.text[:150]
        if answer.status_code >= 500 or b"Traceback" in answer.content[:5000]:
            self.load.broken.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        if answer.status_code == 409:
            self.state = {}
        return answer

    def row(self) -> int:
        return self.draws.randrange((self.state.get("rows") or {}).get("count", 1) or 1)

    async def points(self) -> None:
        await self.send("GET", "/api/map/points")
        await self.send("GET", "/api/map/colours", params={"column": "width"})

    async def sheet(self) -> None:
        await self.send("GET", f"/api/map/sheets/{self.row() // 1024}")

    async def one_row(self) -> None:
        await self.send("GET", f"/api/map/rows/{self.row()}")

    async def picture(self) -> None:
        await self.send("GET", f"/api/pictures/{self.row()}")

    async def passing(self) -> None:
        condition = {"column": "width", "test": "≥", "value": str(self.draws.randrange(200))}
        await self.send("POST", "/api/map/passing", json={"conditions": [condition]})

    async def morph(self) -> None:
        await self.send("POST", "/api/map/morph", json={"first": self.row(), "last": self.row()})

    async def search(self) -> None:
        await self.send("POST", "/api/search", json={"like": [self.row()], "k": 24})

    async def search_by_upload(self) -> None:
        if name := await self.upload():
            await self.send("POST", "/api/search", json={"like_uploads": [name], "k": 24})

    async def upload(self) -> str | None:
        pixels = np.random.default_rng(self.draws.randrange(2**31)).integers(
            0, 255, (self.draws.randrange(8, 400), self.draws.randrange(8, 400), 3), np.uint8
        )
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, format=self.draws.choice(["PNG", "JPEG", "WEBP"]))
        answer = await self.send("POST", "/api/uploads", content=out.getvalue())
        return answer.json()["upload"] if answer.status_code == 200 else None

    async def sliders(self) -> None:
        of = self.draws.choice(["axes", "units"])
        await self.send("POST", "/api/latent/sliders", json={"of": of, "row": self.row()})

    async def generate(self) -> None:
        await self.send(
            "POST", "/api/latent/generate", json={"n": 24, "seed": self.draws.randrange(1000)}
        )

    async def decode(self) -> None:
        about = (await self.send("GET", "/api/latent")).json()
        if "size" not in about:
            return
        address = self.load.base.replace("http", "ws") + "/api/latent/decode"
        async with websockets.connect(
            address, additional_headers=self.load.headers, origin=None
        ) as socket:
            for _ in range(10):
                code = [self.draws.gauss(0, 1) for _ in range(about["size"])]
                await socket.send(struct.pack(f"<{len(code)}f", *code))
                await socket.recv()

    async def label(self) -> None:
        rows = [self.row() for _ in range(3)]
        await self.send(
            "PUT", "/api/label", json={"rows": rows, "name": self.draws.choice(["a", "b", "ü"])}
        )
        await self.send("GET", "/api/label/proposals")

    async def restore(self) -> None:
        if name := await self.upload():
            verb = self.draws.choice(["denoise", "upscale"])
            answer = await self.send("POST", "/api/restore", json={"upload": name, "verb": verb})
            if answer.status_code == 200:
                await asyncio.sleep(1)
                await self.send("GET", f"/api/restore/{answer.json()['id']}")

    async def outliers(self) -> None:
        await self.send("GET", "/api/outliers")
        if self.draws.random() < 0.05:
            await self.send("PUT", "/api/outliers", json={})

    async def leaves(self) -> None:
        """Asks and goes, as a page does that is closed."""
        try:
            await self.client.get("/api/map/points", timeout=0.001)
        except httpx.TimeoutException:
            pass

    async def wrong(self) -> None:
        await self.send("POST", "/api/search", json={"like": [10**9], "k": -1})
        await self.send("GET", "/api/map/rows/-5")
        await self.send("POST", "/api/uploads", content=self.draws.randbytes(2000))
        await self.send("POST", "/api/latent/generate", json={"n": 10**6})


MIX = {
    "points": 2, "sheet": 6, "one_row": 10, "picture": 10, "passing": 5, "morph": 3, "search": 8,
    "search_by_upload": 4, "sliders": 2, "generate": 2, "decode": 3, "label": 1, "restore": 1,
    "outliers": 1, "leaves": 2, "wrong": 2,
}  # fmt: skip


async def resident(pid: int, until: float, tell: Callable[[float], None]) -> list[float]:
    """MiB every few seconds."""
    found = []
    while time.monotonic() < until:
        status = Path(f"/proc/{pid}/status").read_text()
        found.append(int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024)  # type: ignore[index]
        tell(found[-1])
        await asyncio.sleep(EVERY)
    return found


async def measured(source: Path, minutes: float) -> dict[str, Any]:
    with studio_of(source, seconds=300) as (pid, address):
        load = Load(address)
        await load.opened()
        load.until = until = time.monotonic() + 60 * minutes

        def tell(mib: float) -> None:
            print(f"{sum(load.asked.values())} asked, {mib:.0f} MiB, {len(load.broken)} broken", flush=True)  # fmt: skip

        *_, memory = await asyncio.gather(
            *map(load.person, range(PEOPLE)), resident(pid, until, tell)
        )
    quarter = len(memory) // 4 or 1
    second = statistics.median(memory[quarter : 2 * quarter] or memory)
    last = statistics.median(memory[-quarter:])
    return {
        "command": f"python benchmarks/studio_load.py COLLECTION --minutes {minutes:g}",
        "machine": machine(),
        "minutes": minutes,
        "asked": dict(sorted(load.asked.items())),
        "answers": {str(k): v for k, v in sorted(load.answers.items())},
        "refused": {
            f"{name} {status}": said for (name, status), said in sorted(load.refused.items())
        },
        "broken": load.broken[:20],
        "slowest_s": {name: round(s, 2) for name, s in sorted(load.slowest.items())},
        "memory_mib": {
            "second_quarter": round(second),
            "last_quarter": round(last),
            "most": round(max(memory)),
            "ratio": round(last / second, 3),
            "every_minute": [round(m) for m in memory[:: max(1, round(60 / EVERY))]],
        },
        "flat": last <= FLAT * second,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("collection", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--no-results", action="store_true")
    given = parser.parse_args()
    found = asyncio.run(measured(given.collection, given.minutes))
    text = json.dumps(found, indent=1) + "\n"
    print(text)
    if not given.no_results:
        RESULTS.write_text(text)
    sys.exit(0 if found["flat"] and not found["broken"] else 1)
