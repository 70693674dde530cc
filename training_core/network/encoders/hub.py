"""Weight files of the Hugging Face hub: from its local cache if they are there, downloaded only if they are not.

The access token is read by huggingface_hub itself (HF_TOKEN or `hf auth login`); this program never sees or keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import timm
from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RemoteEntryNotFoundError, RepositoryNotFoundError

from training_core.base.errors import WeightsError
from training_core.network.weight_files import Need

_PAGE = "https://huggingface.co"


@dataclass(frozen=True)
class HubSource:
    """Where a model's weights are published.

    Attributes
    ----------
    model
        What to call it.
    repo
        The hub's OWNER/NAME, None where there is none.
    files
        The first that exists is taken.
    gated
        Only accounts that were granted access may download.
    """

    model: str
    repo: str | None
    files: tuple[str, ...] = ("model.safetensors", "pytorch_model.bin")
    gated: bool = False

    @property
    def page(self) -> str | None:
        """The page that describes the model and, where it is gated, grants access."""
        return None if self.repo is None else f"{_PAGE}/{self.repo}"

    @property
    def access(self) -> str:
        """Who may download, as a listing says it."""
        return f"gated: {self.page}" if self.gated else "open" if self.repo else "your own file"

    @property
    def file(self) -> str:
        """The weight file's name, also where it was copied by hand."""
        return " or ".join(self.files)

    @property
    def need(self) -> Need:
        """Which file to get, and how to get it by hand."""
        if self.page is None:
            return Need(f"a file with the weights of {self.model}", "set encoder.weights_path to the file")
        by_hand = f"download {self.file} from {self.page} and set encoder.weights_path to the file"
        access = f"request access at {self.page}, then sign in (`hf auth login` or HF_TOKEN), or "
        hint = access + by_hand if self.gated else by_hand
        return Need(f"{self.file}, the weights of {self.model}, from {self.page}", hint)

    def local(self) -> Path | None:
        """The weight file in the hub's local cache, if it is there."""
        for name in self.files if self.repo else ():
            cached = try_to_load_from_cache(self.repo or "", name)
            if isinstance(cached, str):
                return Path(cached)
        return None

    def fetch(self, *, offline: bool = False) -> Path:
        """The local path of the weight file, downloaded if it is not in the hub's local cache.

        offline (or HF_HUB_OFFLINE=1 in the environment): the network is never asked.

        Raises
        ------
        WeightsError
            There is no repository or no file, access is refused, or the hub cannot or may not be reached.
        """
        if self.repo is None:
            raise WeightsError(f"{self.model} is not on a model hub", self.need.file, self.need.hint)
        if local := self.local():
            return local
        if offline or constants.HF_HUB_OFFLINE:
            cached = f"models--{self.repo.replace('/', '--')}"
            raise WeightsError(
                f"the weights of {self.repo} are not on this machine, and offline mode is on",
                self.need.file,
                f"with internet access, {self.need.hint}; or copy the folder {cached} from the hub cache of "
                f"another computer into {constants.HF_HUB_CACHE}",
            )
        for name in self.files:
            try:
                return Path(hf_hub_download(self.repo, name))
            except RemoteEntryNotFoundError:
                continue
            # The hub's client raises errors of several libraries (its own, HTTP, Xet, the system), which change with
            # its version. Whichever it was, the way out is the same: fetch the file by hand.
            except Exception as error:
                raise WeightsError(_reason(self.repo, error), self.need.file, self.need.hint) from error
        raise WeightsError(f"{self.page} has no {self.file}", self.need.file, self.need.hint)


def timm_source(name: str) -> HubSource:
    """Where timm publishes the weights of its model `name`."""
    cfg = timm.get_pretrained_cfg(name)
    if cfg is None or cfg.hf_hub_id is None:
        return HubSource(f"timm's {name}", None)
    if cfg.hf_hub_filename:
        return HubSource(f"timm's {name}", cfg.hf_hub_id, (cfg.hf_hub_filename,))
    return HubSource(f"timm's {name}", cfg.hf_hub_id)


def _reason(repo: str, error: Exception) -> str:
    if isinstance(error, GatedRepoError):
        return f"{_PAGE}/{repo} refused access ({_status(error)}): it is open only to accounts with granted access"
    if isinstance(error, RepositoryNotFoundError):
        return f"{_PAGE}/{repo} does not exist or is open only to signed-in accounts ({_status(error)})"
    if isinstance(error, HfHubHTTPError):
        return f"{_PAGE}/{repo} answered with an error ({_status(error)})"
    return f"the weights of {repo} are not on this machine and could not be downloaded ({type(error).__name__})"


def _status(error: HfHubHTTPError) -> str:
    return f"HTTP {error.response.status_code}"
