"""Caches of data sets and downloads that are switched off."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Edit, Facts, Findings, Fix, MappedFunction, Outline, cst


class DatasetCacheDisabled(Rule):
    """A cache is switched off that would keep preprocessed data or downloaded files, so that each run makes them anew.

    `datasets` keeps the result of `map` under a fingerprint of the data and the function, and downloads under their
    version. With `load_from_cache_file=False`, `disable_caching()` or a forced download, every run tokenizes or
    transfers everything again, while the accelerator that it has reserved waits.

    The finding stands at the call that switches the cache off; further calls of the file are related.

    Leave it for functions with a random part that must differ from run to run, and while a function is debugged whose
    changes the fingerprint cannot see.

    To fix it, leave the argument out: a changed function gets another fingerprint. To start over once, call
    `cleanup_cache_files()`.
    """

    severity = Severity.WARNING
    frameworks = ("datasets", "transformers", "huggingface_hub", "diffusers", "sentence_transformers")
    words = (
        (
            *("load_from_cache_file", "disable_caching", "set_caching_enabled", "download_mode", "force_download"),
            "force_redownload",
        ),
    )
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK)
    references = ("https://huggingface.co/docs/datasets/about_cache", "https://huggingface.co/docs/datasets/cache")
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "with caching disabled, data sets are not reloaded from the cache and every transform is computed again",
            "https://huggingface.co/docs/datasets/cache",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return (
            bool(outline.calls & {"map", "filter", "disable_caching", "set_caching_enabled", "load_dataset"})
            or outline.times(_DOWNLOADS.search) > 0
        )

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Tree

        contexts = facts[Contexts]
        found = [
            (call, message, weak)
            for call, message, weak in _switched_off(facts)
            if not contexts.dead(call.node) and not contexts.hands_over(call.node) and not _is_debugging(call, facts)
        ]
        # What matters most comes first.
        found.sort(key=lambda each: (each[2], facts[Tree].first(each[0].node)))
        if not found:
            return
        (call, message, weak), *others = found
        yield self.finding(
            call.node,
            message,
            help="leave the argument out: a changed function gets another fingerprint"
            if call.method in ("map", "filter")
            else "leave it out: what has changed is made or fetched again by itself",
            notes=("a function with a random part that must differ between runs needs this",)
            if call.method == "map"
            else (),
            related=[(each.node, other) for each, other, _ in others[:5]],
            fix=self._fix(call, facts),
            severity=Severity.INFO if weak else None,
        )

    def _fix(self, call: Call, facts: Facts) -> Fix | None:
        """Leaves the argument or the call out, where nothing else can have a say."""
        from greenlint import cst, remove_argument

        if call.method in ("disable_caching", "set_caching_enabled"):
            made = _without_call(call, facts)
            return self.unsafe_fix("leave it out", *made, reason=_REUSED) if made is not None else None
        name, reason = _ARGUMENTS.get(call.method, ("force_download", _FETCHED))
        given = call.keyword(name)
        # Other expressions use an import, such as that of DownloadMode, which would be left without a use.
        if not isinstance(given, (cst.SimpleString, cst.Name)):
            return None
        made = remove_argument(facts.document, call.node, name)
        return self.unsafe_fix(f"leave {name} out", *made, reason=reason) if made is not None else None

    examples = (
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            data = load_dataset("imdb")
            data = data.map(  # bad
                lambda rows: tokenizer(rows["text"], truncation=True), batched=True, load_from_cache_file=False
            )
            """,
            fixed="""
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            data = load_dataset("imdb")
            data = data.map(
                lambda rows: tokenizer(rows["text"], truncation=True), batched=True
            )
            """,
        ),
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")

            def encode(rows):
                return tokenizer(rows["text"], truncation=True)

            data = load_dataset("imdb")
            data = data.map(  # bad
                encode,
                batched=True,
                load_from_cache_file=False,
                remove_columns=["text"],
            )
            """,
            fixed="""
            from datasets import load_dataset
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")

            def encode(rows):
                return tokenizer(rows["text"], truncation=True)

            data = load_dataset("imdb")
            data = data.map(
                encode,
                batched=True,
                remove_columns=["text"],
            )
            """,
        ),
        Bad(
            """
            import datasets

            datasets.disable_caching()  # bad
            data = datasets.load_dataset("wikitext", "wikitext-103-v1")
            """,
            fixed="""
            import datasets

            data = datasets.load_dataset("wikitext", "wikitext-103-v1")
            """,
        ),
        Bad(
            """
            from datasets import load_dataset

            data = load_dataset("xsum", download_mode="force_redownload")  # bad
            """,
            fixed="""
            from datasets import load_dataset

            data = load_dataset("xsum")
            """,
        ),
        Bad(
            """
            from datasets import DownloadMode, load_dataset

            data = load_dataset("cnn_dailymail", "3.0.0", download_mode=DownloadMode.FORCE_REDOWNLOAD)  # bad
            other = load_dataset("xsum", download_mode="force_redownload")
            """
        ),
        Bad(
            """
            from transformers import AutoModel

            model = AutoModel.from_pretrained("bert-large-uncased", force_download=True)  # bad
            """,
            fixed="""
            from transformers import AutoModel

            model = AutoModel.from_pretrained("bert-large-uncased")
            """,
        ),
        Bad(
            """
            from huggingface_hub import snapshot_download

            snapshot_download("org/weights", force_download=True)  # bad
            """,
            fixed="""
            from huggingface_hub import snapshot_download

            snapshot_download("org/weights")
            """,
        ),
        Bad(
            """
            from diffusers import DiffusionPipeline

            pipe = DiffusionPipeline.from_pretrained("org/diffusion", force_download=True)  # bad
            """,
            fixed="""
            from diffusers import DiffusionPipeline

            pipe = DiffusionPipeline.from_pretrained("org/diffusion")
            """,
        ),
        Bad(
            """
            import sentence_transformers
            from datasets import set_caching_enabled

            set_caching_enabled(False)  # bad
            """
        ),
        Good(
            """
            from datasets import load_dataset

            data = load_dataset("imdb").map(encode, batched=True)
            """,
            why="cached",
        ),
        Good(
            """
            from datasets import load_dataset

            data = load_dataset("imdb").map(encode, load_from_cache_file=not args.overwrite_cache)
            """,
            why="whoever runs it decides",
        ),
        Good(
            """
            import contextlib
            import datasets

            @contextlib.contextmanager
            def uncached():
                datasets.disable_caching()
                try:
                    yield
                finally:
                    datasets.enable_caching()
            """,
            why="for a few lines only",
        ),
        Good(
            """
            import datasets

            if args.debug:
                datasets.disable_caching()
            """,
            why="for debugging only",
        ),
        Good(
            """
            from datasets import load_dataset

            data = load_dataset("imdb", download_mode="reuse_dataset_if_exists")
            """,
            why="uses the cache",
        ),
        Good(
            """
            from transformers import AutoModel

            model = AutoModel.from_pretrained("bert-base-uncased", force_download=False)
            """,
            why="not forced",
        ),
        Good(
            """
            from datasets import load_dataset

            data = load_dataset("imdb")
            data.map(lambda row: check(row), load_from_cache_file=False, num_proc=4)
            kept = data.filter(lambda row: len(row["text"]) > 9, load_from_cache_file=False)
            """,
            why="called for its side effects, and a cheap filter",
        ),
        Good(
            """
            import random

            from datasets import load_dataset

            def noise(row):
                return tokenizer(row["text"][random.randrange(9):])

            data = load_dataset("imdb").map(noise, load_from_cache_file=False, num_proc=4)
            """,
            why="a random part that differs from run to run",
        ),
    )


_FETCHED = "what was downloaded before is used again"
_REUSED = "a result is reused as long as the function and the data stay"
_ARGUMENTS = {
    "map": ("load_from_cache_file", _REUSED),
    "filter": ("load_from_cache_file", _REUSED),
    "load_dataset": ("download_mode", _FETCHED),
    "load_dataset_builder": ("download_mode", _FETCHED),
}
"""What switches the cache off, and what leaving it out may change; `force_download` in all other calls."""
_DOWNLOADS = re.compile(r"from_pretrained|_download$")
_DEBUGS = re.compile(r"(?i)debug|test|fresh|clean|force|overwrite|refresh|no_cache|reload")


def _switched_off(facts: Facts) -> Iterator[tuple[Call, str, bool]]:
    """The calls that switch a cache off, with what that means, and whether little hangs on it."""
    from greenlint import Calls, Mapped, Tree, cst

    calls = facts[Calls]
    mapped = {each.call: each for each in facts[Mapped].all}
    for call in calls.methods("map", "filter"):
        off = call.receiver is not None and call.argument("load_from_cache_file").constant is False
        if not off or isinstance(facts[Tree].parent(call.node), cst.Expr):
            # What is thrown away was called for its side effects.
            continue
        found = mapped.get(call)
        tokenizes = found is not None and bool(found.tokenizes)
        if (tokenizes or call.keyword("num_proc") is not None) and not _varies(found):
            yield call, f"the result of this `{call.method}` is made anew in every run", not tokenizes
    for call in calls.named("datasets.disable_caching", "datasets.fingerprint.disable_caching"):
        yield call, "no data set made after this is cached, so that every run makes all of them anew", False
    for call in calls.named("datasets.set_caching_enabled"):
        if call.argument("boolean", 0).constant is False:
            yield call, "no data set made after this is cached, so that every run makes all of them anew", False
    for call in calls.named("datasets.load_dataset", "datasets.load_dataset_builder"):
        if _forces(call, facts):
            yield call, "the data set is downloaded and prepared anew in every run", False
    for call in calls.methods("from_pretrained", "hf_hub_download", "snapshot_download"):
        if call.name is not None and call.argument("force_download").constant is True:
            yield call, "the files are downloaded anew in every run", False


def _without_call(call: Call, facts: Facts) -> tuple[Edit, ...] | None:
    """Takes ``datasets.disable_caching()`` away, where the module is used for other things, too."""
    from greenlint import Tree, cst, delete_statement

    tree = facts[Tree]
    statement, func = tree.statement(call.node), call.node.func
    if not isinstance(statement, cst.Expr) or not isinstance(func, cst.Attribute):
        return None
    module = func.value
    if not isinstance(module, cst.Name):
        return None
    uses = [each for each in tree.of_type(cst.Attribute) if isinstance(each.value, cst.Name)]
    if not any(each is not func and each.value.value == module.value for each in uses):  # type: ignore[attr-defined]
        return None
    return delete_statement(facts.document, statement)


def _forces(call: Call, facts: Facts) -> bool:
    from greenlint import Names

    mode = call.argument("download_mode")
    if mode.node is None:
        return False
    if mode.constant == "force_redownload":
        return True
    return (facts[Names].resolve(mode.node) or "").endswith("DownloadMode.FORCE_REDOWNLOAD")


def _varies(found: MappedFunction | None) -> bool:
    """Whether the function that is applied draws random numbers, or looks at files."""
    if found is None or found.function is None:
        return False
    source = found.function.facts.document.source(found.function.node)
    return _VARIES.search(source) is not None


_VARIES = re.compile(
    r"(?i)random|shuffle|sample\b|augment|noise|dropout|exists\(|\bopen\(|glob|listdir|requests\.|time\("
)


def _is_debugging(call: Call, facts: Facts) -> bool:
    """Whether a condition around a call is about debugging or starting over."""
    from greenlint import Tree, cst

    for above in facts[Tree].ancestors(call.node):
        if isinstance(above, cst.If) and _DEBUGS.search(facts.document.source(above.test)):
            return True
    return False
