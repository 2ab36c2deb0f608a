"""A whole run with credentials from the environment: they are found nowhere afterwards."""

from itertools import repeat

import pytest

import survey_batch as sb
from tests.lamost_files import make_archive
from tests.servers import Fault, http_server

PASSWORD, TOKEN = "mArKer-4711", "mArKer-4712"


@pytest.mark.parametrize(
    "setting",
    [
        f"archive.root=https://me:{PASSWORD}@host/x",
        f"archive.root=https://host/x?{PASSWORD}",
        f"catalog.path=https://{PASSWORD}@host/x.csv",
        f"catalog.path=https://host/x.csv?a={PASSWORD}",
        f"output=s3://key:{PASSWORD}@bucket/x",
        f'cluster.options={{storage_options={{secret="{PASSWORD}"}}}}',
        f"archive.no_such_key=https://me:{PASSWORD}@host/x",
        f"archive.root=https://me:{PASSWORD} {PASSWORD}@host/x",
        f"shards.objects=https://me:{PASSWORD}@host/x",
    ],
)
def test_credentials_in_a_job_are_refused_before_anything_is_written_and_not_shown(command, job, tmp_path, setting):
    code, out, err = command("run", job, "--set", setting)
    assert code == 2
    assert PASSWORD not in out + err
    assert not (tmp_path / "out").exists()


def test_credentials_in_a_job_file_are_refused_with_their_line_and_init_writes_none(command, job, tmp_path):
    job.write_text(job.read_text().replace("workers = 1", f'prologue = ["export MY_TOKEN={TOKEN}"], kind = "slurm"'))
    code, _, err = command("plan", job)
    assert (code, TOKEN in err) == (2, False)
    assert "line 8: cluster.prologue holds a value of 'MY_TOKEN'" in err
    root = f"https://me:{PASSWORD}@host/x"
    code, out, err = command("init", tmp_path / "new.toml", "--survey", "lamost", "--root", root)
    assert (code, PASSWORD in out + err, (tmp_path / "new.toml").exists()) == (2, False, False)


def test_credentials_in_a_job_of_a_notebook_are_refused_and_not_shown(tmp_path):
    tables = make_archive(tmp_path / "archive", 2)
    tables["archive"]["root"] = f"https://me:{PASSWORD}@host/x"
    with pytest.raises(ValueError, match="root holds a user name or password") as error:
        sb.Job.model_validate({"name": "a", "output": "out", "stages": ["spectra"], **tables})
    assert PASSWORD not in str(error.value) + repr(error.value)


@pytest.mark.slow
def test_credentials_of_the_environment_serve_a_run_and_are_found_nowhere(command, job, tmp_path, monkeypatch):
    make_archive(tmp_path / "archive", 8)
    names = sorted(path.name for path in (tmp_path / "archive").rglob("*.fits*"))
    # A server that repeats what it was told, and names an address with a login.
    told = Fault(status=403, body=b"", reason=f"see https://me:{PASSWORD}@host/?token={PASSWORD} or {TOKEN}")
    faults = {
        f"/{path.relative_to(tmp_path / 'archive')}": repeat(told) for path in (tmp_path / "archive").rglob(names[0])
    }
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login me password {PASSWORD}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("FSSPEC_S3_SECRET", TOKEN)
    with http_server(tmp_path / "archive", faults, login=f"me:{PASSWORD}") as server:
        job.write_text(job.read_text().replace(str(tmp_path / "archive"), server.url))
        said = [
            command("doctor", job),
            command("plan", job, "--json"),
            command("run", job, "--performance-report"),
            command("status", job),
            command("status", job, "--json"),
            command("report", job),
            command("export", job, "--to", tmp_path / "out" / "all.csv", "--with", "reason"),
        ]
        run = sb.open(str(tmp_path / "out"))
        texts = [repr(run), run._repr_html_(), run.problems.to_csv(), run.job._repr_html_(), run.catalog().to_csv()]
    assert [code for code, *_ in said] == [1, 0, 1, 0, 0, 0, 0]  # doctor meets the refused file
    assert run.status().counts == {"ok": 7, "unreachable": 1}
    assert "see https://***@host/?token=*** or ***" in run.problems["message"][0]
    texts += [*("".join(parts[1:]) for parts in said), str(run.spectra.attrs)]
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert {"run.json", "report.html", "all.csv"} <= {path.name for path in files}
    assert any(path.suffix == ".jsonl" for path in files)
    for secret in (PASSWORD, TOKEN):
        assert not [text for text in texts if secret in text]
        assert not [path for path in files if secret.encode() in path.read_bytes()]
