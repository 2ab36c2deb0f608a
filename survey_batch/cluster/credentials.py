"""Who may join a run's scheduler and read its dashboard: nobody but the run itself.

Any process that reaches a Dask scheduler can run code as its owner, and loopback is open to all users of a machine. So
the clusters that a run starts encrypt all traffic, and admit only those who show the certificate made for the run.
"""

from pathlib import Path
from typing import Any

import dask
from distributed import Security

from survey_batch.config.sections.cluster import ClusterSection

ORIGINS = "distributed.scheduler.dashboard.bokeh-application.allow_websocket_origin"
LINK = "distributed.dashboard.link"
PARTS = ("ca_file", "cert", "key")
"""Parts of a worker's credentials, as Dask names them."""
OPEN_TO_ALL = ["*"]
"""Dask's own value of `ORIGINS`: any web page that the user looks at may read the dashboard of this machine."""


def credentials() -> Security:
    """Make a key and a certificate for one run; they are in the memory of its processes alone, and end with them."""
    return Security.temporary()


def stored(security: Security, folder: Path) -> Security:
    """Write a worker's certificate and key into files that only the user can read; return a reference to them.

    Workers that are started by a command need them. `run_folder` removes the folder at the end.

    Parameters
    ----------
    security : distributed.Security
        The result of `credentials`.
    folder : Path
        `KEYS` in a `run_folder`, which all workers must see.
    """
    ours, paths = security.get_tls_config_for_role("worker"), {part: str(folder / f"{part}.pem") for part in PARTS}
    for part, path in paths.items():
        Path(path).touch(mode=0o600)
        Path(path).write_text(ours[part], encoding="ascii")
    return Security(
        tls_ca_file=paths["ca_file"],
        tls_worker_cert=paths["cert"],
        tls_worker_key=paths["key"],
        require_encryption=True,
    )


def worker_arguments(keys: Security) -> list[str]:
    """Return the arguments of `dask worker` that name the files of `stored`."""
    files = keys.get_tls_config_for_role("worker")
    arguments = [(f"--tls-{part.replace('_', '-')}", str(files[part])) for part in PARTS]
    return [word for argument in arguments for word in argument]


def dashboard_settings(section: ClusterSection) -> dict[str, Any]:
    """Return Dask's settings of a run's dashboard: only its own pages may read it; a user's own setting counts more."""
    if section.dashboard_open_to_network or dask.config.get(ORIGINS) != OPEN_TO_ALL:
        return {}
    # With None Bokeh allows localhost, so this is the address to look at.
    link = dask.config.get(LINK).replace("{host}", "localhost")
    return {ORIGINS: None, LINK: link}
