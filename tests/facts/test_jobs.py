"""Jobs: which scripts start a file, for how long, on how many nodes, and with a limit of power or not."""

from __future__ import annotations

import pytest

from greenlint.facts.glance import Glance
from greenlint.facts.jobs import Job, Jobs
from greenlint.facts.sources import DictSources, RunSettings


def jobs(**files: str) -> tuple[Job, ...]:
    texts = {name.replace("_", "."): text for name, text in files.items()}
    return Glance("train.py", "", DictSources(texts), RunSettings())[Jobs].all


@pytest.mark.parametrize(
    ("time", "hours"),
    [("72:00:00", 72), ("1-12", 36), ("2-00:30:00", 48.5), ("90", 1.5), ("90:00", 1.5), ("UNLIMITED", None)],
)
def test_requested_hours(time: str, hours: float | None) -> None:
    (job,) = jobs(job_sbatch=f"#!/bin/bash\n#SBATCH --time={time}\npython train.py\n")
    assert job.hours == hours


def test_a_slurm_script() -> None:
    (job,) = jobs(run_slurm="#SBATCH -N 4\n#SBATCH -t 24:00:00\nsrun python -m train\n")
    assert job == Job("run.slurm", 24, 4, recurring=False, limited=False)


def test_a_crontab() -> None:
    (job,) = jobs(jobs_crontab="0 3 * * * python /srv/train.py\n")
    assert (job.recurring, job.hours) == (True, None)


@pytest.mark.parametrize("limit", ["nvidia-smi -i 0 -pl 200", "#SBATCH --gpu-freq=medium", "export POWER_LIMIT=200"])
def test_limits(limit: str) -> None:
    (job,) = jobs(job_sh=f"#SBATCH --time=24:00:00\n{limit}\npython train.py\n")
    assert job.limited


@pytest.mark.parametrize(
    "text",
    [
        "#SBATCH --time=24:00:00\npython pretrain.py\n",
        "#SBATCH --time=24:00:00\npython train.pyc\n",
        "python train.py\n",
    ],
)
def test_other_scripts(text: str) -> None:
    assert jobs(job_sh=text) == ()
