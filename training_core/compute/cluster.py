"""Work shared out by dask.distributed: pieces go to processes of this or other machines, one at a time to each.

A piece whose process dies goes to another one. Nothing but paths and plain values travels: results are written by the
processes themselves, so all of them must see the same folders under the same names.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from training_core.base.errors import ConfigError, DeviceError, MemoryLimitError, UserError

if TYPE_CHECKING:
    from distributed import Client, Future

Piece = TypeVar("Piece")
Result = TypeVar("Result")

HERE = "127.0.0.1"
_CONNECT_S = 15
_LAST_TRIES = 3
"""So many processes may die of one piece before it is given up."""


def share_out(
    client: Client,
    work: Callable[[Piece], Result],
    pieces: Iterable[Piece],
    then: Callable[[Piece, Result | UserError], Iterable[Piece]],
) -> None:
    """Have each piece done, and what follows from it; what comes of earlier pieces is done first.

    Parameters
    ----------
    client
        As `cluster` yields it.
    work
        A function of a module, or a partial of one with plain values.
    then
        Called here with each piece and its result as it is finished; returns the pieces that follow. The result is a
        `MemoryLimitError` where every process died of it.

    Raises
    ------
    Exception
        What the work raised, unless it returns its errors.
    """
    from distributed import KilledWorker, as_completed

    given: dict[Any, tuple[Piece, int]] = {}

    def submit(piece: Piece, place: int) -> Future:
        future = client.submit(work, piece, pure=False, retries=0, priority=-place)
        given[future] = piece, place
        return future

    futures = as_completed([submit(piece, place) for place, piece in enumerate(pieces)])
    for future in futures:
        (piece, place), error = given.pop(future), future.exception()
        if error is not None and not isinstance(error, KilledWorker):
            raise error
        result = future.result() if error is None else _given_up()
        for piece_after in then(piece, result):
            futures.add(submit(piece_after, place))


def _given_up() -> MemoryLimitError:
    return MemoryLimitError(
        f"the process that worked on it ended {_LAST_TRIES + 1} times",
        "processes that last, with memory enough for it",
        "start fewer of them on a machine, and look there for the reason",
    )


@contextmanager
def cluster(workers: int | None = None, scheduler: str | None = None) -> Iterator[Client]:
    """Start processes on this machine, reached from it alone, or join a scheduler that runs.

    Parameters
    ----------
    workers
        How many processes to start; they share the machine's cores.
    scheduler
        Address of a scheduler, such as tcp://10.0.0.1:8786; tls:// with the certificates that dask's own configuration
        names. Its workers must have this program in the same version.

    Raises
    ------
    ConfigError
        The package distributed is not installed, the number of processes is below 1, or certificates are missing.
    DeviceError
        No scheduler answers at that address.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise ConfigError(
            "the package distributed is not installed",
            "the package distributed, in the version of dask",
            "install it",
            terminal='pip install "napari-unisemalign[cluster]"',
        ) from None
    import dask

    if scheduler is not None:
        try:
            joined = Client(scheduler, timeout=_CONNECT_S)
        except (OSError, ValueError) as error:
            raise DeviceError(
                f"no scheduler answers at {scheduler} ({error})",
                "the address of a dask scheduler that runs, such as tcp://10.0.0.1:8786",
                "look at what the scheduler printed when it started, and whether a firewall is between",
            ) from None
        except TypeError:  # distributed's word for a missing certificate
            raise ConfigError(
                f"{scheduler}, and no certificates for it",
                "the certificates of the scheduler, in dask's configuration of this machine (distributed.comm.tls)",
                "set DASK_DISTRIBUTED__COMM__TLS__CA_FILE, and __CLIENT__CERT and __CLIENT__KEY in the same way",
            ) from None
        with joined:
            yield joined
        return
    if workers is None or workers < 1:
        raise ConfigError(f"{workers} processes", "at least one", "choose how many processes share the work")
    settings = {
        "distributed.nanny.pre-spawn-environ.OMP_NUM_THREADS": max(1, (os.cpu_count() or 1) // workers),
        "distributed.scheduler.allowed-failures": _LAST_TRIES,
    }
    with (
        tempfile.TemporaryDirectory(prefix="unisemalign-", ignore_cleanup_errors=True) as scratch,
        dask.config.set(settings),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host=HERE,
            dashboard_address=f"{HERE}:0",
            worker_dashboard_address=f"{HERE}:0",
            memory_limit=0,  # a slide needs what it needs; dask would end the process at its share
            local_directory=scratch,
            silence_logs=logging.CRITICAL,
        ) as local,
        Client(local) as client,
    ):
        yield client
