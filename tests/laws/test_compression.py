"""Compressed files: what comes out is what was quantised, no less; sizes are those of the tables.

Damaged files give one sentence each, never a picture.
"""

from __future__ import annotations

import binascii
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import narrows as nw
from narrows.applications import Codec, CodecModel, codec_model, pca_codec_model
from narrows.applications.codec import codec_for
from narrows.applications.container import Header, opened, packed
from narrows.applications.contexts import CLASSES, MASS, Contexts
from narrows.applications.entropy import Reader, Writer, nats_of, table
from narrows.applications.quantisers import Uniform
from narrows.applications.trellis import CHAIN, cheapest, multiples, quantiser_of
from narrows.errors import BadFile
from narrows.measures import Pca

pytest.importorskip("constriction")

KINDS = ("conv_vae", "mlp_autoencoder", "oord_2017_vq_vae", "mentzer_2024_finite_scalar")
HEAD = 14


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def codecs(digits) -> dict[str, Codec]:
    """A trained model of each kind with its tables, and PCA."""
    made, digits = {}, digits.select(np.arange(500))
    for name in KINDS:
        recipe = nw.recipes.listed()[name.replace("_", "-")]((1, 8, 8))
        model = nw.fit(recipe, digits, epochs=2, report="quiet")
        made[name] = Codec.fit(codec_model(model), digits)
    made["pca"] = Codec.fit(pca_codec_model(Pca.fit(digits, 32)), digits)
    return made


def as_bytes(x: torch.Tensor) -> torch.Tensor:
    return (x * 255).round().clamp(0, 255).byte()


@pytest.mark.parametrize("kind", [*KINDS, "pca"])
@pytest.mark.parametrize("quality", [10, 50, 90])
def test_decompressed_is_decode_of_quantise_of_encode(codecs, digits, kind, quality) -> None:
    codec, some = codecs[kind], digits.select(np.arange(20))
    with torch.no_grad():
        z = codec.quantised(codec.functions.encode(some.batch(torch.arange(20))), quality)
        wanted = torch.cat([as_bytes(codec.functions.decode(one)) for one in z.split(1)])
    made = codec.compress(some, quality)
    assert torch.equal(made.decoded, wanted)
    assert torch.equal(torch.cat([codec.decompress(file) for file in made.files]), wanted)
    whole = codec.compress(some, quality, together=True)
    assert torch.equal(codec.decompress(whole.files[0]), wanted)
    # neither the batch nor the company changes a file
    assert codec.compress(some.select([7]), quality).files[0] == made.files[7]


def test_the_number_of_threads_changes_nothing(codecs, digits) -> None:
    some = digits.select(np.arange(6))
    made = codecs["conv_vae"].compress(some, 60).files
    torch.set_num_threads(2)
    try:
        assert codecs["conv_vae"].compress(some, 60).files == made
        assert torch.get_num_threads() == 2
        codecs["conv_vae"].decompress(made[0])
    finally:
        torch.set_num_threads(1)


@given(
    height=st.integers(1, 19),
    width=st.integers(1, 19),
    count=st.integers(1, 3),
    error=st.integers(0, 127),
    kind=st.sampled_from([*KINDS, "pca"]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40)
def test_the_bound_holds_for_random_pixels(codecs, height, width, count, error, kind, seed) -> None:
    source = torch.Generator().manual_seed(seed)
    x = torch.randint(256, (count, 1, height, width), generator=source, dtype=torch.uint8)
    made = codecs[kind].compress(x, max_error=error, together=seed % 2 == 0)
    again = torch.cat([codecs[kind].decompress(file) for file in made.files])
    assert torch.equal(again, made.decoded)
    assert int((again.int() - x.int()).abs().max()) <= error


@pytest.mark.parametrize("kind", [*KINDS, "pca"])
@pytest.mark.parametrize("value", [0, 255])
def test_lossless_is_lossless_at_the_ends(codecs, kind, value) -> None:
    x = torch.full((2, 1, 8, 8), value, dtype=torch.uint8)
    made = codecs[kind].compress(x, max_error=0)
    assert torch.equal(torch.cat([codecs[kind].decompress(file) for file in made.files]), x)


@pytest.mark.parametrize("kind", ["mlp_autoencoder", "oord_2017_vq_vae"])
@pytest.mark.parametrize("together", [False, True])
def test_without_loss_nothing_is_larger_than_its_pixels_and_a_header(
    codecs, kind, together
) -> None:
    draws, codec = np.random.default_rng(0), codecs[kind]
    noise = draws.integers(0, 256, (3, 1, 21, 30), np.uint8)
    made = codec.compress(noise, max_error=0, together=together)
    header = 15 + 4 + 4  # four bytes of a shape, and a word of the coder
    assert all(len(file) <= noise.size // len(made.files) + header for file in made.files)
    back = torch.cat([codec.decompress(file) for file in made.files]).numpy()
    assert np.array_equal(back, noise)
    harmed = bytearray(made.files[0])
    harmed[-9] ^= 16
    with pytest.raises(BadFile):
        codec.decompress(bytes(harmed))


def test_rows_in_bands_are_written_as_all_at_once(codecs, monkeypatch) -> None:
    x = np.random.default_rng(1).integers(90, 120, (2, 1, 23, 17), np.uint8)
    for error in (0, 3):
        whole = codecs["mlp_autoencoder"].compress(x, max_error=error)
        monkeypatch.setattr("narrows.applications.residual.AT_ONCE", 3 * 17)
        bands = codecs["mlp_autoencoder"].compress(x, max_error=error)
        monkeypatch.undo()
        assert whole.files == bands.files and torch.equal(whole.decoded, bands.decoded)


def test_lossless_colours() -> None:
    source = torch.Generator().manual_seed(0)
    smooth = torch.rand(40, 3, 3, 3, generator=source)
    x = as_bytes(torch.nn.functional.interpolate(smooth, (9, 10), mode="bilinear"))
    codec = Codec.fit(pca_codec_model(Pca.fit(x, 12)), x)
    made = codec.compress(x[:4], max_error=0)
    assert torch.equal(torch.cat([codec.decompress(file) for file in made.files]), x[:4])
    assert made.bytes < 0.8 * x[0].numel()


@pytest.mark.parametrize("kind", ["conv_vae", "oord_2017_vq_vae", "pca"])
@pytest.mark.parametrize("quality", [20, 60, 100])
def test_the_size_is_the_cross_entropy_of_the_tables(codecs, digits, kind, quality) -> None:
    codec, count = codecs[kind], 300
    some = digits.select(np.arange(count))
    own = 0 if codec.one_rate else quality
    symbols = codec.quantiser.symbols(codec.functions.encode(some.batch(torch.arange(count))), own)
    nats = codec.quantiser.nats(symbols, own).sum()
    size = len(codec.compress(some, quality, together=True).files[0]) - HEAD - 5
    assert size == pytest.approx(nats / np.log(2) / 8, rel=0.005, abs=2)
    single = codec.compress(some, quality).bytes - HEAD
    assert single <= nats / np.log(2) / 8 / count * 1.005 + 2


@given(
    sizes=st.lists(st.integers(2, 400), min_size=0, max_size=30),
    power=st.sampled_from([0.01, 0.1, 1.0, 10.0]),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=150)
def test_the_coder_gives_back_what_it_took_in_two_bytes_more(sizes, power, seed) -> None:
    random = np.random.default_rng(seed)
    writer, wanted, bits = Writer(), [], 0.0
    for size in sizes:
        share = random.dirichlet(np.full(size, power))
        counts = np.rint(65535 * np.nan_to_num(share)).astype(np.int64) + 1
        symbols = random.choice(size, 3, p=counts / counts.sum())
        writer.many(symbols, table(counts))
        bits += float((nats_of(counts)[symbols] / np.log(2)).sum())
        wanted.append((counts, symbols))
    stream = writer.bytes()
    assert len(stream) <= bits / 8 * 1.001 + 2
    reader = Reader(stream)
    for counts, symbols in wanted:
        assert (reader.many(table(counts), 3) == symbols).all()


def test_tables_for_each_symbol_and_for_many_are_one() -> None:
    counts = np.array([[5, 0, 7, 1], [1, 1, 0, 90]])
    writer = Writer()
    writer.each(np.array([1, 2]), counts)
    reader = Reader(writer.bytes())
    assert [reader.one(table(row)) for row in counts] == [1, 2]


def test_size_and_psnr_grow_with_the_quality(codecs, digits) -> None:
    some = digits.select(np.arange(200))
    for kind in ("pca", "conv_vae"):
        found = [codecs[kind].compress(some, quality) for quality in range(10, 101, 10)]
        # of codes that tell next to nothing one file in 200 may need a byte less by chance
        assert np.all(np.diff([one.bytes for one in found]) >= -1 / 200)
        error = [float(one.psnr.mean()) for one in found]
        if kind == "pca":
            assert np.all(np.diff(error) > 0)
        assert error[-1] > error[0]


def test_one_rate_is_one_file_at_every_quality(codecs, digits) -> None:
    some = digits.select(np.arange(3))
    for kind in ("oord_2017_vq_vae", "mentzer_2024_finite_scalar"):
        made = [codecs[kind].compress(some, quality).files for quality in (1, 50, 100)]
        assert made[0] == made[1] == made[2]
        z = codecs[kind].functions.encode(some.batch(torch.arange(3)))
        assert torch.equal(codecs[kind].quantised(z), z)


def test_the_gain_of_orthonormal_components_is_one(codecs) -> None:
    """So PCA is quantised in steps of one length, as is best for it."""
    assert codecs["pca"].quantiser.gain == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("quality", [1, 50, 100])
def test_values_are_near_and_masses_sum_up(codecs, quality) -> None:
    quantiser = codecs["pca"].quantiser
    scale = quantiser._scale(quality)
    z = torch.linspace(-1, 1, 64)[:, None].expand(64, 32)
    symbols = quantiser.symbols(z, quality)
    for unit in range(32):
        for context in range(2 * CLASSES):
            masses = quantiser._masses(scale, unit, context)
            assert int(masses.sum()) == MASS and (masses >= 0).all()
    values = quantiser.values(symbols, quality).numpy()
    sizes = scale.size[quantiser.order]
    inside = ((symbols > 1) & (symbols < sizes - 2))[:, quantiser.order.argsort()]
    near = np.abs(values - z.numpy()) <= 2 * scale.half * 1.01
    assert (near | np.isclose(values, quantiser.origin))[inside].all()


def test_the_trellis_finds_the_cheapest_of_all_numbers() -> None:
    random = np.random.default_rng(0)
    units, reach = 5, 2
    exact = random.uniform(-3.5, 3.5, (6, units))
    nats = random.exponential(1.0, (2, units, 2 * reach + 1))

    def price(k, mine, quantiser):
        return nats[quantiser, mine, k + reach]

    bounds = np.full(units, reach)
    found = cheapest(exact, -bounds, bounds, price)
    every = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * units), -1).reshape(-1, units)

    def cost(k, x):
        quantiser = quantiser_of(k)
        return ((x - multiples(k, quantiser)) ** 2 + price(k, np.arange(units), quantiser)).sum(-1)

    near = np.abs(multiples(every, quantiser_of(every)))  # all are tried: two nearest, and 0
    assert near.max() == 2 * reach
    for own, x in zip(found, exact, strict=True):
        costs = cost(every, x)
        lower = np.floor((x + quantiser_of(every) * np.sign(x)) / 2).clip(-reach, reach)
        tried = (every == lower) | (every == (lower + 1).clip(-reach, reach)) | (every == 0)
        assert cost(own[None], x)[0] == pytest.approx(costs[tried.all(1)].min())


def test_the_quantiser_of_a_number_is_told_by_the_parities_before_it() -> None:
    k = np.random.default_rng(0).integers(-9, 9, (3, 2 * CHAIN + 7))
    after = ((0, 2), (2, 0), (1, 3), (3, 1))  # H.266, table of states by parity
    wanted = np.zeros_like(k)
    for row, own in enumerate(k):
        state = 0
        for place, number in enumerate(own):
            state = 0 if place % CHAIN == 0 else state
            wanted[row, place] = state >> 1
            state = after[state][number & 1]
    assert np.array_equal(quantiser_of(k), wanted)


def scales_of(draws: np.random.Generator, pictures: int, units: int, deviation: float) -> Any:
    """Made-up codes of variance near one, whose scale a picture's units share."""
    scale = np.exp(deviation * draws.standard_normal((pictures, 1)))
    return torch.from_numpy(scale * draws.standard_normal((pictures, units))).float()


@pytest.mark.parametrize("shape", ["normal", "uniform", "two heaps", "one-sided"])
def test_contexts_cost_independent_codes_nothing(shape) -> None:
    draws, units = np.random.default_rng(0), 24
    z = {
        "normal": lambda n: draws.standard_normal((n, units)),
        "uniform": lambda n: draws.uniform(-2, 2, (n, units)),
        "two heaps": lambda n: draws.choice([-1, 1], (n, units)) + draws.normal(0, 0.3, (n, units)),
        "one-sided": lambda n: draws.exponential(1, (n, units)),
    }[shape]
    fitted, new = (torch.from_numpy(z(n)).float() for n in (1500, 600))
    own, context = (
        f(fitted, torch.full((units,), 0.3)) for f in (Uniform.independent, Uniform.fit)
    )
    for quality in (45, 60, 80):
        symbols = own.symbols(new, quality)  # the same numbers, so that only tables differ
        assert context.nats(symbols, quality).sum() <= 1.01 * own.nats(symbols, quality).sum()


def test_contexts_save_what_a_shared_scale_tells() -> None:
    """As many nats as Bayes' rule saves who knows the units before, and how scales are distributed."""
    draws, units, deviation = np.random.default_rng(0), 128, 0.6
    fitted, new = (scales_of(draws, n, units, deviation) for n in (1500, 600))
    own, context = (
        f(fitted, torch.full((units,), 0.3)) for f in (Uniform.independent, Uniform.fit)
    )
    grid = np.linspace(-4, 4, 201)[:, None, None]  # of a scale's logarithm, in deviations
    prior = -0.5 * grid**2
    x = new.double().numpy()[:, own.order]
    each = -0.5 * (x / np.exp(deviation * grid)) ** 2 - deviation * grid  # (grid, pictures, units)
    starts = np.repeat(own.groups[:-1], np.diff(own.groups))
    before = np.concatenate([np.zeros_like(each[:, :, :1]), each.cumsum(2)], 2)[:, :, starts]

    def mean(weights):
        return np.log(np.exp(each + weights - weights.max(0)).sum(0)) - np.log(
            np.exp(weights - weights.max(0)).sum(0)
        )

    theory = float((mean(prior + before) - mean(prior + 0 * before)).sum(1).mean())
    for quality in (70, 85):  # fine: all of it counts
        symbols = own.symbols(new, quality)
        saved = float((own.nats(symbols, quality) - context.nats(symbols, quality)).mean())
        assert 0.7 * theory < saved < 1.05 * theory


# ---- a codec whose numbers are all written here --------------------------------------------------


def bent(places: np.ndarray) -> torch.Tensor:
    """Warps that put more of a number's mass in the middle the higher their row is."""
    mass, rows = 1 << 24, 14 * CLASSES * 2
    half = mass // 2
    far = places - half
    less = (
        np.abs(far) * (mass - 2 * np.abs(far)) // mass * np.sign(far)
    )  # 0 at both ends and within
    return torch.from_numpy(np.stack([places + less * row // (2 * rows) for row in range(rows)]))


def by_hand(shape: tuple[int, ...] = (1, 2, 3), name: str = "ab" * 8) -> Codec:
    """Codes are pixels; the tables are straight lines, and a tree of three nodes."""
    units = int(np.prod(shape))
    tensors = {
        "origin": torch.full((units,), 0.25),
        "cell": torch.full((units,), 1 / 32),
        "gain": torch.ones(units),
        "low": torch.full((units,), -32),
        "cumulative": (torch.arange(65) << 18).expand(units, 65).contiguous(),
        "spread": torch.arange(units, 0, -1) * 32 + 300,
        **Contexts.none().state(),
        "context.borders": torch.arange(-5, 6) * 50,
        "context.warps": bent(Contexts.none().places),
        "residual.feature": torch.tensor([0, -1, -1]),
        "residual.threshold": torch.tensor([100, 0, 0]),
        "residual.child": torch.tensor([1, 0, 0]),
        "residual.weights": torch.full((1, 7), 20),
        "residual.counts": 1 + torch.arange(3 * 256).reshape(3, 256),
    }
    return codec_for(
        CodecModel(shape, lambda x: x.flatten(1), lambda z: z.reshape(-1, *shape), None, name),
        tensors,
        50,
    )


PIXELS = torch.tensor([[[[0, 60, 120], [180, 240, 255]]]], dtype=torch.uint8)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"quality": 50}, "4e57024ffae7ba396ed14f6fb43240fc"),
        (
            {"quality": 50, "max_error": 3},
            "4e57824ffae7baa62058250d87320340fbc1ab8d44",
        ),
        (
            {"quality": 50, "max_error": 0},
            "4e57824ffae7baea78ab247180320040fbc1140ae40ce1",
        ),
    ],
)
def test_the_bytes_of_the_format_stay(options, wanted) -> None:
    """Files outlive versions: a change here is a new version of the format."""
    made = by_hand().compress(PIXELS, **options)
    assert made.files[0].hex() == wanted
    assert torch.equal(by_hand().decompress(bytes.fromhex(wanted)), made.decoded)


def changed(file: bytes, place: int, bit: int = 0) -> bytes:
    return file[:place] + bytes([file[place] ^ 1 << bit]) + file[place + 1 :]


def corruptions() -> dict[str, Callable[[bytes], bytes]]:
    """Forty ways to harm a file."""
    made: dict[str, Callable[[bytes], bytes]] = {}
    random = np.random.default_rng(0)
    for number in range(24):
        at, bit = random.random(), int(random.integers(8))
        made[f"bit {number}"] = lambda f, at=at, bit=bit: changed(f, int(at * len(f)), bit)
    for kept in (0, 1, 3, 6, 8, 11, 13, 14):
        made[f"cut to {kept}"] = lambda f, kept=kept: f[:kept]
    made["cut by one"] = lambda f: f[:-1]
    made["half"] = lambda f: f[: len(f) // 2]
    made["a byte more"] = lambda f: f + b"\0"
    made["twice"] = lambda f: f + f
    made["another ending"] = lambda f: f[:-1] + bytes([f[-1] ^ 0xFF])
    made["zeros"] = lambda f: bytes(len(f))
    made["a picture"] = lambda f: b"\x89PNG\r\n\x1a\n" + f
    made["the stream of another"] = lambda f: f[:HEAD] + f[HEAD:][::-1]
    return made


@pytest.mark.parametrize("how", corruptions())
@pytest.mark.parametrize("bound", [None, 0])
def test_a_harmed_file_gives_a_sentence_and_no_picture(codecs, digits, how, bound) -> None:
    codec = codecs["pca"]
    file = codec.compress(digits.select([3]), 60, max_error=bound).files[0]
    began = time.monotonic()
    with pytest.raises(BadFile) as refused:
        codec.decompress(corruptions()[how](file))
    assert time.monotonic() - began < 1
    assert len(str(refused.value)) > 30 and "\n" not in str(refused.value)


def test_every_single_bit_is_guarded() -> None:
    codec = by_hand()
    file = codec.compress(PIXELS, max_error=0).files[0]
    for place in range(len(file)):
        for bit in range(8):
            with pytest.raises(BadFile):
                codec.decompress(changed(file, place, bit))


def test_another_model_and_other_tables_are_refused(codecs, digits) -> None:
    file = codecs["pca"].compress(digits.select([3])).files[0]
    for other in ("conv_vae", "oord_2017_vq_vae"):
        with pytest.raises(BadFile, match="made with another model, or with other tables"):
            codecs[other].decompress(file)
    fewer = Codec.fit(codecs["pca"].functions, digits.select(np.arange(100)))
    with pytest.raises(BadFile, match="other tables"):
        fewer.decompress(file)


def sealed(header: Header, codec: Codec, stream: bytes) -> bytes:
    return packed(header, codec.fingerprint, codec.functions.shape, stream)


def checked(file: bytes) -> bytes:
    """With the sum that its bytes have."""
    return file[:7] + binascii.crc_hqx(file[:7] + file[9:], 0).to_bytes(2, "little") + file[9:]


def test_a_newer_version_says_so() -> None:
    codec = by_hand()
    file = codec.compress(PIXELS).files[0]
    newer = checked(file[:2] + bytes([3]) + file[3:])
    with pytest.raises(
        BadFile, match="of version 3; this Narrows reads version 2: install a newer"
    ):
        codec.decompress(newer)
    with pytest.raises(BadFile, match="damaged or truncated, or of a newer version"):
        codec.decompress(newer[:-1])
    older = checked(file[:2] + bytes([1]) + file[3:])
    with pytest.raises(BadFile, match="of version 1; this Narrows reads version 2: an older one"):
        codec.decompress(older)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (Header((1, 2, 3), 1 << 27, 50, None, 0), "pictures of"),  # 2^27 pictures in no bytes
        (Header((1, 2, 3), 1 << 33, 50, None, 0), "no file has that"),
        (Header((1, 20_000, 20_000), 1, 50, 0, 0), "more than"),
        (Header((1, 0, 3), 1, 50, None, 0), "no file has that"),
        (Header((3, 2, 3), 1, 50, None, 0), "3 channels"),
        (Header((1, 2, 3), 1, 0, None, 0), "a quality of 0"),
        (Header((1, 2, 3), 1, 101, None, 0), "a quality of 101"),
        (Header((1, 2, 3), 1, 50, 200, 0), "no file has that"),
        (Header((1, 2, 3), 1, 50, None, 7), "arithmetic differs"),
    ],
)
def test_a_header_that_lies_takes_neither_time_nor_memory(header, words) -> None:
    codec = by_hand()
    began = time.monotonic()
    with pytest.raises(BadFile, match=words):
        codec.decompress(sealed(header, codec, b"\x5a" * 8))
    assert time.monotonic() - began < 1


def test_codes_that_cost_nothing_give_no_more_than_their_bytes_pay_for(monkeypatch) -> None:
    def encode(x: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(x), 2)

    def decode(z: torch.Tensor) -> torch.Tensor:  # a model that has collapsed
        return z.sum(1)[:, None, None, None] * torch.ones(1, 2, 3)

    codec = Codec.fit(CodecModel((1, 2, 3), encode, decode), PIXELS)
    began = time.monotonic()
    for header in (Header((1, 2, 3), 80_000_000, 1, None, 0), Header((1, 900, 900), 1, 1, 0, 0)):
        with pytest.raises(BadFile, match="more than 8 bytes hold"):
            codec.decompress(sealed(header, codec, bytes(8)))
    assert time.monotonic() - began < 1
    monkeypatch.setattr("narrows.applications.container.FREE", 1 << 12)
    many = np.zeros((40, 1, 2, 3), np.uint8)
    made = codec.compress(many, quality=1, together=True)
    assert len(made.files[0]) == HEAD + 4 + (40 * (6 + 512 + 4 * 2) - 4096) // 1024
    assert torch.equal(codec.decompress(made.files[0]), made.decoded)
    with pytest.raises(BadFile, match="more than 15 bytes hold"):
        codec.decompress(checked(made.files[0][:-1]))


def test_a_header_without_end() -> None:
    codec = by_hand()
    file = sealed(Header((1, 2, 3), 2, 50, 3, 0), codec, b"")
    assert file[2] == 2 + 64 + 128 and len(file) == HEAD + 5
    for kept in range(HEAD, len(file)):
        with pytest.raises(BadFile, match="ends in its header"):
            codec.decompress(checked(file[:kept]))
    with pytest.raises(BadFile, match="ends in its header"):
        codec.decompress(checked(file[: HEAD + 1] + b"\xff" * 60))


def test_a_machine_that_counts_otherwise_says_so(codecs, digits) -> None:
    codec = codecs["pca"]
    file = codec.compress(digits.select([3])).files[0]
    plain = codec.functions

    def slightly(z: torch.Tensor) -> torch.Tensor:
        return plain.decode(z) + 0.004

    other = CodecModel(plain.shape, plain.encode, slightly, None, plain.fingerprint)
    elsewhere = Codec(other, codec.quantiser, codec.residual)
    with pytest.raises(BadFile, match="this machine's arithmetic differs"):
        elsewhere.decompress(file)


@pytest.mark.parametrize("usual", [(3, 768, 512), (1, 2, 3)])
def test_a_header_comes_back(usual) -> None:
    for header in (
        Header((3, 768, 512), 1, 99, None, 0xFFFFFFFF),
        Header((3, 768, 512), 130, 0, 127, 5),
        Header((3, 768, 512), 1, 1, 0, 0),
    ):
        file = packed(header, b"1234", usual, b"stream")
        assert opened(file, b"1234", usual) == (header, b"stream")
    assert len(packed(Header((3, 64, 64), 1, 50, None, 0), b"1234", (3, 64, 64), b"")) == HEAD
