"""Which share of a list of work is this process's, when torchrun started several."""

from __future__ import annotations

import os
from collections.abc import Mapping

from training_core.base.errors import ConfigError


def rank_and_size(environment: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """RANK and WORLD_SIZE as torchrun sets them; (0, 1) for a process by itself.

    Raises
    ------
    ConfigError
        Only one of the two is set, or they do not fit.
    """
    rank, size = environment.get("RANK"), environment.get("WORLD_SIZE")
    if rank is None and size is None:
        return 0, 1
    if rank is None or size is None or not (rank.isdecimal() and size.isdecimal() and int(rank) < int(size)):
        given = f"the environment has RANK = {rank} and WORLD_SIZE = {size}"
        raise ConfigError(given, "both, with 0 <= RANK < WORLD_SIZE", "start with torchrun, or unset both")
    return int(rank), int(size)
