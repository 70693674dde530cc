"""Text prompts for common tissue words, in the words that pathology language models were trained on.

A class's prompt goes to the text branch (docs/text.md). CONCH and its kind learned from captions of H&E images, so a
prompt names the image and the tissue. Torch-free: the window and the command line show what is suggested here.
"""

from __future__ import annotations

import re

PREFIX = "an H&E image of "

# What to call the tissue, and the names that mean it: in the singular, with spaces, in small letters.
_TISSUES: tuple[tuple[str, str], ...] = (
    ("background tissue", "background, bg, other, rest, other tissue"),
    ("connective tissue stroma", "stroma, connective tissue, stromal tissue, fibrous tissue"),
    ("tumor-associated stroma", "tumor stroma, tumor associated stroma, cancer associated stroma, desmoplasia"),
    ("tumor epithelium", "tumor, cancer, carcinoma, malignant, malignancy, neoplasm, tumor cell, tumor epithelium"),
    ("adenocarcinoma", "adenocarcinoma"),
    ("carcinoma in situ", "carcinoma in situ, dcis, in situ"),
    ("dysplastic epithelium", "dysplasia, dysplastic epithelium, adenoma"),
    ("benign glandular epithelium", "benign, benign gland, benign epithelium"),
    ("glandular epithelium", "gland, glandular epithelium, crypt"),
    ("epithelium", "epithelium, epithelial"),
    ("squamous epithelium", "squamous epithelium, squamous"),
    ("normal tissue", "normal, normal tissue, healthy, healthy tissue"),
    ("normal colon mucosa", "mucosa, normal mucosa, colon mucosa"),
    ("lymphocytes", "lymphocyte, immune, immune cell, til, lymphoid tissue, tumor infiltrating lymphocyte"),
    ("inflammatory cells", "inflammation, inflammatory, inflammatory cell, inflammatory infiltrate"),
    ("plasma cells", "plasma cell"),
    ("neutrophils", "neutrophil"),
    ("macrophages", "macrophage"),
    ("necrotic tissue", "necrosis, necrotic, necrotic tissue, necrotic debris"),
    ("cellular debris", "debris, cell debris, cellular debris"),
    ("adipose tissue", "fat, adipose, adipose tissue, adipocyte, fatty tissue"),
    ("smooth muscle", "muscle, smooth muscle, muscularis, muscularis propria"),
    ("extracellular mucin", "mucus, mucin, mucinous"),
    ("red blood cells", "blood, rbc, red blood cell, erythrocyte, hemorrhage, haemorrhage, bleeding"),
    ("a blood vessel", "vessel, blood vessel, vasculature, artery, vein, capillary"),
    ("a peripheral nerve", "nerve, nerve fiber, peripheral nerve"),
    ("collagen fibers", "collagen, fibrosis"),
    ("cell nuclei", "nucleus, nuclei"),
    ("mitotic figures", "mitosis, mitoses, mitotic figure"),
    ("a glomerulus", "glomerulus, glomeruli"),
    ("kidney tubules", "tubule, tubulus, tubuli"),
    ("a lumen without tissue", "lumen, lumina"),
    ("cartilage", "cartilage"),
    ("bone", "bone"),
    ("skin epidermis", "epidermis"),
    ("empty glass without tissue", "glass, empty, no tissue, blank"),
    ("a tissue fold or staining artifact", "artifact, artefact, fold, pen, pen mark"),
)
_WORDS = {name.strip(): words for words, names in _TISSUES for name in names.split(",")}
_NUMBERED = re.compile(r"class[ _-]?\d+", re.IGNORECASE)


def suggest_prompt(name: str) -> str | None:
    """The prompt for a class of this name, where the name is a common tissue word; in any case, British or American."""
    words = _tissue(name)
    return None if words is None else PREFIX + words


def default_prompt(name: str) -> str:
    """The prompt of a class for which nobody wrote one; empty where the name says nothing, as "class 1" does."""
    name = name.strip()
    if _NUMBERED.fullmatch(name):
        return ""
    return suggest_prompt(name) or PREFIX + name


def is_automatic(prompt: str, name: str) -> bool:
    """Whether nobody wrote this prompt: it is empty, made from this name, or from one such as "class 1"."""
    prompt = prompt.strip()
    numbered = prompt.startswith(PREFIX) and _NUMBERED.fullmatch(prompt.removeprefix(PREFIX)) is not None
    return prompt in ("", default_prompt(name), PREFIX + name.strip()) or numbered


def _tissue(name: str) -> str | None:
    plain = " ".join(re.sub(r"[^a-z]+", " ", name.casefold()).split())
    plain = plain.replace("tumour", "tumor").replace("fibre", "fiber")
    singular = plain[:-1] if plain.endswith("s") else plain
    return _WORDS.get(plain) or _WORDS.get(singular)
