"""Published text towers, each by its real way of loading from a small random file with the same names in it.

The reference is each tower's own text side: open_clip's encode_text, transformers' CLIPModel, and for CONCH its
published computation written out.
"""

from __future__ import annotations

import importlib
import json
import math
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import open_clip
import pytest
import tokenizers
import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import save_file
from tokenizers import models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor

import training_core.runs.checkpoint as checkpoints
from tests.training_core.network.contracts import TextContract
from training_core.base.errors import ConfigError, WeightsError
from training_core.network.model import build_model
from training_core.network.text import TextBranch, build_text
from training_core.network.text.load import _create
from training_core.network.text.open_clip_tower import OpenClipText
from training_core.network.text.registry import TOWERS, open_clip_tower
from training_core.project import TissueClass
from training_core.settings.schema import TextConfig, resolve

pytestmark = pytest.mark.usefixtures("no_network")

DIM, WIDTH, OUT = 24, 32, 20
CLASSES = (
    TissueClass(0, "gland", "#aa0000"),
    TissueClass(1, "blood_vessel", "#00aa00"),
    TissueClass(2, "stroma", "#0000aa", prompt="loose stroma with many cells"),
)
WORDS = ("gland", "blood vessel", "loose stroma with many cells")
CONTEXT = ("an", "image", "of", "the", "tissue", "in", "a", "slide")  # one token each, in every vocabulary here

# CONCH's (github mahmoodlab/CONCH, open_clip_custom/model_configs and transformer.py), smaller
CONCH_LENGTH, CONCH_LAYERS, HEADS = 24, 2, 2
BERT = {
    "model_type": "bert",
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": HEADS,
    "intermediate_size": 64,
    "max_position_embeddings": 40,
    "pad_token_id": 0,
}
SMALL_CLIP = {"context_length": 77, "vocab_size": 49408, "width": WIDTH, "heads": HEADS, "layers": 2}
VISION = {"layers": 1, "width": WIDTH, "head_width": 16, "patch_size": 16, "image_size": 32}


@dataclass(frozen=True)
class Family:
    """How to ask for it, and its own program: encode_text: sentences to (n, OUT); vectors: words to (n, WIDTH)."""

    config: Mapping[str, Any]
    encode_text: Callable[[Sequence[str]], Tensor]
    vectors: Callable[[str], Tensor]


def scatter(module: torch.nn.Module, seed: int = 0) -> None:
    """Large random weights, for every part to show in the output."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.25 * torch.randn_like(parameter) + (parameter.mean() > 0.5))


def trained(model: Any, trainer: Any, normalizer: Any, splitter: Any, template: str) -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.train_from_iterator([" ".join(CONTEXT), *WORDS] * 50, trainer)
    marks = [word for word in template.split() if word != "$A"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[(mark, tokenizer.token_to_id(mark)) for mark in marks]
    )
    return tokenizer


def conch_tokenizer() -> tokenizers.Tokenizer:
    special = ["<pad>", "<start_of_text>", "<end_of_text>"]
    return trained(
        models.BPE(),
        trainers.BpeTrainer(vocab_size=600, special_tokens=special),
        normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]),
        pre_tokenizers.ByteLevel(add_prefix_space=True),
        "<start_of_text> $A <end_of_text>",
    )


def bert_tokenizer() -> tokenizers.Tokenizer:
    return trained(
        models.WordPiece(unk_token="[UNK]"),
        trainers.WordPieceTrainer(vocab_size=300, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"]),
        normalizers.BertNormalizer(),
        pre_tokenizers.BertPreTokenizer(),
        "[CLS] $A [SEP]",
    )


def siglip_tokenizer() -> tokenizers.Tokenizer:
    """No start mark, and padding with the end mark, whose id is not 0."""
    return trained(
        models.WordPiece(unk_token="<unk>"),
        trainers.WordPieceTrainer(vocab_size=300, special_tokens=["<unk>", "</s>"]),
        normalizers.BertNormalizer(),
        pre_tokenizers.BertPreTokenizer(),
        "$A </s>",
    )


def conch_weights(vocabulary: int) -> dict[str, Tensor]:
    """All names of CONCH's text side, and a few of its other parts."""
    torch.manual_seed(3)

    def noise(*shape: int) -> Tensor:
        return 0.25 * torch.randn(shape)

    weights = {
        "text.token_embedding.weight": noise(vocabulary, WIDTH),
        "text.positional_embedding": noise(CONCH_LENGTH, WIDTH),
        "text.cls_emb": noise(WIDTH),
        "text.text_projection": noise(WIDTH, OUT),
        "text.ln_final.weight": 1 + noise(WIDTH),
        "text.ln_final.bias": noise(WIDTH),
        "visual.trunk.pos_embed": noise(1, 5, WIDTH),
        "visual.attn_pool_contrast.query": noise(1, WIDTH),
        "text_decoder.text_projection": noise(WIDTH, vocabulary),
        "text_decoder.ln_final.weight": noise(WIDTH),
        "logit_scale": torch.tensor(1.0),
    }
    for tower, block in [("text.transformer", i) for i in range(CONCH_LAYERS)] + [("text_decoder", 0)]:
        prefix = f"{tower}.resblocks.{block}"
        for norm in ("ln_1", "ln_2"):
            weights |= {f"{prefix}.{norm}.weight": 1 + noise(WIDTH), f"{prefix}.{norm}.bias": noise(WIDTH)}
        weights |= {
            f"{prefix}.attn.in_proj_weight": noise(3 * WIDTH, WIDTH),
            f"{prefix}.attn.in_proj_bias": noise(3 * WIDTH),
            f"{prefix}.attn.out_proj.weight": noise(WIDTH, WIDTH),
            f"{prefix}.attn.out_proj.bias": noise(WIDTH),
            f"{prefix}.mlp.c_fc.weight": noise(4 * WIDTH, WIDTH),
            f"{prefix}.mlp.c_fc.bias": noise(4 * WIDTH),
            f"{prefix}.mlp.c_proj.weight": noise(WIDTH, 4 * WIDTH),
            f"{prefix}.mlp.c_proj.bias": noise(WIDTH),
        }
    return weights


def conch_encode_text(weights: Mapping[str, Tensor], ids: Tensor) -> Tensor:
    """What CONCH computes of ids (N, L): a class token at the end, whose mask is that of the padding moved by one."""
    w = {name.removeprefix("text."): tensor for name, tensor in weights.items()}
    n, length = ids.shape
    x = torch.cat([w["token_embedding.weight"][ids], w["cls_emb"].expand(n, 1, -1)], dim=1) + w["positional_embedding"]
    mask = torch.full((length + 1, length + 1), -torch.inf).triu(1).repeat(n, 1, 1)
    mask[:, -1, 1:][ids == 0] = -torch.inf
    for i in range(CONCH_LAYERS):
        p = f"transformer.resblocks.{i}"
        norm = F.layer_norm(x, (WIDTH,), w[f"{p}.ln_1.weight"], w[f"{p}.ln_1.bias"])
        qkv = F.linear(norm, w[f"{p}.attn.in_proj_weight"], w[f"{p}.attn.in_proj_bias"])
        q, k, v = qkv.view(n, length + 1, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        attention = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + mask[:, None]).softmax(-1)
        mixed = (attention @ v).transpose(1, 2).flatten(2)
        x = x + F.linear(mixed, w[f"{p}.attn.out_proj.weight"], w[f"{p}.attn.out_proj.bias"])
        norm = F.layer_norm(x, (WIDTH,), w[f"{p}.ln_2.weight"], w[f"{p}.ln_2.bias"])
        hidden = F.gelu(F.linear(norm, w[f"{p}.mlp.c_fc.weight"], w[f"{p}.mlp.c_fc.bias"]))
        x = x + F.linear(hidden, w[f"{p}.mlp.c_proj.weight"], w[f"{p}.mlp.c_proj.bias"])
    return F.layer_norm(x[:, -1], (WIDTH,), w["ln_final.weight"], w["ln_final.bias"]) @ w["text_projection"]


def conch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Family:
    """The weights are a local file, the tokenizer is that of an installed package."""
    tokenizer = conch_tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    target = folder / "packages" / "conch" / TOWERS["conch"].tokenizer.path  # type: ignore[union-attr]
    target.parent.mkdir(parents=True)
    tokenizer.save(str(target))
    (target.parent.parent / "__init__.py").write_text("raise RuntimeError('the package must not be run')")
    monkeypatch.syspath_prepend(folder / "packages")
    importlib.invalidate_caches()
    weights = conch_weights(tokenizer.get_vocab_size())
    torch.save(weights, folder / "pytorch_model.bin")
    shrink(
        monkeypatch,
        "conch",
        context_length=CONCH_LENGTH - 1,
        vocab_size=tokenizer.get_vocab_size(),
        width=WIDTH,
        heads=HEADS,
        layers=CONCH_LAYERS,
    )

    def encode_text(sentences: Sequence[str]) -> Tensor:
        ids = torch.zeros(len(sentences), CONCH_LENGTH - 1, dtype=torch.long)
        for row, sentence in zip(ids, sentences, strict=True):
            tokens = tokenizer.encode(sentence).ids
            row[: len(tokens)] = torch.tensor(tokens)
        return conch_encode_text(weights, ids)

    def vectors(words: str) -> Tensor:
        return weights["text.token_embedding.weight"][tokenizer.encode(words, add_special_tokens=False).ids]

    return Family({"encoder": "conch", "weights_path": str(folder / "pytorch_model.bin")}, encode_text, vectors)


def shrink(monkeypatch: pytest.MonkeyPatch, name: str, **text: Any) -> None:
    """The registry's entry with smaller sizes; whatever else it says stays."""
    tower = TOWERS[name]
    config = {**tower.config, "embed_dim": OUT, "text_cfg": {**tower.config["text_cfg"], **text}}
    transformer = {**tower.transformer, **BERT, "vocab_size": 300} if tower.transformer else {}
    monkeypatch.setitem(TOWERS, name, replace(tower, config=config, transformer=transformer))


def of_open_clip(name: str, parts: Mapping[str, Any], folder: Path, config: Mapping[str, Any]) -> tuple[Family, Any]:
    """A model that open_clip itself builds, and its file."""
    layout = {"embed_dim": OUT, "vision_cfg": VISION} | parts
    (folder / f"{name}.json").write_text(json.dumps(layout))
    open_clip.add_model_config(folder / f"{name}.json")
    model = open_clip.create_model(name, pretrained_hf=False).eval()
    scatter(model)
    tokenizer = open_clip.get_tokenizer(name)
    text = getattr(model, "text", model)

    def encode_text(sentences: Sequence[str]) -> Tensor:
        with torch.no_grad():
            return model.encode_text(tokenizer(list(sentences)))  # type: ignore[no-any-return]

    def vectors(words: str) -> Tensor:
        inner = getattr(tokenizer, "tokenizer", None)
        ids = inner(words, add_special_tokens=False).input_ids if inner is not None else tokenizer.encode(words)
        hf = hasattr(text.transformer, "get_input_embeddings")
        table = text.transformer.get_input_embeddings() if hf else text.token_embedding
        return table(torch.tensor(ids)).detach()  # type: ignore[no-any-return]

    torch.save({"state_dict": model.state_dict()}, folder / f"{name}.pt")
    return Family({"weights_path": str(folder / f"{name}.pt"), **config}, encode_text, vectors), model


def hf_folder(folder: Path, tokenizer: tokenizers.Tokenizer, pad: str, **config: Any) -> Path:
    """A transformers model folder, without weights."""
    marks = {"cls_token": "[CLS]", "sep_token": "[SEP]"} if pad == "[PAD]" else {"eos_token": pad}
    wrapped = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=pad, **marks)
    wrapped.save_pretrained(folder / "hf")
    if config:
        (folder / "hf" / "config.json").write_text(json.dumps(config | {"vocab_size": 300}))
    return folder / "hf"


def bert_parts(folder: Path, pooler: str, proj: str) -> dict[str, Any]:
    place = str(hf_folder(folder, bert_tokenizer(), "[PAD]", **BERT))
    text = {"hf_model_name": place, "hf_tokenizer_name": place, "hf_pooler_type": pooler, "hf_proj_type": proj}
    return {"text_cfg": text | {"context_length": 24}}


def biomedclip(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Family:
    parts = bert_parts(folder, "cls_last_hidden_state_pooler", "mlp")
    config = {"encoder": "biomedclip", "tokenizer_path": str(folder / "hf" / "tokenizer.json")}
    family, model = of_open_clip("toy-biomedclip", parts, folder, config)
    positions = {"text.transformer.embeddings.position_ids": torch.arange(40)[None]}  # the published file has it
    torch.save(model.state_dict() | positions, folder / "toy-biomedclip.pt")
    shrink(monkeypatch, "biomedclip", context_length=24)
    return family


def hf_tower(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Family:
    parts = bert_parts(folder, "mean_pooler", "linear")
    return of_open_clip("toy-bert", parts, folder, {"encoder": "open_clip", "model_name": "toy-bert"})[0]


def siglip(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Family:
    """SigLIP's: a tokenizer of transformers before a tower of open_clip, no mask, the last token's state."""
    place = hf_folder(folder, siglip_tokenizer(), "</s>")
    text = {
        "hf_tokenizer_name": str(place),
        "tokenizer_kwargs": {"clean": "canonicalize"},
        "context_length": 24,
        "vocab_size": 300,
        "width": WIDTH,
        "heads": HEADS,
        "layers": 2,
        "no_causal_mask": True,
        "proj_bias": True,
        "pool_type": "last",
    }
    parts = {"text_cfg": text, "custom_text": True}
    return of_open_clip("toy-siglip", parts, folder, {"encoder": "open_clip", "model_name": "toy-siglip"})[0]


def plip(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Family:
    """A file of transformers' CLIPModel, with its activation."""
    text = {"vocab_size": 49408, "hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_hidden_layers": 2}
    text |= {"num_attention_heads": HEADS, "eos_token_id": 49407}
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1}
    layout = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=OUT)
    assert layout.text_config.hidden_act == "quick_gelu"
    model = transformers.CLIPModel(layout).eval()
    scatter(model)
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    weights["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    save_file(weights, folder / "model.safetensors")
    shrink(monkeypatch, "plip", **SMALL_CLIP)
    tokenizer = open_clip.SimpleTokenizer()

    def encode_text(sentences: Sequence[str]) -> Tensor:
        with torch.no_grad():
            features = model.get_text_features(tokenizer(list(sentences)))
        return features if isinstance(features, Tensor) else features.pooler_output

    def vectors(words: str) -> Tensor:
        return weights["text_model.embeddings.token_embedding.weight"][tokenizer.encode(words)]

    return Family({"encoder": "plip", "weights_path": str(folder / "model.safetensors")}, encode_text, vectors)


def quiltnet(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Family:
    shrink(monkeypatch, name, **SMALL_CLIP)
    return of_open_clip(f"toy-{name}", {"text_cfg": SMALL_CLIP}, folder, {"encoder": name})[0]


MAKERS: dict[str, Callable[[Path, pytest.MonkeyPatch], Family]] = {
    "conch": conch,
    "biomedclip": biomedclip,
    "plip": plip,
    "quiltnet_b32": lambda folder, monkeypatch: quiltnet("quiltnet_b32", folder, monkeypatch),
    "quiltnet_b16": lambda folder, monkeypatch: quiltnet("quiltnet_b16", folder, monkeypatch),
    "a BERT of open_clip's": hf_tower,
    "SigLIP": siglip,
}


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("tried to open a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(params=MAKERS)
def family(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Family:
    return MAKERS[request.param](tmp_path, monkeypatch)


def branch_of(family: Family, context_tokens: int = 4, classes: Sequence[TissueClass] = CLASSES) -> OpenClipText:
    torch.manual_seed(1)
    config = TextConfig.model_validate({**family.config, "context_tokens": context_tokens})
    branch = build_text(config, classes, DIM)
    assert isinstance(branch, OpenClipText)
    return branch


class TestTowers(TextContract):
    @pytest.fixture
    def text(self, family: Family) -> TextBranch:
        return branch_of(family)


def test_every_published_tower_is_here() -> None:
    assert set(TOWERS) <= set(MAKERS)


def test_context_of_real_words_is_the_towers_own_sentence(family: Family) -> None:
    """The oracle, for 0 to 8 context vectors."""
    for n in (0, 1, 3, 8):
        words = " ".join(CONTEXT[:n])
        branch = branch_of(family, n)
        with torch.no_grad():
            assert branch.context.shape == (3, n, WIDTH)
            if n:
                branch.context.copy_(family.vectors(words).expand(3, -1, -1))
            expected = family.encode_text([f"{words} {own}".strip() for own in WORDS])
            torch.testing.assert_close(branch.tower_output(), expected, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(branch(), branch.projection(expected), atol=1e-5, rtol=1e-5)
        assert float(torch.pdist(expected).min()) > 1e-2, "the sentences are hard to tell apart"


def test_context_is_each_class_own_and_changes_its_vector(family: Family) -> None:
    branch = branch_of(family)
    with torch.no_grad():
        before = branch.tower_output()
        branch.context[0] += torch.randn(4, WIDTH)
        after = branch.tower_output()
    assert float((after[0] - before[0]).abs().max()) > 1e-3
    assert torch.equal(after[1:], before[1:])


def test_a_prompt_changes_its_class_and_a_name_stands_in(family: Family) -> None:
    named = branch_of(family, 2)
    spelled = branch_of(family, 2, (replace(CLASSES[0], prompt=" gland "), *CLASSES[1:]))
    described = branch_of(family, 2, (replace(CLASSES[0], prompt="a gland in the tissue"), *CLASSES[1:]))
    with torch.no_grad():
        for other in (spelled, described):
            other.load_state_dict(named.state_dict())
        assert torch.equal(spelled(), named())
        moved = (described.tower_output() - named.tower_output()).abs().amax(dim=1)
    assert float(moved[0]) > 1e-2
    assert float(moved[1:].max()) < 1e-5


def test_gradients_reach_context_and_projection_alone(family: Family) -> None:
    branch = branch_of(family)
    assert {name for name, _ in branch.named_parameters()} == {"context", "projection.weight", "projection.bias"}
    frozen = {key: value.clone() for key, value in branch._frozen.prompts.state_dict().items()}
    optimizer = torch.optim.SGD(branch.parameters(), lr=0.1)
    branch.train()().square().sum().backward()
    assert branch.context.grad is not None
    assert bool((branch.context.grad.abs().amax(dim=2) > 0).all()), "a context vector gets no gradient"
    assert branch.projection.weight.grad is not None
    assert bool(branch.projection.weight.grad.any())
    optimizer.step()
    assert all(parameter.grad is None for parameter in branch._frozen.prompts.parameters())
    assert all(torch.equal(value, frozen[key]) for key, value in branch._frozen.prompts.state_dict().items())
    first = branch()
    assert torch.equal(branch(), first), "training mode reaches the tower's dropout"


def test_a_checkpoint_comes_back_with_its_text(family: Family, tmp_path: Path) -> None:
    """The whole network through a checkpoint on disk; the tower is not in it, but read from its own file again."""
    settings = {"encoder": {"pretrained": False}, "text": dict(family.config), "alignment": {"embedding_dim": DIM}}
    model, again = (build_model(resolve(settings), CLASSES) for _ in range(2))
    assert isinstance(model.text, OpenClipText)
    with torch.no_grad():
        model.text.context.add_(torch.randn_like(model.text.context))
    checkpoints.save(tmp_path, checkpoints.saved_tensors(model), {}, {"step": 1}, is_best=True)
    saved = checkpoints.open_checkpoint(tmp_path).model
    names = {"text.context", "text.projection.weight", "text.projection.bias"}
    assert {name for name in saved if name.startswith("text.")} == names
    assert again.text is not None
    assert not torch.equal(again.text(), model.text())
    checkpoints.load_tensors(again, saved, tmp_path)
    assert torch.equal(again.text(), model.text())
    torch.testing.assert_close(again.double().text(), model.text().double(), atol=1e-5, rtol=1e-5)


def test_prompts_up_to_the_last_token(family: Family) -> None:
    config = TextConfig.model_validate({**family.config, "context_tokens": 0})
    tower = TOWERS.get(config.encoder) or open_clip_tower(config.model_name, None)
    room = tower.context_length - (1 if "siglip" in config.model_name else 2)
    longest = " ".join(["tissue"] * room)
    branch = branch_of(family, 0, (CLASSES[0], replace(CLASSES[1], prompt=longest)))
    with torch.no_grad():
        expected = family.encode_text(["gland", longest])
        torch.testing.assert_close(branch.tower_output(), expected, atol=1e-5, rtol=1e-5)
    with pytest.raises(ConfigError, match=rf"class gland has {room + 1} tokens.*at most {room}.*shorten"):
        branch_of(family, 0, (replace(CLASSES[0], prompt=f"{longest} image"),))


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("conch", {"token_embedding.weight": (32007, 768), "positional_embedding": (128, 768), "cls_emb": (768,)}),
        ("conch", {"text_projection": (768, 512), "transformer.resblocks.11.mlp.c_fc.weight": (3072, 768)}),
        ("biomedclip", {"transformer.embeddings.word_embeddings.weight": (30522, 768), "proj.0.weight": (640, 768)}),
        ("biomedclip", {"proj.2.weight": (512, 640), "transformer.encoder.layer.11.output.dense.weight": (768, 3072)}),
        ("plip", {"token_embedding.weight": (49408, 512), "positional_embedding": (77, 512)}),
        ("quiltnet_b32", {"text_projection": (512, 512), "transformer.resblocks.11.mlp.c_fc.weight": (2048, 512)}),
        ("quiltnet_b16", {"text_projection": (512, 512), "transformer.resblocks.11.mlp.c_fc.weight": (2048, 512)}),
    ],
)
def test_full_size_towers_have_the_published_shapes(name: str, shapes: dict[str, tuple[int, ...]]) -> None:
    with torch.device("meta"):
        tower = _create(TOWERS[name], offline=True)
    state = tower.state_dict()
    assert {key: tuple(state[key].shape) for key in shapes} == shapes
    assert not any(".12." in key for key in state)


class TestWhatIsMissing:
    def test_transformers(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        family = biomedclip(tmp_path, monkeypatch)
        monkeypatch.setitem(sys.modules, "transformers", None)
        with pytest.raises(WeightsError, match=r"BiomedCLIP needs the transformers.*pip install .*\[text\]"):
            branch_of(family)
        for name in ("ViT-B-16-SigLIP", "roberta-ViT-B-32"):
            config = {"encoder": "open_clip", "model_name": name, "weights_path": family.config["weights_path"]}
            with pytest.raises(WeightsError, match=rf"{name} needs the transformers"):
                branch_of(replace(family, config=config))

    def test_the_conch_package(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        family = conch(tmp_path, monkeypatch)
        (tmp_path / "packages" / "conch").rename(tmp_path / "elsewhere")
        importlib.invalidate_caches()
        needed = r"install git\+https://github\.com/mahmoodlab/CONCH\.git.*text\.tokenizer_path"
        with pytest.raises(WeightsError, match=rf"conch is not installed.*{needed}"):
            branch_of(family)
        (tmp_path / "packages" / "conch").mkdir()
        importlib.invalidate_caches()
        with pytest.raises(WeightsError, match=rf"another package of the same name.*{needed}"):
            branch_of(family)
        given = replace(family, config={**family.config, "tokenizer_path": str(tmp_path / "tokenizer.json")})
        assert branch_of(given)().shape == (3, DIM)

    def test_the_tokenizer_library(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        family = conch(tmp_path, monkeypatch)
        monkeypatch.setitem(sys.modules, "tokenizers", None)
        with pytest.raises(WeightsError, match=r"tokenizers package.*not installed.*pip install .*\[text\]"):
            branch_of(family)

    def test_a_tokenizer_that_is_none_or_another_models(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        family = conch(tmp_path, monkeypatch)

        def given(name: str) -> Family:
            return replace(family, config={**family.config, "tokenizer_path": str(tmp_path / name)})

        with pytest.raises(WeightsError, match=r"no file .*gone\.json.*check the path"):
            branch_of(given("gone.json"))
        (tmp_path / "other.json").write_text('{"a": 1}')
        with pytest.raises(WeightsError, match=r"other\.json is not a tokenizer JSON"):
            branch_of(given("other.json"))
        letters = tokenizers.Tokenizer(models.BPE({"Ġ": 0, "a": 1, "g": 2}, []))
        letters.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        letters.save(str(tmp_path / "letters.json"))
        with pytest.raises(WeightsError, match=r"not give one token for the word a\..*own tokenizer"):
            branch_of(given("letters.json"))
        shrink(monkeypatch, "conch", vocab_size=20)
        weights = torch.load(tmp_path / "pytorch_model.bin")
        weights["text.token_embedding.weight"] = weights["text.token_embedding.weight"][:20]
        torch.save(weights, tmp_path / "pytorch_model.bin")
        with pytest.raises(WeightsError, match=r"tokenizer .*tokenizer\.json gives token \d+, but CONCH has 20 tokens"):
            branch_of(given("tokenizer.json"))

    def test_what_open_clip_takes_from_other_repositories(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        family = hf_tower(tmp_path, monkeypatch)
        layout = json.loads((tmp_path / "toy-bert.json").read_text())

        def other(**text: str) -> Family:
            parts = layout | {"text_cfg": layout["text_cfg"] | text}
            (tmp_path / "toy-other.json").write_text(json.dumps(parts))
            open_clip.add_model_config(tmp_path / "toy-other.json")
            return replace(family, config={**family.config, "model_name": "toy-other", "offline": True})

        said = r"tokenizer of toy-other could not be loaded.*hf download nobody/nothing --include"
        with pytest.raises(WeightsError, match=said):
            branch_of(other(hf_tokenizer_name="nobody/nothing"))
        said = (
            r"nobody/nothing are not on this machine.*config\.json, the layout.*hf download nobody/nothing config\.json"
        )
        with pytest.raises(WeightsError, match=said):
            branch_of(other(hf_model_name="nobody/nothing"))

    def test_files_of_another_tower(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        family = plip(tmp_path, monkeypatch)
        shrink(monkeypatch, "quiltnet_b16", **{**SMALL_CLIP, "layers": 3})
        with pytest.raises(WeightsError, match=r"model\.safetensors lacks .* tensors.*QuiltNet-B-16"):
            branch_of(replace(family, config={**family.config, "encoder": "quiltnet_b16"}))
        shrink(monkeypatch, "quiltnet_b32", **{**SMALL_CLIP, "layers": 1})
        with pytest.raises(WeightsError, match=r"model\.safetensors has transformer\.resblocks\.1.* does not have"):
            branch_of(replace(family, config={**family.config, "encoder": "quiltnet_b32"}))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"encoder": "conch", "pretrained": "openai"}, r"text\.pretrained = openai and text\.encoder = conch"),
        (
            {"encoder": "plip", "tokenizer_path": "a.json"},
            r"no tokenizer path: open_clip includes the tokenizer of PLIP.*remove text\.tokenizer_path",
        ),
        ({"encoder": "open_clip", "pretrained": "laion"}, r"no weights for ViT-B-32.*laion2b_e16"),
    ],
)
def test_settings_that_do_not_go_together(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build_text(TextConfig.model_validate(settings), CLASSES, DIM)


def test_every_weights_that_open_clip_lists_has_a_place_on_the_hub() -> None:
    for name, tag in open_clip.list_pretrained():
        weights = open_clip_tower(name, tag).weights
        assert weights.repo is not None
        assert weights.repo.count("/") == 1
        assert weights.files[0].rpartition(".")[2] in ("safetensors", "bin", "pt", "pth")
    assert open_clip_tower("ViT-B-32", "openai").config["quick_gelu"]  # OpenAI's activation, whatever the name says
    assert not open_clip_tower("ViT-B-32", "laion2b_s34b_b79k").config["quick_gelu"]
