"""Environment variables for hunting errors on GPUs, left on in a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Facts, Findings, Fix, Variable, cst


class LaunchBlockingLeftOn(Rule):
    """A training program sets `CUDA_LAUNCH_BLOCKING=1` or another variable that makes it wait for each GPU operation.

    Kernels are normally launched without waiting, so that the CPU prepares the next ones while the GPU works. With
    this variable each launch waits for its kernel to end. The GPU then idles between all kernels at high power, most of
    all where kernels are small. The variable is meant for finding the line that causes an asynchronous error.

    The finding stands at the line that sets the variable, also as `%env` in a notebook.
    `TORCH_DISTRIBUTED_DEBUG=DETAIL` and `NCCL_BLOCKING_WAIT=1`, which do the same for communication, are an info. A
    setting under a condition, and code that trains nothing or only a toy, are not reported.

    Leave it while you hunt an error such as a device-side assert.

    To fix it, delete the line; set the variable in the shell for the one run that needs it.
    """

    severity = Severity.WARNING
    frameworks = ("torch", "tensorflow")
    words = (
        (
            "CUDA_LAUNCH_BLOCKING",
            "HIP_LAUNCH_BLOCKING",
            "NCCL_BLOCKING_WAIT",
            "TORCH_NCCL_BLOCKING_WAIT",
            "TORCH_DISTRIBUTED_DEBUG",
        ),
    )
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.MAYBE_ON_ACCELERATOR,
        Premise.REAL_DATA,
    )
    references = (
        "https://docs.nvidia.com/cuda/cuda-c-programming-guide/index.html#asynchronous-concurrent-execution",
        "https://docs.pytorch.org/docs/stable/notes/cuda.html#asynchronous-execution",
        "https://docs.pytorch.org/docs/stable/distributed.html#debugging-torch-distributed-applications",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "the CUDA guide offers the variable to disable asynchronous kernel launches for debugging only, never to "
            "make production software run reliably",
            "https://docs.nvidia.com/cuda/cuda-c-programming-guide/index.html#asynchronous-concurrent-execution",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "PyTorch warns that TORCH_DISTRIBUTED_DEBUG may impact the performance and should only be used when "
            "debugging issues",
            "https://docs.pytorch.org/docs/stable/distributed.html#debugging-torch-distributed-applications",
        ),
    )

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Runs

        for variable in _left_on(facts):
            training = facts[Runs].training(variable.node)
            if training is None:
                continue
            what, severity = _KINDS[variable.name]
            yield self.finding(
                variable.node,
                f"{variable.name}={variable.value} {what} all through the training",
                help="delete this line; set the variable in the shell while hunting an error",
                severity=severity,
                related=(training,),
                fix=self._fix(variable, facts),
            )

    def _fix(self, variable: Variable, facts: Facts) -> Fix | None:
        from greenlint import Tree, delete_statement

        if not _is_all(variable, facts) or facts.document.text.count(variable.name) != 1:
            # Another line may read the variable.
            return None
        edits = delete_statement(facts.document, facts[Tree].statement(variable.node))
        if edits is None:
            return None
        title = f"leave {variable.name} to the shell"
        if _KINDS[variable.name][0] == _LAUNCHES:
            return self.safe_fix(title, *edits)
        return self.unsafe_fix(title, *edits, reason="a collective operation that hangs is reported otherwise")

    examples = (
        Bad(
            """
            import os

            os.environ["CUDA_LAUNCH_BLOCKING"] = "1"  # bad
            import torch

            model = Net().cuda()
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch

            model = Net().cuda()
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import os

            import torch

            def train(model, loader, optimizer):
                for x, y in loader:
                    loss = criterion(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()

            def main():
                os.environ.setdefault("CUDA_LAUNCH_BLOCKING", str(1))  # bad
                train(build(), loader, optimizer)

            if __name__ == "__main__":
                main()
            """,
            fixed="""
            import torch

            def train(model, loader, optimizer):
                for x, y in loader:
                    loss = criterion(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()

            def main():
                train(build(), loader, optimizer)

            if __name__ == "__main__":
                main()
            """,
        ),
        Bad(
            """
            import os

            import tensorflow as tf

            os.environ.update({"CUDA_LAUNCH_BLOCKING": "1"})  # bad
            model = tf.keras.applications.ResNet50(weights=None)
            model.compile("adam", "categorical_crossentropy")
            model.fit(images, epochs=20)
            """,
            fixed="""
            import tensorflow as tf

            model = tf.keras.applications.ResNet50(weights=None)
            model.compile("adam", "categorical_crossentropy")
            model.fit(images, epochs=20)
            """,
        ),
        Bad(
            """
            import os

            import torch
            import torch.distributed as dist

            os.environ["TORCH_DISTRIBUTED_DEBUG"] = "DETAIL"  # bad
            dist.init_process_group("nccl")
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            import torch.distributed as dist

            dist.init_process_group("nccl")
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import os

            import torch

            BLOCK = "1"
            os.putenv("CUDA_LAUNCH_BLOCKING", BLOCK)  # bad
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch

            BLOCK = "1"
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import os

            import torch

            os.environ.update({"CUDA_LAUNCH_BLOCKING": "1", "OMP_NUM_THREADS": "4"})  # bad
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """
        ),
        Good(
            """
            import os

            if os.environ.get("DEBUG"):
                os.environ["CUDA_LAUNCH_BLOCKING"] = "1"
            import torch

            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="only when asked for",
        ),
        Good(
            """
            import os

            os.environ["CUDA_LAUNCH_BLOCKING"] = "0"
            import torch

            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="switched off",
        ),
        Good(
            """
            import os

            import torch

            os.environ["CUDA_LAUNCH_BLOCKING"] = "1"
            print(torch.load("model.pt", map_location="cuda"))
            """,
            why="nothing is trained",
        ),
        Good(
            """
            import os

            import torch

            def hunt():
                os.environ["CUDA_LAUNCH_BLOCKING"] = "1"

            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="nothing calls the function",
        ),
        Good(
            """
            import os

            import torch

            os.environ["CUDA_LAUNCH_BLOCKING"] = "1"
            for x, y in loader:
                criterion(model(x.to("cpu")), y.to("cpu")).backward()
                optimizer.step()
            """,
            why="runs on a CPU, where nothing is launched",
        ),
        Good(
            """
            import os

            import torch
            from torchvision import datasets

            os.environ["CUDA_LAUNCH_BLOCKING"] = "1"
            for x, y in torch.utils.data.DataLoader(datasets.MNIST("data")):
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="a toy data set",
        ),
        Good(
            """
            import os

            import torch

            os.environ["TORCH_DISTRIBUTED_DEBUG"] = "INFO"
            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="this level only logs when the process group is made",
        ),
        Good(
            """
            import os

            import torch

            os.environ["CUDA_LAUNCH_BLOCKING"] = "1"
            compare(outputs, references)
            os.environ["CUDA_LAUNCH_BLOCKING"] = "0"
            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="taken back before the training",
        ),
    )


_LAUNCHES = "makes the CPU wait for each kernel"
_KINDS = {
    "CUDA_LAUNCH_BLOCKING": (_LAUNCHES, Severity.WARNING),
    "HIP_LAUNCH_BLOCKING": (_LAUNCHES, Severity.WARNING),
    "NCCL_BLOCKING_WAIT": ("makes the CPU wait for each collective operation", Severity.INFO),
    "TORCH_NCCL_BLOCKING_WAIT": ("makes the CPU wait for each collective operation", Severity.INFO),
    "TORCH_DISTRIBUTED_DEBUG": ("checks and logs each collective operation", Severity.INFO),
}


def _left_on(facts: Facts) -> Iterator[Variable]:
    """The settings that switch a variable on and are not taken back; of several, the first."""
    from greenlint import Variables

    variables = facts[Variables]
    for name in _KINDS:
        on = "DETAIL" if name == "TORCH_DISTRIBUTED_DEBUG" else "1"
        if variables.value(name) == on:
            yield variables.named(name)[0]


def _is_all(variable: Variable, facts: Facts) -> bool:
    """Whether a statement does nothing but set the one variable."""
    from greenlint import Calls, Tree, cst

    node = variable.node
    if not facts[Tree].stands_alone(node):
        return False
    if not isinstance(node, cst.Call):
        return True
    call = facts[Calls].of(node)
    if call.method == "update":
        given = call.positional
        return len(node.args) == len(given) == 1 and isinstance(given[0], cst.Dict) and len(given[0].elements) == 1
    return call.method in ("putenv", "setdefault")
