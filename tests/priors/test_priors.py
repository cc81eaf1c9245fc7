"""What every listed prior keeps to, and how it is stored beside a model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import narrows as nw
from narrows import files
from narrows.errors import BadFile
from narrows.parts import Part, build, listed, part_of
from narrows.priors import (
    Prior,
    compare,
    fit_prior,
    load_prior,
    prior_for,
    sample_codes,
    save_prior,
    stored_priors,
)

QUICK = {
    "flow": {"width": 16, "steps": 40},
    "caption-flow": {"width": 16, "steps": 40},
    "autoregressive": {"width": 8, "steps": 30},
}
D, N = 4, 60


def made(name: str) -> Prior:
    return build("prior", Part(name, QUICK.get(name, {})), size=D)


def codes(name: str) -> torch.Tensor:
    source = torch.Generator().manual_seed(0)
    if build("prior", Part(name), size=D).takes == "indices":
        return torch.randint(5, (N, D), generator=source)
    return 3 + torch.randn(N, D, generator=source)


def model(name: str) -> nw.Autoencoder:
    torch.manual_seed(0)
    quantised = name == "autoregressive"
    box = Part("vector-quantised" if quantised else "point", {"size": D, "layout": "flat"})
    recipe = nw.recipes.mlp_autoencoder((1, 8, 8), 4, widths=(16,))
    return recipe.with_(bottleneck=box).build().eval()


def pictures(n: int = 40) -> nw.images.Images:
    """Random ones of two classes, as a prior that is told captions needs them."""
    pixels = torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return nw.images.Images((pixels * 255).byte(), labels={"kind": ["cat", "dog"] * (n // 2)})


@pytest.fixture(params=listed("prior"))
def name(request) -> str:
    return request.param


def test_it_keeps_the_protocol(name: str) -> None:
    prior = made(name).fit(codes(name))
    assert isinstance(prior, Prior)
    drawn = prior.sample(7, seed=3)
    assert drawn.shape == (7, D) and drawn.dtype == codes(name).dtype
    density = prior.log_prob(codes(name))
    assert density is None or (density.shape == (N,) and bool(torch.isfinite(density).all()))
    assert part_of(prior).name == name
    assert (listed("prior")[name].__doc__ or "").strip()
    if prior.spread is not None:
        assert [tuple(one.shape) for one in prior.spread] == [(D,), (D,)]


def test_seeds_are_reproducible(name: str) -> None:
    one, same = (made(name).fit(codes(name), seed=1) for _ in range(2))
    assert torch.equal(one.sample(9, seed=2), same.sample(9, seed=2))
    assert not torch.equal(one.sample(9, seed=2), one.sample(9, seed=3))


def test_it_comes_back_from_its_file(name: str, tmp_path: Path) -> None:
    own, x = model(name), pictures()
    prior = fit_prior(own, x, name, **QUICK.get(name, {}))
    path = save_prior(prior, own, tmp_path, fitted_on=40)
    assert path == tmp_path / f"prior-{name}.safetensors" and stored_priors(tmp_path) == [name]
    again = load_prior(own, tmp_path, name)
    assert part_of(again) == part_of(prior)
    assert torch.equal(sample_codes(own, prior, 5, seed=1), sample_codes(own, again, 5, seed=1))
    before = path.read_bytes()
    save_prior(again, own, tmp_path, fitted_on=40)
    assert path.read_bytes() == before


def test_a_prior_of_another_model_is_refused(name: str, tmp_path: Path) -> None:
    own, other = model(name), model(name)
    assert own.fingerprint() == other.fingerprint()
    with torch.no_grad():
        next(other.parameters())[0] += 1e-3
    assert own.fingerprint() != other.fingerprint()
    save_prior(fit_prior(own, pictures(), name, **QUICK.get(name, {})), own, tmp_path)
    with pytest.raises(BadFile, match="was fitted to the codes of another model"):
        load_prior(other, tmp_path, name)


def test_files_that_cannot_be_trusted_are_refused(name: str, tmp_path: Path) -> None:
    own = model(name)
    path = save_prior(fit_prior(own, pictures(), name, **QUICK.get(name, {})), own, tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadFile, match="damaged"):
        load_prior(own, tmp_path, name)
    path.write_bytes(whole)
    tensors, header = files.load_tensors(path)
    for changed, words in (
        ({"version": 99}, "version 99"),
        ({"version": None}, "version None"),
        ({"prior": {"part": "os.system"}}, "no prior that can be used"),
        ({"prior": {"part": name, "nonsense": 1}}, "no prior that can be used"),
    ):
        files.save_tensors(path, tensors, header | changed)
        with pytest.raises(BadFile, match=words):
            load_prior(own, tmp_path, name)
    files.save_tensors(path, {**tensors, "more": torch.zeros(2)}, header)
    with pytest.raises(BadFile, match="no prior that can be used"):
        load_prior(own, tmp_path, name)
    if "mean" in tensors:
        corrupted = {**tensors, "mean": tensors["mean"] * torch.nan}
        files.save_tensors(path, corrupted, header)
        with pytest.raises(BadFile, match="not finite"):
            load_prior(own, tmp_path, name)


def test_a_prior_that_was_never_fitted(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="no prior 'flow' was fitted"):
        load_prior(model("flow"), tmp_path, "flow")
    with pytest.raises(ValueError, match="did you mean 'flow'"):
        load_prior(model("flow"), tmp_path, "flwo")


def test_what_does_not_fit_the_codes_is_refused() -> None:
    numbers, entries = model("flow"), model("autoregressive")
    with pytest.raises(ValueError, match="entries of a code book: fit one of autoregressive"):
        prior_for(entries, "normal")
    with pytest.raises(ValueError, match="this model's codes are numbers"):
        prior_for(numbers, "autoregressive")
    with pytest.raises(ValueError, match=r"codes \(N, 4\); we got \(3, 5\)"):
        prior_for(numbers, "gaussian").fit(torch.zeros(3, 5))
    with pytest.raises(ValueError, match="at least 2 codes; we got 1"):
        prior_for(numbers, "flow").fit(torch.zeros(1, 4))
    with pytest.raises(ValueError, match="at least 9 codes"):
        prior_for(numbers, "mixture", components=9).fit(torch.randn(8, 4))
    with pytest.raises(ValueError, match="NaN"):
        prior_for(numbers, "gaussian").fit(torch.full((9, 4), torch.nan))
    with pytest.raises(ValueError, match="up to 2,048 numbers"):
        build("prior", Part("mixture"), size=5000)


def test_units_that_never_move_do_no_harm() -> None:
    rows = torch.randn(50, D, generator=torch.Generator().manual_seed(0))
    rows[:, 1] = 2.5
    for name in ("gaussian", "mixture", "flow"):
        drawn = made(name).fit(rows).sample(20)
        assert bool(torch.isfinite(drawn).all())
        assert float((drawn[:, 1] - 2.5).abs().max()) < 3
    assert float((made("gaussian").fit(rows).sample(20)[:, 1] - 2.5).abs().max()) < 0.01


def test_of_a_code_book_every_vector_is_an_entry() -> None:
    own, x = model("autoregressive"), torch.rand(40, 1, 8, 8)
    book = own.bottleneck.book
    for name in ("autoregressive", "gaussian", "flow"):
        z = sample_codes(own, fit_prior(own, x, name, **QUICK.get(name, {})), 6)
        vectors = z.reshape(-1, book.shape[1])
        assert float(torch.cdist(vectors, book).min(1).values.max()) < 1e-3


def test_a_prior_stands_beside_simpler_ones(digits) -> None:
    own = model("flow")
    train, held = digits.select(range(300)), digits.select(range(300, 500))
    rows = compare(own, fit_prior(own, train, "mixture", components=2), train, held)
    assert [row.name for row in rows] == ["mixture", "gaussian", "normal", "training codes"]
    assert rows[0].nats >= rows[1].nats - 2 and rows[1].nats > rows[2].nats
    assert abs(rows[-1].discrepancy) < rows[2].discrepancy
    quantised = model("autoregressive")
    rows = compare(quantised, fit_prior(quantised, train, "autoregressive", steps=60), train, held)
    assert [row.name for row in rows][1:] == ["entries by themselves", "training codes"]


def test_a_prior_is_judged_on_pictures_from_all_over_a_set() -> None:
    """Dark pictures first and bright ones last, and held out the other way round."""
    own = model("flow")
    x = torch.rand(5000, 1, 8, 8, generator=torch.Generator().manual_seed(0)) / 2
    x[2500:] += 0.5
    rows = compare(own, fit_prior(own, x, "gaussian"), x, x.flip(0))
    assert abs(rows[-1].discrepancy) < 0.01


def test_a_mixture_in_axes_is_a_density_and_its_draws_have_it() -> None:
    source = torch.Generator().manual_seed(1)
    rows = torch.randn(300, 2, generator=source) @ torch.tensor([[2.0, 1, 0, 0], [0, 1, 3, 0]])
    rows = rows + 0.01 * torch.randn(300, D, generator=source)
    few = build("prior", Part("mixture", {"components": 1, "axes": 2}), size=D).fit(rows)
    middle = few.spread[0][None]
    other = few.restore(few.state())
    assert float(other.log_prob(middle)) == pytest.approx(float(few.log_prob(middle)))
    # the density of Tipping & Bishop: a Gaussian of the covariance V C Vᵀ + rest (I − V Vᵀ)
    v, c = few.basis, few.factors[0] @ few.factors[0].T
    full = v @ c @ v.T + few.rest * (torch.eye(D) - v @ v.T)
    drawn = few.scale(few.sample(4000, seed=1))
    assert torch.allclose(torch.cov(drawn.T), full, atol=0.12)
    even = few.scale(rows[:5])
    known = torch.distributions.MultivariateNormal(v @ few.means[0], full).log_prob(even)
    assert torch.allclose(few.log_prob(rows[:5]), known - few.scale.log_volume)


def test_a_mixture_in_axes_takes_long_codes_and_few_of_them() -> None:
    prior = build("prior", Part("mixture", {"axes": 64}), size=3000)
    codes_ = torch.randn(25, 3000, generator=torch.Generator().manual_seed(0))
    fitted = prior.fit(codes_)
    assert fitted.basis.shape[1] <= 24 and fitted.sample(2).shape == (2, 3000)
    with pytest.raises(ValueError, match="fewer axes"):
        build("prior", Part("mixture"), size=3000)
