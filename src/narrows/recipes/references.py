"""The papers that recipes follow, as BibTeX: a recipe's ``source`` begins with authors and year."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..training import Recipe

__all__ = ["REFERENCES", "bibtex", "cited"]

OURS = """@software{narrows,
  author = {{The authors of Narrows}},
  title = {Narrows: image autoencoders and everything they are good for},
}"""
VARIATIONAL = "Kingma & Welling 2014"  # of a recipe without a source whose code has a prior
BOTTLENECKS = ("gaussian", "hierarchical")

# authors and year → kind, authors, title, and what else there is
_ROWS: dict[str, tuple[str, str, str, str]] = {
    "Brock et al. 2017": ("inproceedings", "Brock, Andrew and Lim, Theodore and Ritchie, J. M. and Weston, Nick", "Neural Photo Editing with Introspective Adversarial Networks", "booktitle = {International Conference on Learning Representations}"),
    "Burda et al. 2016": ("inproceedings", "Burda, Yuri and Grosse, Roger and Salakhutdinov, Ruslan", "Importance Weighted Autoencoders", "booktitle = {International Conference on Learning Representations}"),
    "Burgess et al. 2018": ("misc", "Burgess, Christopher P. and Higgins, Irina and Pal, Arka and Matthey, Loic and Watters, Nick and Desjardins, Guillaume and Lerchner, Alexander", "Understanding Disentangling in β-VAE", "eprint = {1804.03599}, archiveprefix = {arXiv}"),
    "Canziani 2020": ("misc", "Canziani, Alfredo", "Introduction to Autoencoders", "note = {NYU Deep Learning, week 7}"),
    "Chen et al. 2018": ("inproceedings", "Chen, Ricky T. Q. and Li, Xuechen and Grosse, Roger and Duvenaud, David", "Isolating Sources of Disentanglement in Variational Autoencoders", "booktitle = {Advances in Neural Information Processing Systems}"),
    "Higgins et al. 2017": ("inproceedings", "Higgins, Irina and Matthey, Loic and Pal, Arka and Burgess, Christopher and Glorot, Xavier and Botvinick, Matthew and Mohamed, Shakir and Lerchner, Alexander", "beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework", "booktitle = {International Conference on Learning Representations}"),
    "Hinton & Salakhutdinov 2006": ("article", "Hinton, G. E. and Salakhutdinov, R. R.", "Reducing the Dimensionality of Data with Neural Networks", "journal = {Science}, volume = {313}, number = {5786}, pages = {504--507}"),
    "Karras et al. 2019": ("inproceedings", "Karras, Tero and Laine, Samuli and Aila, Timo", "A Style-Based Generator Architecture for Generative Adversarial Networks", "booktitle = {Conference on Computer Vision and Pattern Recognition}"),
    "Kim & Mnih 2018": ("inproceedings", "Kim, Hyunjik and Mnih, Andriy", "Disentangling by Factorising", "booktitle = {International Conference on Machine Learning}"),
    "Kingma & Welling 2014": ("inproceedings", "Kingma, Diederik P. and Welling, Max", "Auto-Encoding Variational Bayes", "booktitle = {International Conference on Learning Representations}"),
    "Kovenko & Bogach 2020": ("inproceedings", "Kovenko, Volodymyr and Bogach, Ilona", "A Comprehensive Study of Autoencoders' Applications Related to Images", "booktitle = {Information Technology and Interactions (IT&I-2020)}, series = {CEUR-WS}"),
    "Larsen et al. 2016": ("inproceedings", "Larsen, Anders Boesen Lindbo and Sønderby, Søren Kaae and Larochelle, Hugo and Winther, Ole", "Autoencoding beyond Pixels Using a Learned Similarity Metric", "booktitle = {International Conference on Machine Learning}"),
    "Lin et al. 2020": ("article", "Lin, Eugene and Mukherjee, Sudipto and Kannan, Sreeram", "A Deep Adversarial Variational Autoencoder Model for Dimensionality Reduction in Single-Cell RNA Sequencing Analysis", "journal = {BMC Bioinformatics}, volume = {21}"),
    "Lingrand 2021": ("misc", "Lingrand, Diane", "Autoencoder", "note = {Course, Master Data Science, Université Côte d'Azur}"),
    "Makhzani & Frey 2014": ("inproceedings", "Makhzani, Alireza and Frey, Brendan", "k-Sparse Autoencoders", "booktitle = {International Conference on Learning Representations}"),
    "Makhzani et al. 2016": ("misc", "Makhzani, Alireza and Shlens, Jonathon and Jaitly, Navdeep and Goodfellow, Ian and Frey, Brendan", "Adversarial Autoencoders", "eprint = {1511.05644}, archiveprefix = {arXiv}"),
    "Mentzer et al. 2024": ("inproceedings", "Mentzer, Fabian and Minnen, David and Agustsson, Eirikur and Tschannen, Michael", "Finite Scalar Quantization: VQ-VAE Made Simple", "booktitle = {International Conference on Learning Representations}"),
    "Ng 2011": ("misc", "Ng, Andrew", "Sparse Autoencoder", "note = {CS294A lecture notes, Stanford University}"),
    "Ray & Hannon 2022": ("misc", "Ray, William and Hannon, Daniel", "Recursively Trained Autoencoders", "note = {University of Massachusetts Amherst}"),
    "Rifai et al. 2011": ("inproceedings", "Rifai, Salah and Vincent, Pascal and Muller, Xavier and Glorot, Xavier and Bengio, Yoshua", "Contractive Auto-Encoders: Explicit Invariance During Feature Extraction", "booktitle = {International Conference on Machine Learning}"),
    "Rippel et al. 2014": ("inproceedings", "Rippel, Oren and Gelbart, Michael A. and Adams, Ryan P.", "Learning Ordered Representations with Nested Dropout", "booktitle = {International Conference on Machine Learning}"),
    "Rybkin et al. 2021": ("inproceedings", "Rybkin, Oleh and Daniilidis, Kostas and Levine, Sergey", "Simple and Effective VAE Training with Calibrated Decoders", "booktitle = {International Conference on Machine Learning}"),
    "Shao et al. 2020": ("misc", "Shao, Huajie and others", "ControlVAE: Tuning, Analytical Properties, and Performance Analysis", "eprint = {2011.01754}, archiveprefix = {arXiv}"),
    "Sønderby et al. 2016": ("inproceedings", "Sønderby, Casper Kaae and Raiko, Tapani and Maaløe, Lars and Sønderby, Søren Kaae and Winther, Ole", "Ladder Variational Autoencoders", "booktitle = {Advances in Neural Information Processing Systems}"),
    "Theivaprakasham 2021": ("misc", "Theivaprakasham, H.", "Applications of Variational Autoencoders", "note = {Report, M.Tech Data Science, Amrita Vishwa Vidyapeetham, Coimbatore}"),
    "Tolstikhin et al. 2018": ("inproceedings", "Tolstikhin, Ilya and Bousquet, Olivier and Gelly, Sylvain and Schölkopf, Bernhard", "Wasserstein Auto-Encoders", "booktitle = {International Conference on Learning Representations}"),
    "Tucker et al. 2019": ("inproceedings", "Tucker, George and Lawson, Dieterich and Gu, Shixiang and Maddison, Chris J.", "Doubly Reparameterized Gradient Estimators for Monte Carlo Objectives", "booktitle = {International Conference on Learning Representations}"),
    "Vincent et al. 2010": ("article", "Vincent, Pascal and Larochelle, Hugo and Lajoie, Isabelle and Bengio, Yoshua and Manzagol, Pierre-Antoine", "Stacked Denoising Autoencoders: Learning Useful Representations in a Deep Network with a Local Denoising Criterion", "journal = {Journal of Machine Learning Research}, volume = {11}, pages = {3371--3408}"),
    "Zhao et al. 2019": ("inproceedings", "Zhao, Shengjia and Song, Jiaming and Ermon, Stefano", "InfoVAE: Balancing Learning and Inference in Variational Autoencoders", "booktitle = {AAAI Conference on Artificial Intelligence}"),
    "van den Oord et al. 2017": ("inproceedings", "van den Oord, Aaron and Vinyals, Oriol and Kavukcuoglu, Koray", "Neural Discrete Representation Learning", "booktitle = {Advances in Neural Information Processing Systems}"),
}  # fmt: skip  # noqa: E501


def _entry(name: str) -> str:
    kind, authors, title, rest = _ROWS[name]
    *who, year = name.replace(" et al.", "").split()
    key = re.sub(r"\W", "", "".join(who)).lower() + year
    lines = [f"author = {{{authors}}}", f"title = {{{{{title}}}}}", f"year = {{{year}}}", rest]
    return f"@{kind}{{{key},\n  " + ",\n  ".join(lines) + ",\n}"


REFERENCES: dict[str, str] = {name: _entry(name) for name in _ROWS}
"""Authors and year, as ``Recipe.source`` begins → an entry."""


def cited(recipe: Recipe) -> str:
    """Authors, year and title of the paper that a recipe follows; empty where it follows none."""
    known = next((name for name in _ROWS if recipe.source.startswith(name)), None)
    return "" if known is None else f"{known}: {_ROWS[known][2]}"


def bibtex(recipes: Iterable[Recipe]) -> str:
    """The papers of recipes, each once, and Narrows; a source that no entry is of stands in a comment."""
    entries: dict[str, str] = {}
    for recipe in recipes:
        source = recipe.source or (VARIATIONAL if recipe.bottleneck.name in BOTTLENECKS else "")
        known = next((name for name in REFERENCES if source.startswith(name)), None)
        if known is not None:
            entries[known] = REFERENCES[known]
        elif source:
            entries[source] = f"% {recipe.name}: {source}"
    return "\n\n".join([*entries.values(), OURS]) + "\n"
