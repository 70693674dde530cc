"""Text branches: the learned matrix, and open_clip towers against open_clip's own encode_text."""

from __future__ import annotations

import copy
import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch

from tests.training_core.network.contracts import TextContract
from training_core.base.errors import ConfigError, WeightsError
from training_core.network.text import LearnedText, TextBranch, build_text
from training_core.network.text.open_clip_tower import OpenClipText
from training_core.settings.schema import TextConfig

DIM = 24
CONTEXT = "an H&E image"  # five tokens: an, h, &, e, image


@dataclass(frozen=True)
class Tissue:
    name: str
    prompt: str = ""


CLASSES = (Tissue("gland"), Tissue("blood_vessel"), Tissue("stroma", "loose stroma with many spindle cells"))
WORDS = ("gland", "blood vessel", "loose stroma with many spindle cells")

_VISION = {"layers": 1, "width": 32, "head_width": 16, "patch_size": 16, "image_size": 32}
_TEXT = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 3}
_COCA_TEXT = _TEXT | {"context_length": 76, "embed_cls": True, "output_tokens": True}
LAYOUTS: dict[str, dict[str, Any]] = {
    "toy-clip": {"text_cfg": _TEXT},
    "toy-clip-quickgelu": {"text_cfg": _TEXT, "quick_gelu": True},
    "toy-custom-text": {"text_cfg": _TEXT | {"proj_bias": True}, "custom_text": True},
    "toy-not-causal": {"text_cfg": _TEXT | {"no_causal_mask": True}, "custom_text": True},
    "toy-coca": {
        "vision_cfg": _VISION | {"attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True},
        "text_cfg": _COCA_TEXT,
        "multimodal_cfg": _COCA_TEXT | {"attn_pooler_heads": 2},
        "custom_text": True,
    },
}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One random checkpoint per layout, in the nesting that open_clip's training writes."""
    folder = tmp_path_factory.mktemp("open_clip")
    paths = {}
    for name, parts in LAYOUTS.items():
        (folder / f"{name}.json").write_text(json.dumps({"embed_dim": 20, "vision_cfg": _VISION} | parts))
        open_clip.add_model_config(folder / f"{name}.json")
        torch.manual_seed(0)
        model = open_clip.create_model(name)
        with torch.no_grad():
            for parameter in model.parameters():  # large enough for every part to show in the output
                parameter.add_(0.2 * torch.randn_like(parameter))
        paths[name] = folder / f"{name}.pt"
        torch.save({"epoch": 1, "state_dict": {f"module.{k}": v for k, v in model.state_dict().items()}}, paths[name])
    return paths


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("tried to open a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def config(name: str, path: Path | None, context_tokens: int = 4) -> TextConfig:
    return TextConfig(
        encoder="open_clip",
        model_name=name,
        weights_path=None if path is None else str(path),
        context_tokens=context_tokens,
    )


def branch_of(name: str, path: Path, context_tokens: int = 4) -> OpenClipText:
    torch.manual_seed(1)
    branch = build_text(config(name, path, context_tokens), CLASSES, DIM)
    assert isinstance(branch, OpenClipText)
    return branch


def reference(name: str, path: Path) -> Any:
    model = open_clip.create_model(name)
    open_clip.load_checkpoint(model, str(path))
    return model.eval()


def test_learned_text_is_a_matrix_of_the_released_scale() -> None:
    torch.manual_seed(0)
    branch = build_text(TextConfig(), CLASSES * 100, 256)
    assert isinstance(branch, LearnedText)
    vectors = branch().detach()
    assert vectors.shape == (300, 256)
    assert abs(float(vectors.std()) - 1 / 16) < 1e-3
    assert [name for name, _ in branch.named_parameters()] == ["vectors"]


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", LAYOUTS)
def test_tower_output_is_open_clips_own(checkpoints: dict[str, Path], name: str) -> None:
    """With the context vectors at the embeddings of real words, the prompt is an ordinary sentence."""
    model, tokenizer = reference(name, checkpoints[name]), open_clip.get_tokenizer(name)
    words = torch.tensor(tokenizer.encode(CONTEXT))
    branch = branch_of(name, checkpoints[name], context_tokens=len(words))
    table = model.text.token_embedding if hasattr(model, "text") else model.token_embedding
    with torch.no_grad():
        branch.context.copy_(table(words).expand(len(CLASSES), -1, -1))
        expected = model.encode_text(tokenizer([f"{CONTEXT} {own}" for own in WORDS]), normalize=False)
        output = branch.tower_output()
        assert len(words) == 5
        torch.testing.assert_close(output, expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(branch(), branch.projection(expected), atol=1e-5, rtol=1e-5)
        branch.context[0] += torch.randn(5, 32)  # random: the norm removes a constant
        changed = branch.tower_output()
    assert float((changed[0] - output[0]).abs().max()) > 1e-3, "the context has no effect"
    assert torch.equal(changed[1:], output[1:]), "a class's context reaches another class"


@pytest.mark.parametrize("name", LAYOUTS)
def test_without_context_the_prompt_is_the_class_alone(checkpoints: dict[str, Path], name: str) -> None:
    model, tokenizer = reference(name, checkpoints[name]), open_clip.get_tokenizer(name)
    with torch.no_grad():
        expected = model.encode_text(tokenizer(list(WORDS)), normalize=False)
        output = branch_of(name, checkpoints[name], context_tokens=0).tower_output()
    torch.testing.assert_close(output, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["toy-clip", "toy-coca"])
def test_a_prompt_that_fills_the_tower(checkpoints: dict[str, Path], name: str) -> None:
    model, tokenizer = reference(name, checkpoints[name]), open_clip.get_tokenizer(name)
    room = LAYOUTS[name]["text_cfg"]["context_length"] - 2
    longest = (Tissue("gland", "cell " * room), Tissue("stroma"))
    branch = build_text(config(name, checkpoints[name], 0), longest, DIM)
    assert isinstance(branch, OpenClipText)
    with torch.no_grad():
        expected = model.encode_text(tokenizer([longest[0].prompt, "stroma"]), normalize=False)
        torch.testing.assert_close(branch.tower_output(), expected, atol=1e-5, rtol=1e-5)
    too_long = (Tissue("stroma"), Tissue("gland", "cell " * (room + 1)))
    with pytest.raises(ConfigError, match=f"class gland has {room + 1} tokens.*at most {room}.*shorten"):
        build_text(config(name, checkpoints[name], 0), too_long, DIM)


@pytest.mark.parametrize(("saved", "built"), [("toy-clip", "toy-custom-text"), ("toy-custom-text", "toy-clip")])
def test_layouts_load_each_others_files(checkpoints: dict[str, Path], tmp_path: Path, saved: str, built: str) -> None:
    """The text side alone, in half precision, named as the other layout names it."""
    parts = LAYOUTS[built]["text_cfg"] | {"proj_bias": False}
    (tmp_path / "toy-crossed.json").write_text(
        json.dumps({"embed_dim": 20, "vision_cfg": _VISION, "text_cfg": parts, "custom_text": built != "toy-clip"})
    )
    open_clip.add_model_config(tmp_path / "toy-crossed.json")
    model = open_clip.create_model("toy-crossed", force_custom_text=saved != "toy-clip")
    names = ("text", "token", "positional", "transformer", "ln_final")
    text_side = {k: v.half() for k, v in model.state_dict().items() if k.startswith(names)}
    torch.save(text_side, tmp_path / "text.bin")
    branch = branch_of("toy-crossed", tmp_path / "text.bin", context_tokens=0)
    with torch.no_grad():
        expected = model.half().float().encode_text(open_clip.get_tokenizer("toy-crossed")(list(WORDS)))
        output = branch.tower_output()
    assert output.dtype == torch.float32
    torch.testing.assert_close(output, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", LAYOUTS)
def test_only_context_and_projection_are_trained_and_saved(checkpoints: dict[str, Path], name: str) -> None:
    branch = branch_of(name, checkpoints[name])
    trained = {"context", "projection.weight", "projection.bias"}
    assert set(branch.state_dict()) == {key for key, _ in branch.named_parameters()} == trained
    assert branch.context.shape == (3, 4, 32)
    frozen = {key: value.clone() for key, value in branch._frozen.prompts.state_dict().items()}
    branch.train()().square().sum().backward()
    assert branch.context.grad is not None
    assert bool((branch.context.grad.abs().amax(dim=(1, 2)) > 0).all()), "a class's context gets no gradient"
    torch.optim.SGD(branch.parameters(), lr=0.1).step()
    assert not any(parameter.requires_grad for parameter in branch._frozen.prompts.parameters())
    assert all(torch.equal(value, frozen[key]) for key, value in branch._frozen.prompts.state_dict().items())


def test_a_saved_branch_comes_back_with_its_tower(checkpoints: dict[str, Path]) -> None:
    branch = branch_of("toy-clip", checkpoints["toy-clip"])
    torch.manual_seed(2)
    again = build_text(config("toy-clip", checkpoints["toy-clip"]), CLASSES, DIM)
    assert not torch.equal(again(), branch())
    again.load_state_dict(branch.state_dict())
    assert torch.equal(again(), branch())


def test_a_copy_shares_the_tower_and_nothing_else(checkpoints: dict[str, Path]) -> None:
    branch = branch_of("toy-clip", checkpoints["toy-clip"])
    teacher = copy.deepcopy(branch)
    before = branch()
    with torch.no_grad():
        teacher.context.add_(1.0)
    assert teacher._frozen.prompts is branch._frozen.prompts
    assert not torch.equal(teacher(), before)
    assert torch.equal(branch(), before)


def test_the_tower_is_cut_to_its_prompts(checkpoints: dict[str, Path]) -> None:
    prompts = branch_of("toy-clip", checkpoints["toy-clip"])._frozen.prompts
    words = open_clip.get_tokenizer("toy-clip").encode(WORDS[2])
    assert prompts.embeddings.shape == (3, 1 + 4 + len(words) + 1, 32)  # BOS, context, the longest words, EOT
    assert sum(value.numel() for value in prompts.state_dict().values()) < 49408


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", ["ViT-B32", "hf-hub:some/model", "ViT-B-32/laion2b"])
def test_unknown_models(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"open_clip does not know.*text\.model_name = ViT-B-32"):
        build_text(config(name, tmp_path / "file.pt"), CLASSES, DIM)


@pytest.mark.usefixtures("no_network")
def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"neither text\.weights_path nor text\.pretrained.*model\.bin\).*openai"):
        build_text(config("ViT-B-32", None), CLASSES, DIM)
    with pytest.raises(WeightsError, match=r"there is no file .*gone\.pt.*set text\.weights_path"):
        build_text(config("ViT-B-32", tmp_path / "gone.pt"), CLASSES, DIM)


def test_a_file_of_another_model(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    torch.save({f"text.{k}": torch.zeros(1) for k in ("ln_final.weight", "ln_final.bias")}, tmp_path / "few.pt")
    with pytest.raises(WeightsError, match=r"few\.pt lacks .* tensors"):
        build_text(config("toy-clip", tmp_path / "few.pt"), CLASSES, DIM)
    with pytest.raises(WeightsError, match=r"toy-coca\.pt has cls_emb, which this model does not have"):
        build_text(config("toy-not-causal", checkpoints["toy-coca"]), CLASSES, DIM)
    with pytest.raises(WeightsError, match=r"toy-clip\.pt has text_projection, which this model"):
        build_text(config("toy-custom-text", checkpoints["toy-clip"]), CLASSES, DIM)
    with pytest.raises(WeightsError, match=r"toy-clip\.pt has token_embedding\.weight of shape|positional.* of shape"):
        build_text(config("ViT-B-32", checkpoints["toy-clip"]), CLASSES, DIM)


class TestLearned(TextContract):
    @pytest.fixture
    def text(self) -> TextBranch:
        return build_text(TextConfig(), CLASSES, self.dim)


class TestOpenClip(TextContract):
    @pytest.fixture(params=LAYOUTS)
    def text(self, request: pytest.FixtureRequest, checkpoints: dict[str, Path]) -> TextBranch:
        return branch_of(request.param, checkpoints[request.param])
