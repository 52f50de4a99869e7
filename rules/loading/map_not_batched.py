"""Data sets that are tokenized one row at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, MappedFunction, Outline, cst


class MapNotBatched(Rule):
    """`Dataset.map` calls a tokenizer once for each row, which a fast tokenizer does several times faster in batches.

    Without `batched=True` the tokenizer gets one text per call: its parallel Rust core works on one text at a time,
    and every row pays for Python calls and for writing single rows. With batches of rows the same tokenizer uses all
    cores.

    The finding stands at the call of `map`. It is reported for functions that do little besides tokenizing whole
    columns.

    Leave it for functions that treat each row in Python of its own, and for small data.

    To fix it, pass `batched=True`: the function then gets lists, which tokenizers take as they are.
    """

    severity = Severity.WARNING
    frameworks = ("datasets", "transformers")
    words = (("map",), ("*okeni*", "tok"))
    premises = (Premise.NOT_A_TEST,)
    references = (
        "https://huggingface.co/learn/llm-course/chapter5/3",
        "https://huggingface.co/docs/datasets/process#batch-processing",
    )
    evidence = (
        Evidence(
            Grade.TIMED,
            "a fast tokenizer took 10.8 s in batches and 59.2 s row by row; a slow one about 5 minutes either way",
            "https://huggingface.co/learn/llm-course/chapter5/3",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return "map" in outline.calls

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Mapped

        for each in facts[Mapped].all:
            if each.batched is not False or facts[Contexts].dead(each.call.node) or not _is_batchable(each):
                continue
            receiver = each.call.receiver
            if _is_slow(each) or (receiver is not None and facts[Mapped].is_small(receiver)):
                continue
            formats = _formats(each)
            yield self.finding(
                each.call.node,
                "each row is tokenized in a call of its own",
                help="pass batched=True, and build the texts in a list comprehension"
                if formats
                else "pass batched=True: the tokenizer takes the lists of a batch as they are",
                notes=("paid once where the result is cached",),
                related=((each.tokenizes[0].node, "the tokenizer", each.tokenizes[0].facts.document),),
                severity=Severity.INFO if formats or not _is_plain(each) else None,
            )

    examples = (
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            data = load_dataset("imdb")
            data = data.map(lambda row: tokenizer(row["text"], truncation=True))  # bad
            """
        ),
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("roberta-base")

            def encode(example):
                return tokenizer(example["premise"], example["hypothesis"], truncation=True, max_length=256)

            pairs = load_dataset("snli", split="train").map(encode, remove_columns=["premise"])  # bad
            """
        ),
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("gpt2")

            def encode(row):
                ids = tokenizer(row["text"])["input_ids"]
                ids.append(tokenizer.eos_token_id)
                return {"ids": ids, "length": len(ids)}

            texts = load_dataset("openwebtext")
            texts = texts.map(encode, num_proc=8)  # bad
            """
        ),
        Good(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            data = load_dataset("imdb").map(lambda rows: tokenizer(rows["text"], truncation=True), batched=True)
            """,
            why="batches",
        ),
        Good(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("llama")

            def encode(row):
                if row["input"]:
                    prompt = template(row["instruction"], row["input"])
                else:
                    prompt = row["instruction"]
                return tokenizer(prompt)

            data = load_dataset("alpaca").map(encode)
            """,
            why="each row is put together in Python",
        ),
        Good(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-chinese", use_fast=False)
            data = load_dataset("chinese").map(lambda row: tokenizer(row["text"]))
            """,
            why="a slow tokenizer gains nothing from batches",
        ),
        Good(
            """
            from datasets import load_dataset

            data = load_dataset("imdb").map(lambda row: {"length": len(row["text"])})
            """,
            why="no tokenizer",
        ),
        Good(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            few = load_dataset("imdb", split="train[:500]")
            few = few.map(lambda row: tokenizer(row["text"]))
            """,
            why="few rows",
        ),
        Good(
            """
            import tensorflow as tf
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            data = tf.data.Dataset.from_tensor_slices(texts).map(lambda text: tokenizer(text))
            """,
            why="another kind of data set",
        ),
        Good(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer

            def prepare(data, options):
                tokenizer = AutoTokenizer.from_pretrained("gpt2")
                return data.map(lambda row: tokenizer(row["text"]), **options)

            prepare(load_dataset("imdb"), read_options())
            """,
            why="the options may say so",
        ),
    )


_CHEAP = frozenset(("len", "append", "copy", "extend", "dict", "list", "update", "str", "strip"))


def _is_batchable(each: MappedFunction) -> bool:
    """Whether the function does little besides tokenizing columns."""
    from greenlint import Calls, Tree, cst

    function = each.function
    if function is None or not each.tokenizes or any(call.facts is not function.facts for call in each.tokenizes):
        return False
    if any(each.call.keyword(name) is not None for name in ("with_indices", "with_rank", "input_columns")):
        return False
    tree = function.facts[Tree]
    body = function.node.body
    refused = (cst.If, cst.IfExp, cst.For, cst.While, cst.Try, cst.ListComp, cst.GeneratorExp, cst.DictComp, cst.Await)
    if any(True for _ in tree.below(body, *refused)):
        return False
    nodes = {call.node for call in each.tokenizes}
    if not all(tree.contains(function.node, node) for node in nodes):
        return False
    if any(call.argument("return_tensors").constant is not None for call in each.tokenizes if _asks(call)):
        return False
    if any(call.method in _SINGLE for call in each.tokenizes):
        return False
    return all(call.node in nodes or call.method in _CHEAP for call in function.facts[Calls].within(body))


def _asks(call: Call) -> bool:
    return not call.argument("return_tensors").absent


_SINGLE = frozenset(("encode", "encode_plus"))
"""Methods that take a single text."""


def _is_plain(each: MappedFunction) -> bool:
    """Whether the function only calls the tokenizer on fields of the row."""
    from greenlint import Calls

    assert each.function is not None
    names = {call.method for call in each.function.facts[Calls].within(each.function.node.body)}
    return len(names - {"len", "append", "copy"}) == 1


def _formats(each: MappedFunction) -> bool:
    """Whether the text is put together from several fields."""
    from greenlint import Tree, cst

    assert each.function is not None
    tree = each.function.facts[Tree]
    return any(True for _ in tree.below(each.function.node.body, cst.FormattedString, cst.BinaryOperation))


def _is_slow(each: MappedFunction) -> bool:
    """Whether the tokenizer is certainly, or may well be, one in Python."""
    from greenlint import Values

    for call in each.tokenizes:
        made = call.facts[Values].of(call.node.func).call
        if made is None:
            continue
        if made.keyword("use_fast") is not None and made.argument("use_fast").constant is not True:
            return True
        owner = (made.name or "").rpartition(".")[0].rpartition(".")[2]
        if owner not in ("AutoTokenizer", "") and not owner.endswith("Fast"):
            return True
    return False
