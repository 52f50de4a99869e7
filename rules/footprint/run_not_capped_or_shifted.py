"""Long or recurring training jobs without a limit of power."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Facts, Findings, Job, cst


class RunNotCappedOrShifted(Rule):
    """A training that a job script starts for many hours, or again and again, runs at full power whenever it starts.

    GPUs at their highest power limit spend the last watts for little speed: a lower limit costs some time and saves
    more energy. A job that can wait and resume can also run where and when the power mix is cleaner, which lowers
    emissions, not energy.

    The finding stands at the training: the loop over batches, or the call. A job is long by the time that its Slurm
    script asks for, and recurring by a crontab, an Airflow schedule or a scheduler in the code. Scripts and programs
    that set a limit of power or clocks, or use Zeus, are not reported.

    Leave it where the cluster caps power or picks the place and time of jobs, or where the deadline is tight. Too low a
    limit costs energy again, because the run takes too long. The rule is off by default; it is a policy for a project.

    To fix it, set a limit with `nvidia-smi -pl` (which needs the right to do so), ask for a lower clock (`--gpu-freq`
    of Slurm), or let the power optimiser of Zeus choose one; start jobs that can resume in hours of clean power.
    """

    severity = Severity.INFO
    default = False
    frameworks = ("torch", "tensorflow", "keras", "jax", "lightning", "pytorch_lightning", "transformers", "airflow")
    words = (("backward", "*fit*", "train", "apply_gradients", "apply_updates"),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.REAL_DATA,
        Premise.MAY_HAVE_ACCELERATOR,
    )
    references = (
        "https://arxiv.org/abs/2205.09646",
        "https://arxiv.org/abs/2208.06102",
        "https://arxiv.org/abs/2206.05229",
    )
    evidence = (
        Evidence(
            Grade.MEASURED,
            "a lower power limit saved about 15 % of the energy of training with a small increase of time",
            "arXiv 2205.09646",
        ),
        Evidence(
            Grade.MEASURED,
            "choosing batch size and power limit together saved 15.3 to 75.8 % of the energy of training",
            "arXiv 2208.06102",
        ),
    )

    class Options(RuleOptions):
        """When a job is long."""

        hours: int = 24
        """Node-hours that a job script asks for, from which on it is reported."""

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Imports, Runs

        trainings = facts[Runs].trainings
        if not trainings:
            return
        said = self._long_job(facts) or _recurring(facts)
        if said is None:
            return
        around = (facts.sources.read(path) or "" for path in facts[Imports].reachable())
        if any(_LIMITED.search(text) for text in (facts.document.text, *around)):
            return
        yield self.finding(
            facts[Runs].anchor(trainings[0]),
            f"this training {said} without a limit of power",
            help="lower the power limit of the GPUs or let Zeus choose one, and start it in hours of clean power if it "
            "can wait",
            notes=("a limit that is too low costs energy again",),
        )

    def _long_job(self, facts: Facts) -> str | None:
        """What a job script asks for, in words; ``None`` when it is short or has a limit."""
        from greenlint import Jobs

        jobs: tuple[Job, ...] = facts[Jobs].all
        if any(job.limited for job in jobs):
            return None
        for job in jobs:
            if job.recurring:
                return f"is started by {job.path} again and again"
            if job.hours is not None and job.hours * job.nodes >= self.options.hours:
                return f"may run for {job.hours * job.nodes:g} node-hours by {job.path}"
        return None

    examples = (
        Bad(
            """
            import torch

            model = Net().cuda()
            for epoch in range(100):
                for x, y in loader:  # bad
                    loss = criterion(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
            """,
            path="train.py",
            not_as=("notebook", "cells"),
            files={
                "jobs/train.sbatch": """
                #!/bin/bash
                #SBATCH --time=72:00:00
                srun python train.py
                """
            },
        ),
        Bad(
            """
            from transformers import Trainer, TrainingArguments

            trainer = Trainer(model=model, args=TrainingArguments("out"), train_dataset=data)
            trainer.train()  # bad
            """,
            path="finetune.py",
            not_as=("notebook", "cells"),
            files={"crontab": "0 2 * * * python /srv/models/finetune.py\n"},
        ),
        Bad(
            """
            from airflow import DAG
            from tensorflow import keras

            def retrain():
                model = keras.applications.ResNet50(weights=None)
                model.compile("adam", "categorical_crossentropy")
                model.fit(images, epochs=50)  # bad

            dag = DAG("retrain", schedule="@daily")
            """
        ),
        Bad(
            """
            import lightning as L

            L.Trainer(max_epochs=100, num_nodes=8).fit(module, data)  # bad
            """,
            path="main.py",
            not_as=("notebook", "cells"),
            files={
                "run.slurm": """
                #SBATCH --nodes=8
                #SBATCH --time=08:00:00
                srun python main.py
                """
            },
        ),
        Bad(
            """
            from pytorch_lightning import Trainer

            Trainer(gpus=1).fit(module, data)  # bad
            """,
            path="main.py",
            not_as=("notebook", "cells"),
            files={"run.sh": "#SBATCH -t 2-00\npython main.py\n"},
        ),
        Bad(
            """
            import jax
            import optax

            for batch in batches:  # bad
                updates, state = tx.update(gradient(params, batch), state)
                params = optax.apply_updates(params, updates)
            """,
            path="main.py",
            not_as=("notebook", "cells"),
            files={"run.sh": "#SBATCH -t 3-00\npython main.py\n"},
        ),
        Good(
            """
            import torch

            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            path="train.py",
            files={"train.sbatch": "#SBATCH --time=72:00:00\nnvidia-smi -pl 250\nsrun python train.py\n"},
            why="the script lowers the power limit",
        ),
        Good(
            """
            import torch

            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            path="train.py",
            files={"train.sbatch": "#SBATCH --time=02:00:00\nsrun python train.py\n"},
            why="a short job",
        ),
        Good(
            """
            import torch

            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="nothing shows for how long it runs",
        ),
        Good(
            """
            import torch
            from zeus.optimizer.power_limit import GlobalPowerLimitOptimizer

            optimizer = GlobalPowerLimitOptimizer(monitor)
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                sgd.step()
            """,
            path="train.py",
            files={"train.sbatch": "#SBATCH --time=72:00:00\nsrun python train.py\n"},
            why="Zeus chooses a limit",
        ),
        Good(
            """
            import torch

            print(torch.load("model.pt")(x))
            """,
            path="predict.py",
            files={"predict.sbatch": "#SBATCH --time=72:00:00\nsrun python predict.py\n"},
            why="nothing is trained",
        ),
        Good(
            """
            import torch

            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            path="train.py",
            files={"other.sbatch": "#SBATCH --time=72:00:00\nsrun python pretrain.py\n"},
            why="the job is for another program",
        ),
    )


_LIMITED = re.compile(
    r"\bzeus\b|PowerLimit|PowerManagementLimit|power_limit|power_cap|nvidia-smi[^\n]*(?:-pl|-lgc)|GpuLockedClocks"
)
_SCHEDULED = re.compile(
    r"""\bDAG\([^)]*\bschedule(?:_interval)?\s*=\s*(?!None)|@dag\([^)]*\bschedule(?:_interval)?\s*=\s*(?!None)
    |\bschedule\.every\(|\.add_job\([^)]*["'](?:cron|interval)["']|\bCronSchedule\(""",
    re.VERBOSE,
)


def _recurring(facts: Facts) -> str | None:
    """In words, when the code hands its work to a scheduler."""
    found = _SCHEDULED.search(facts.glance.code.text)
    return "is started by a schedule again and again" if found is not None else None
