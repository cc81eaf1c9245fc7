"""Models whose code says what two views of a picture have in common: for likeness, search and classes."""

from __future__ import annotations

from collections.abc import Sequence

from ..parts import Part
from ..training import Phase, Recipe, listed_under
from .plain import GROUP, conv_part

# how far two views of a picture may be apart; chosen on held-out training pictures of MNIST and
# Fashion-MNIST, see benchmarks/likeness
WARP = {"turn": 15.0, "zoom": 0.15, "shift": 0.1, "bend": 0.04}
LIGHT = 0.3
TEMPERATURE = 0.2


def _view(mirror: bool) -> Part:
    """A picture as it might have been taken: mirrored, turned, nearer, moved, bent, in other light."""
    changes = [Part("flip")] if mirror else []
    return Part("chain", {"parts": (*changes, Part("warp", WARP), Part("light", {"reach": LIGHT}))})


def _phase(view: Part, **numbers: object) -> Phase:
    given = {
        "steps": 1000,
        "batch_size": 512,
        "optimizer": "adamw",
        "learning_rate": 3e-3,
        "weight_decay": 0.01,
        "corruption": view,
    }
    return Phase(**{**given, **numbers})  # type: ignore[arg-type]


@listed_under(GROUP)
def views(
    shape: Sequence[int],
    code_size: int = 64,
    *,
    widths: Sequence[int] | None = None,
    mirror: bool = True,
) -> Recipe:
    """Codes on which two views of a picture agree (SimCLR, Chen et al. 2020): for search and classes.

    Views are turned, moved, bent and lit otherwise; the code of each is told from those of all other
    pictures by the cosine. Nothing is reconstructed: the decoder keeps the weights that it was drawn
    with. Compare such codes by the cosine: ``index --distance cosine``.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: channels of each rung; by default as many as halve the picture to about 4 pixels.
        mirror: whether a mirrored picture is a picture too; not so for letters and digits.
    """
    view = _view(mirror)
    agreement = Part("nt-xent", {"view": view, "temperature": TEMPERATURE})
    return Recipe(
        "views",
        conv_part(shape, widths),
        Part("point", {"size": code_size}),
        Part("mse"),
        (_phase(view, scheme=Part("encoder"), bound=Part("agreement", {"penalty": agreement})),),
    )


@listed_under(GROUP)
def views_autoencoder(
    shape: Sequence[int],
    code_size: int = 64,
    *,
    widths: Sequence[int] | None = None,
    mirror: bool = True,
    weight: float = 100.0,
) -> Recipe:
    """An autoencoder on whose codes two views of a picture agree, too: likeness, with a decoder.

    The encoder sees one view, the decoder owes the picture itself, and the codes of two views are told
    from those of all other pictures as in ``views``.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: channels of each rung; by default as many as halve the picture to about 4 pixels.
        mirror: whether a mirrored picture is a picture too; not so for letters and digits.
        weight: of the agreement, in nats; the reconstruction is a picture's summed squared error.
    """
    view = _view(mirror)
    agreement = Part("nt-xent", {"weight": weight, "view": view, "temperature": TEMPERATURE})
    return Recipe(
        "views-autoencoder",
        conv_part(shape, widths),
        Part("point", {"size": code_size}),
        Part("mse"),
        (_phase(view, penalties=(agreement,)),),
    )
