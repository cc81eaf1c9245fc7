"""Models whose code says what two views of a picture have in common: for likeness, search and classes."""

from __future__ import annotations

from collections.abc import Sequence

from ..parts import Part
from ..training import Phase, Recipe, listed_under
from .plain import GROUP, conv_part

# how far two views of a picture may be apart; LOG.md says what was tried
WRITTEN = {"turn": 15.0, "zoom": 0.15, "shift": 0.1, "bend": 0.04}
TAKEN = {"turn": 0.0, "zoom": 0.1, "shift": 0.05, "bend": 0.0}
LIGHT = 0.3
TEMPERATURE = 0.2
WIDTHS = (64, 128, 192)  # channels of the rungs of an encoder without a decoder


def _view(mirror: bool, bend: bool | None) -> Part:
    """A picture as it might have been taken or written: nearer, moved, in other light, bent."""
    changes = [Part("flip")] if mirror else []
    warp = WRITTEN if (not mirror if bend is None else bend) else TAKEN
    return Part("chain", {"parts": (*changes, Part("warp", warp), Part("light", {"reach": LIGHT}))})


def _wide(shape: Sequence[int]) -> list[int]:
    """As many rungs as ``conv_part`` has, each wider."""
    rungs = len(conv_part(shape, None).arguments["widths"])
    return [WIDTHS[min(i, len(WIDTHS) - 1)] for i in range(rungs)]


def _phase(view: Part, **numbers: object) -> Phase:
    given = {
        "steps": 2000,
        "batch_size": 128,
        "optimizer": "muon",
        "learning_rate": 5e-3,
        "weight_decay": 0.05,
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
    bend: bool | None = None,
) -> Recipe:
    """Codes on which two views of a picture agree (SimCLR, Chen et al. 2020): for search and classes.

    Views are nearer, moved and lit otherwise, and those of handwriting turned and bent; the code of
    each is told from those of all other pictures by the cosine. Nothing is reconstructed: the decoder
    keeps the weights that it was drawn with. Compare such codes by the cosine:
    ``index --distance cosine``.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: channels of each rung; by default as many as halve the picture to about 4 pixels, wider
            than those of a model with a decoder.
        mirror: whether a mirrored picture is a picture too; not so for letters and digits.
        bend: whether one that is turned by up to 15° and bent is, too, as of what is written by hand;
            by default where mirrored ones are not.
    """
    view = _view(mirror, bend)
    agreement = Part("nt-xent", {"view": view, "temperature": TEMPERATURE})
    return Recipe(
        "views",
        conv_part(shape, widths or _wide(shape)),
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
    bend: bool | None = None,
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
        bend: whether one that is turned by up to 15° and bent is, too, as of what is written by hand;
            by default where mirrored ones are not.
        weight: of the agreement, in nats; the reconstruction is a picture's summed squared error.
    """
    view = _view(mirror, bend)
    agreement = Part("nt-xent", {"weight": weight, "view": view, "temperature": TEMPERATURE})
    return Recipe(
        "views-autoencoder",
        conv_part(shape, widths),
        Part("point", {"size": code_size}),
        Part("mse"),
        (_phase(view, penalties=(agreement,)),),
    )
