"""Where an export comes from: the job, the versions and the classifier, for the metadata of every format."""

import json

import pyarrow as pa

from survey_batch.config.job import Job
from survey_batch.core.paths import join
from survey_batch.core.redaction import redacted_values
from survey_batch.core.versions import own_version, versions
from survey_batch.results.export.answers import CLASS
from survey_batch.results.export.results import classifier_of
from survey_batch.store.small_files import DamagedFileError, read_run_file

PREFIX = "survey_batch."
"""Of the keys below in the metadata of files."""


def provenance_of(job: Job, fields: pa.Schema) -> dict[str, str]:
    """Say where an export comes from.

    Returns
    -------
    dict of str to str
        `version` of this package; as JSON the `job`, without credentials; the `versions` of packages with
        which the last run worked; the `classifier` (its manifest in short, and the fingerprint of its files); and
        `classes`, the exact name of each class by its column. Entries that say nothing are left out.
    """
    try:
        used = read_run_file(join(job.output, "run.json"))["versions"]
    except (FileNotFoundError, KeyError, DamagedFileError):
        used = versions()
    named = {
        field.name: field.metadata[CLASS.encode()].decode()
        for field in fields
        if CLASS.encode() in (field.metadata or {})
    }
    found = {
        "version": own_version(),
        "job": json.dumps(redacted_values(job.model_dump(mode="json", exclude_defaults=True))),
        "versions": json.dumps(used),
        "classifier": classifier_of(job.output),
        "classes": json.dumps(named) if named else "",
    }
    return {key: text for key, text in found.items() if text}
