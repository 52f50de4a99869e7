"""Data sets that every process of a distributed run tokenizes for itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Facts, Findings, Outline, cst


class PreprocessingOnEveryRank(Rule):
    """Every process of a distributed run tokenizes the whole data set, though one could do it for all.

    A script that is started once per accelerator runs `Dataset.map` once per accelerator: eight processes tokenize the
    same texts at the same time, and fight for the same cores. Where the main process goes first, the others find its
    result in the cache and read it.

    The finding stands at the call of `map`. It is a warning where the file sets up the process group itself, an info
    where it is written for several processes but may be run by one.

    Leave it where each process maps only its own part of the data.

    To fix it, put the call under `with accelerator.main_process_first():` or `training_args.main_process_first()`, or
    let rank 0 pass a barrier last.
    """

    severity = Severity.WARNING
    frameworks = ("datasets",)
    words = (
        ("map",),
        ("*okeni*", "tok"),
        ("init_process_group", "Accelerator", "deepspeed", "LOCAL_RANK", "local_rank", "WORLD_SIZE", "world_size"),
    )
    premises = (Premise.NOT_A_TEST,)
    references = (
        "https://huggingface.co/docs/accelerate/concept_guides/deferring_execution",
        "https://huggingface.co/docs/datasets/process#multiprocessing",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "a map that runs on the main process first is computed once, and the others load it from the cache",
            "https://huggingface.co/docs/accelerate/concept_guides/deferring_execution",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return "map" in outline.calls

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Frameworks, Mapped, Tree

        code = facts[Frameworks].code
        if facts.document.is_notebook or _FIRST.search(code) or not _DISTRIBUTED.search(code):
            return
        found = [
            each
            for each in facts[Mapped].all
            if each.tokenizes and not facts[Contexts].dead(each.call.node) and not _by_rank(each.call.node, facts)
        ]
        found = [
            each for each in found if each.call.receiver is not None and not facts[Mapped].is_small(each.call.receiver)
        ]
        if not found:
            return
        first, *others = sorted(found, key=lambda each: facts[Tree].first(each.call.node))
        yield self.finding(
            first.call.node,
            "every process of a distributed run tokenizes the whole data set",
            help="put it under `with accelerator.main_process_first():`"
            if "Accelerator(" in code
            else "let the main process map first, so that the others read its result from the cache",
            notes=("nothing is lost where the program is started as one process",),
            related=[(each.call.node, "as well") for each in others[:5]],
            severity=None if _SETS_UP.search(code) else Severity.INFO,
        )

    examples = (
        Bad(
            """
            import torch.distributed as dist
            from datasets import load_dataset
            from transformers import AutoTokenizer

            dist.init_process_group("nccl")
            tokenizer = AutoTokenizer.from_pretrained("gpt2")
            data = load_dataset("openwebtext")
            data = data.map(lambda rows: tokenizer(rows["text"]), batched=True)  # bad
            """,
            not_as=("notebook", "cells"),
        ),
        Bad(
            """
            from accelerate import Accelerator
            from datasets import load_dataset
            from transformers import AutoTokenizer

            accelerator = Accelerator()
            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")

            def encode(rows):
                return tokenizer(rows["text"], truncation=True)

            data = load_dataset("imdb").map(encode, batched=True)  # bad
            """,
            not_as=("notebook", "cells"),
        ),
        Bad(
            """
            import os

            from datasets import load_dataset
            from transformers import LlamaTokenizer

            ddp = int(os.environ.get("WORLD_SIZE", 1)) != 1
            tokenizer = LlamaTokenizer.from_pretrained("llama")

            def prompt(row):
                text = row["instruction"] if not row["input"] else row["instruction"] + row["input"]
                return tokenizer(text, truncation=True)

            data = load_dataset("json", data_files="prompts.json")
            train = data["train"].shuffle().map(prompt)  # bad
            """,
            not_as=("notebook", "cells"),
        ),
        Good(
            """
            from accelerate import Accelerator
            from datasets import load_dataset
            from transformers import AutoTokenizer

            accelerator = Accelerator()
            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            with accelerator.main_process_first():
                data = load_dataset("imdb").map(lambda rows: tokenizer(rows["text"]), batched=True)
            """,
            why="the main process goes first",
        ),
        Good(
            """
            import torch.distributed as dist
            from datasets import load_dataset
            from transformers import AutoTokenizer

            dist.init_process_group("nccl")
            tokenizer = AutoTokenizer.from_pretrained("gpt2")
            if dist.get_rank() != 0:
                dist.barrier()
            data = load_dataset("openwebtext").map(lambda rows: tokenizer(rows["text"]), batched=True)
            if dist.get_rank() == 0:
                dist.barrier()
            """,
            why="the others wait at a barrier",
        ),
        Good(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("gpt2")
            data = load_dataset("openwebtext").map(lambda rows: tokenizer(rows["text"]), batched=True)
            """,
            why="one process, as far as can be seen",
        ),
        Good(
            """
            import torch.distributed as dist
            from datasets import load_dataset

            dist.init_process_group("nccl")
            data = load_dataset("openwebtext").map(lambda row: {"length": len(row["text"])})
            """,
            why="cheap",
        ),
        Good(
            """
            import torch.distributed as dist
            from datasets import load_dataset
            from transformers import AutoTokenizer

            dist.init_process_group("nccl")
            tokenizer = AutoTokenizer.from_pretrained("gpt2")
            part = load_dataset("openwebtext", split="train").shard(dist.get_world_size(), dist.get_rank())
            part = part.map(lambda rows: tokenizer(rows["text"]), batched=True)
            """,
            why="each process has its own part",
        ),
    )


_FIRST = re.compile(
    r"main_process_first|zero_first|rank_zero_first|\bbarrier\(|wait_for_everyone|split_dataset_by_node|\.shard\("
    r"|streaming\s*=\s*True|notebook_launcher|main_local_process|prepare_data\("
)
"""What lets one process go first, or gives each process its own part."""
_SETS_UP = re.compile(r"init_process_group\(|deepspeed\.initialize\(|init_distributed\(")
_DISTRIBUTED = re.compile(
    r"init_process_group\(|deepspeed\.initialize\(|init_distributed\(|\bAccelerator\(|[\"'](?:LOCAL_RANK|WORLD_SIZE)[\"']"
)
_RANK = re.compile(r"(?i)rank|is_main|is_master|is_local_main|world_size")


def _by_rank(node: cst.CSTNode, facts: Facts) -> bool:
    """Whether a condition on the process stands around a call."""
    from greenlint import Tree, cst

    return any(
        isinstance(above, cst.If) and _RANK.search(facts.document.source(above.test)) is not None
        for above in facts[Tree].ancestors(node)
    )
