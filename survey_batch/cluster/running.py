"""A scheduler that is already running: Kubernetes, dask-gateway, Coiled, or the user's own."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distributed import Client, Security

from survey_batch.cluster.base import Connection, Size, prepare
from survey_batch.cluster.lost import scheduler_watched
from survey_batch.config.job import ClusterSection
from survey_batch.core.errors import ConfigurationError

log = logging.getLogger(__name__)

CONNECT_SECONDS = 20

COMPARED = ("python", "dask", "distributed", "msgpack", "cloudpickle", "numpy", "zarr")
"""Packages whose versions must agree between this process, the scheduler and the workers."""
PARTS = {"python": 2}
"""Number of leading version parts that must agree; all by default."""


@contextmanager
def running_cluster(section: ClusterSection) -> Iterator[Connection]:
    """Join a scheduler.

    Raises
    ------
    ConfigurationError
        The scheduler does not answer, has no workers, or uses other package versions.
    LostSchedulerError
        It disappeared meanwhile.
    """
    address = address_of(section.kind)
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False, security=_security(section, address))
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigurationError(f"no Dask scheduler answers at {address} (cluster.kind): {error}") from error
    with client, client.as_current():
        with scheduler_watched(client):  # it may die while we join
            _wait_for_a_worker(client, address)
            check_versions(client.get_versions(packages=["zarr"]), address)
            connection = joined(client)
        log.info("joined the scheduler at %s", address, extra={"event": "cluster"})
        yield connection


def joined(client: Client) -> Connection:
    """Return a connection to the cluster of an existing client.

    Raises
    ------
    ConfigurationError
        The scheduler or a worker cannot load this package.
    """
    try:
        prepare(client)
    except OSError:  # it is gone
        raise
    except Exception as error:  # whatever an import there may raise
        raise ConfigurationError(
            f"the cluster at {client.scheduler.address} cannot load survey_batch ({type(error).__name__}: {error}). "
            "Install the same environment there as here, for the scheduler and all workers, and start them again."
        ) from error
    return Connection(client, client.dashboard_link, lambda: Size(*client.run_on_scheduler(_size)))


def _size(dask_scheduler: Any) -> tuple[int, int, bool]:
    scheduler = dask_scheduler
    return len(scheduler.workers), scheduler.total_nthreads, bool(scheduler.resources.get("GPU"))


def address_of(kind: str) -> str:
    """Return the address of a scheduler, read from a scheduler file if one is named.

    Raises
    ------
    ConfigurationError
        The file does not exist or has no address.
    """
    if not kind.endswith(".json"):
        return kind
    try:
        return str(json.loads(Path(kind).read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(
            f"{kind} (cluster.kind) is not a scheduler file ({error}); to write one: "
            f"dask scheduler --scheduler-file {kind}"
        ) from error


def check_versions(versions: dict[str, Any], address: str) -> None:
    """Refuse a cluster with other versions of the packages that both sides must share.

    Raises
    ------
    ConfigurationError
        Names each process, package and version.
    """
    here = _versions(versions["client"])
    processes = {"the scheduler": versions["scheduler"], **versions.get("workers", {})}
    wrong = [
        f"{package} is {there} on {process}, here {here[package]}"
        for process, found in processes.items()
        for package, there in _versions(found).items()
        if here[package] and there and here[package] != there
    ]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise ConfigurationError(
            f"the cluster at {address} has other versions than this process: {'; '.join(wrong[:3])}{more}. Install the "
            "same environment on both sides."
        )


def _versions(found: dict[str, Any] | None) -> dict[str, str | None]:
    host, packages = (found or {}).get("host", {}), (found or {}).get("packages", {})
    named = {"python": str(host.get("python", "")) or None, **packages}
    return {
        name: ".".join(str(named[name]).split(".")[: PARTS.get(name)]) if named.get(name) else None for name in COMPARED
    }


def _security(section: ClusterSection, address: str) -> Security | None:
    if not section.tls_files:
        return None
    files = section.tls_files
    return Security(
        require_encryption=address.startswith("tls"),
        tls_ca_file=files.get("ca"),
        tls_client_cert=files.get("cert"),
        tls_client_key=files.get("key"),
    )


def _wait_for_a_worker(client: Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except TimeoutError as error:
        raise ConfigurationError(
            f"the scheduler at {address} (cluster.kind) has no workers, and none came within {CONNECT_SECONDS} s; "
            f"start some: dask worker {address} --nthreads 1"
        ) from error
