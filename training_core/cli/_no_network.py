"""`--offline`: what would be downloaded is an error that says how to get it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from training_core.io.formats.web_files import OFFLINE_VARIABLE


@contextmanager
def no_network() -> Iterator[None]:
    """Nothing is fetched in the block, by this process or those it starts; afterwards all is as it was before."""
    from huggingface_hub import constants  # it looks at the environment once, when it is imported

    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", OFFLINE_VARIABLE)
    before, offline = {name: os.environ.get(name) for name in names}, constants.HF_HUB_OFFLINE
    os.environ.update(dict.fromkeys(names, "1"))
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = offline
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
