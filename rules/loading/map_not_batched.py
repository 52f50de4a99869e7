"""Data sets that are tokenized one row at a time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Fix, MappedFunction, Outline, cst


class MapNotBatched(Rule):
    """`Dataset.map` calls a tokenizer once for each row, which a fast tokenizer does several times faster in batches.

    Without `batched=True` the tokenizer gets one text per call: its parallel Rust core works on one text at a time,
    and every row pays for Python calls and for writing single rows. With batches of rows the same tokenizer uses all
    cores.

    The finding stands at the call of `map`. It is reported for functions that do little besides tokenizing whole
    columns.

    Leave it for functions that treat each row in Python of its own, and for small data.

    To fix it, pass `batched=True`: the function then gets lists, which tokenizers take as they are. It is done
    automatically where the function only tokenizes columns, without padding, and is safe where these are named like
    texts; a column of lists of texts would be read otherwise.
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
                fix=self._fix(each, facts),
            )

    def _fix(self, each: MappedFunction, facts: Facts) -> Fix | None:
        from greenlint import set_argument

        columns = _columns(each)
        if columns is None or len(each.call.positional) > 1 or "streaming" in facts.glance.code.text:
            return None
        made = set_argument(facts.document, each.call.node, "batched", "True")
        if made is None:
            return None
        title, (tokenizing,) = "tokenize whole batches", each.tokenizes
        if tokenizing.argument("is_split_into_words").constant is True or all(map(_TEXT.fullmatch, columns)):
            return self.safe_fix(title, *made)
        return self.unsafe_fix(title, *made, reason="a column of lists of texts is read otherwise")

    examples = (
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            data = load_dataset("imdb")
            data = data.map(lambda row: tokenizer(row["text"], truncation=True))  # bad
            """,
            fixed="""
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            data = load_dataset("imdb")
            data = data.map(lambda row: tokenizer(row["text"], truncation=True), batched=True)
            """,
        ),
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("roberta-base")

            def encode(example):
                return tokenizer(example["premise"], example["hypothesis"], truncation=True, max_length=256)

            pairs = load_dataset("snli", split="train").map(encode, remove_columns=["premise"])  # bad
            """,
            fixed="""
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("roberta-base")

            def encode(example):
                return tokenizer(example["premise"], example["hypothesis"], truncation=True, max_length=256)

            pairs = load_dataset("snli", split="train").map(encode, remove_columns=["premise"], batched=True)
            """,
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
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-cased")

            def encode(row):
                'The tokens of one row.'
                return tokenizer(row["words"], is_split_into_words=True, truncation=True, padding="max_length")

            data = load_dataset("conll")
            data = data.map(encode, batched=False, num_proc=4)  # bad
            """,
            fixed="""
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-cased")

            def encode(row):
                'The tokens of one row.'
                return tokenizer(row["words"], is_split_into_words=True, truncation=True, padding="max_length")

            data = load_dataset("conll")
            data = data.map(encode, batched=True, num_proc=4)
            """,
        ),
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("gpt2")
            books = load_dataset("books").map(lambda row: tokenizer(row["chapter"]), num_proc=4)  # bad
            """,
            fixed="""
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("gpt2")
            books = load_dataset("books").map(lambda row: tokenizer(row["chapter"]), num_proc=4, batched=True)
            """,
        ),
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            data = load_dataset("imdb")
            data = data.map(lambda row: tokenizer(row["text"], padding=True))  # bad
            """
        ),
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            data = load_dataset("imdb", streaming=True)
            data = data.map(lambda row: tokenizer(row["text"], truncation=True))  # bad
            """
        ),
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            data = load_dataset("imdb")
            data = data.map(lambda row: tokenizer(row["text"], text_target=row["summary"]))  # bad
            """
        ),
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("roberta-base")

            def encode(example, limit=256):
                return tokenizer(example["premise"], example["hypothesis"], truncation=True, max_length=limit)

            pairs = load_dataset("snli", split="train").map(encode, remove_columns=["premise"])  # bad
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


_TEXT = re.compile(
    r"(?:text|sentence|premise|hypothesis|question|review|tweet|comment|headline|title|summary|abstract)_?[12ab]?",
    re.IGNORECASE,
)
"""Columns that hold one text in each row."""
_BY_ROW = frozenset(
    """truncation max_length add_special_tokens is_split_into_words return_attention_mask return_token_type_ids
    return_special_tokens_mask return_offsets_mapping""".split()
)
"""What a tokenizer does with each text for itself."""


def _columns(each: MappedFunction) -> list[str] | None:
    """The columns that a function tokenizes, where it does nothing else, and each row for itself."""
    from greenlint import cst

    assert each.function is not None
    function = each.function.node
    if len(each.tokenizes) != 1 or not isinstance(function, (cst.FunctionDef, cst.Lambda)):
        return None
    (tokenizing,), params = each.tokenizes, function.params
    row = params.params[0].name.value if len(params.params) == 1 else None
    if row is None or _result(function) is not tokenizing.node or params.kwonly_params or params.star_kwarg:
        return None
    columns: list[str] = []
    for arg in tokenizing.node.args:
        name = arg.keyword.value if arg.keyword is not None else None
        if arg.star:
            return None
        if name is None or name in ("text", "text_pair"):
            column = _column(arg.value, row)
            if column is None:
                return None
            columns.append(column)
        elif name == "padding":
            if tokenizing.argument(name).constant not in (False, "max_length"):
                return None
        elif name not in _BY_ROW or _mentions(tokenizing, arg.value, row):
            return None
    return columns if 1 <= len(columns) <= 2 else None


def _result(function: cst.FunctionDef | cst.Lambda) -> cst.CSTNode | None:
    """What a function returns, where it does nothing before."""
    from greenlint import cst

    if isinstance(function, cst.Lambda):
        return function.body
    if function.decorators or function.asynchronous is not None or not isinstance(function.body, cst.IndentedBlock):
        return None
    lines = list(function.body.body)
    if function.get_docstring() is not None:
        lines = lines[1:]
    small = lines[0].body if len(lines) == 1 and isinstance(lines[0], cst.SimpleStatementLine) else ()
    return small[0].value if len(small) == 1 and isinstance(small[0], cst.Return) else None


def _column(node: cst.BaseExpression, row: str) -> str | None:
    """The column that ``row["..."]`` reads."""
    from greenlint import cst

    if not isinstance(node, cst.Subscript) or not isinstance(node.value, cst.Name) or node.value.value != row:
        return None
    index = node.slice[0].slice if len(node.slice) == 1 else None
    key = index.value if isinstance(index, cst.Index) else None
    name = key.evaluated_value if isinstance(key, cst.SimpleString) else None
    return name if isinstance(name, str) else None


def _mentions(call: Call, node: cst.BaseExpression, name: str) -> bool:
    from greenlint import Tree, cst

    return any(each.value == name for each in call.facts[Tree].below(node, cst.Name))


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
        owner = (made.name or "").removesuffix(".from_pretrained").rpartition(".")[2]
        if owner not in ("AutoTokenizer", "") and not owner.endswith("Fast"):
            return True
    return False
