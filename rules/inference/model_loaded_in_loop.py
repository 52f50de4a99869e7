"""The same model read from disk again in each pass of a loop."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Load, Outline, cst


class ModelLoadedInLoop(Rule):
    """A loop, or a function mapped over rows, reads the same model or tokenizer from disk or a hub in each pass.

    Every pass then pays for reading and deserialising weights that it had already, which easily costs more than what
    is done with them.

    The finding stands at the call in the loop that loads, itself or in a function that it runs. It is an info where the
    loop seems to run a few times only, or frees memory in each pass.

    Leave it where each pass must start from fresh weights, such as the folds of a cross-validation that trains, and
    where memory is freed on purpose between passes.

    To fix it, load once before the loop. Where fresh weights are needed, keep a copy of the state dict and load that.
    """

    severity = Severity.WARNING
    frameworks = (
        "transformers",
        "torch",
        "torchvision",
        "timm",
        "sentence_transformers",
        "spacy",
        "keras",
        "tensorflow",
        "tensorflow_hub",
        "diffusers",
        "whisper",
        "joblib",
        "onnxruntime",
        "gensim",
        "lightning",
    )
    words = (
        (
            "from_pretrained",
            "from_single_file",
            "load_from_checkpoint",
            "pipeline",
            "SentenceTransformer",
            "CrossEncoder",
            "*load*",
            "WhisperModel",
            "create_model*",
            "InferenceSession",
            "KerasLayer",
            "pretrained",
            "weights",
        ),
        ("for", "while", "apply", "map", "*_apply", "*_map"),
    )
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK)
    references = ("https://huggingface.co/docs/transformers/main_classes/pipelines",)
    evidence = (Evidence(Grade.REASONED, "each pass reads and deserialises all weights again", "own survey, 2026"),)

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        zoo = not outline.roots.isdisjoint(("keras", "tensorflow"))

        def is_meant(name: str) -> bool:
            return outline.reads_model(name) or (zoo and name[:1].isupper())

        return outline.loads_again(is_meant, _CHOOSES_WEIGHTS, open_names=outline.maps)

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts

        said: set[cst.CSTNode] = set()
        for call, around, load in _repeated(facts):
            if load.call.node in said or facts[Contexts].dead(call.node):
                continue
            said.add(load.call.node)
            doubtful = _is_short(around, facts) or _frees(around, facts)
            yield self.finding(
                call.node,
                f"`{load.written}` reads the same {load.kind.value} in each pass of the loop",
                help="load it once before the loop",
                notes=("where each pass needs fresh weights, load a kept copy of the state dict instead",),
                related=((around, "the loop"), (load.call.node, "the load", load.call.facts.document)),
                severity=Severity.INFO if doubtful else None,
            )

    examples = (
        Bad(
            """
            from transformers import AutoModel, pipeline

            for text in texts:
                pipe = pipeline("sentiment-analysis")  # bad
                results.append(pipe(text))
            """
        ),
        Bad(
            """
            import torch

            def predict(path):
                model = torch.load("model.pth")
                return model(read(path))

            for path in paths:
                save(path, predict(path))  # bad
            """
        ),
        Bad(
            """
            import glob
            import torch

            paths = sorted(glob.glob("*.pt"))
            for batch in test_loader:
                for path in paths:
                    model = torch.jit.load(path)  # bad
                    total += model(batch)
            """
        ),
        Bad(
            """
            import spacy

            def lemmas(text):
                nlp = spacy.load("en_core_web_sm")  # bad
                return [each.lemma_ for each in nlp(text)]

            frame["lemmas"] = frame["text"].apply(lemmas)
            """
        ),
        Bad(
            """
            from sentence_transformers import SentenceTransformer

            vectors = [SentenceTransformer("all-MiniLM-L6-v2").encode(text) for text in texts]  # bad
            """
        ),
        Bad(
            """
            import tensorflow as tf
            import tensorflow_hub as hub

            for path in paths:
                model = tf.keras.models.load_model("model.keras")  # bad
                embed = hub.load("https://tfhub.dev/google/universal-sentence-encoder/4")  # bad
                scores.append(model.predict(embed(read(path))))
            """
        ),
        Bad(
            """
            import keras
            import joblib

            for path in paths:
                model = keras.models.load_model("model.keras")  # bad
                classifier = joblib.load("classifier.joblib")  # bad
                scores.append(classifier.predict(model.predict(read(path))))
            """
        ),
        Bad(
            """
            import onnxruntime
            import timm
            import torchvision

            for path in paths:
                session = onnxruntime.InferenceSession("model.onnx")  # bad
                net = timm.create_model("resnet50", pretrained=True)  # bad
                other = torchvision.models.resnet18(weights="DEFAULT")  # bad
                use(session, net, other, path)
            """
        ),
        Bad(
            """
            import gensim
            import whisper
            from diffusers import StableDiffusionPipeline

            for path in paths:
                ears = whisper.load_model("small")  # bad
                words = gensim.models.KeyedVectors.load("vectors.kv")  # bad
                painter = StableDiffusionPipeline.from_pretrained("runwayml/stable-diffusion-v1-5")  # bad
                use(ears, words, painter, path)
            """
        ),
        Bad(
            """
            import lightning.pytorch as pl

            class Net(pl.LightningModule):
                pass

            for path in paths:
                net = Net.load_from_checkpoint("best.ckpt")  # bad
                outputs.append(net(read(path)))
            """
        ),
        Good(
            """
            from transformers import pipeline

            for name in ["bert-base-cased", "roberta-base"]:
                pipe = pipeline("fill-mask", model=name)
                print(pipe("a <mask>"))
            """,
            why="another model in each pass",
        ),
        Good(
            """
            from transformers import AutoModelForSequenceClassification, Trainer

            for fold in range(5):
                model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")
                trainer = Trainer(model, args, train_dataset=splits[fold])
                trainer.train()
            """,
            why="each fold starts from fresh weights",
        ),
        Good(
            """
            import torch

            for path in paths:
                if model is None:
                    model = torch.load("model.pth")
                outputs.append(model(read(path)))
            """,
            why="loaded in the first pass only",
        ),
        Good(
            """
            import torch

            for fold in range(5):
                model = torch.load(f"model-{fold}.pth")
                outputs.append(model(x))
            """,
            why="another file in each pass",
        ),
        Good(
            """
            import time
            import torch

            while True:
                time.sleep(60)
                model = torch.load("latest.pth")
                evaluate(model)
            """,
            why="the file changes while the loop waits",
        ),
        Good(
            """
            import torch

            for epoch in range(100):
                train_one_epoch(net)
                torch.save(net, "model.pth")
                model = torch.load("model.pth")
                evaluate(model)
            """,
            why="the file is written in the loop",
        ),
        Good(
            """
            from transformers import pipeline

            for attempt in range(20):
                try:
                    pipe = pipeline("summarization")
                    break
                except OSError:
                    continue
            """,
            why="the loop repeats a download that failed",
        ),
        Good(
            """
            import torch

            def network(pretrained=True):
                net = Net()
                if pretrained:
                    net.load_state_dict(torch.load("model.pth"))
                return net

            for path in paths:
                outputs.append(network(False)(read(path)))
            """,
            why="an option decides on it",
        ),
        Good(
            """
            import torch

            def validate(options):
                net = Net()
                net.load_state_dict(torch.load(options.checkpoint))
                return score(net.eval())

            for path in paths:
                options.checkpoint = path
                results.append(validate(options))
            """,
            why="another model each time, told by an attribute",
        ),
        Good(
            """
            import functools
            import spacy

            @functools.lru_cache
            def parser():
                return spacy.load("en_core_web_sm")

            for text in texts:
                parser()(text)
            """,
            why="cached",
        ),
    )


_CHOOSES_WEIGHTS = frozenset(("weights", "pretrained", None))
"""Arguments of functions that build a model with trained weights; ``None`` stands for those that cannot be read."""
_MAPS = frozenset("apply map progress_apply parallel_apply applymap progress_map imap imap_unordered map_async".split())
_FEW = re.compile(
    r"fold|seed|model|net|data_?set|config|cfg|epoch|run\b|trial|exper|split|lang|task|domain|layer|size|thresh|mode"
    r"|phase|device|provider|backend|\bn\b|method|prompt_type|category|class",
    re.IGNORECASE,
)
"""What loops of a few passes run over."""
_CHANGES = re.compile(
    r"prune|quanti|lora|peft|adapter|merge|resize_token|inject|fuse|convert|half_prec|^fit|^train$|finetune"
)
_WRITES = re.compile(
    r"^(save_(model|weights|pretrained|checkpoint|state)\w*|dump|export|fit\w*|train\w*|wget|download\w*|urlretrieve"
    r"|run|system|call)$"
)


def _repeated(facts: Facts) -> Iterator[tuple[Call, cst.CSTNode, Load]]:
    """The calls that load the same thing again and again, with the loop around them."""
    from greenlint import Calls, Loads, Tree, cst

    loads, tree = facts[Loads], facts[Tree]
    comprehensions = (cst.ListComp, cst.SetComp, cst.DictComp, cst.GeneratorExp)
    mapped = bool(facts[Calls].methods(*_MAPS))
    for call in facts[Calls].all:
        may_be_mapped = mapped and tree.function(call.node) is not None
        if not (may_be_mapped or tree.loops_around(call.node) or tree.enclosing(call.node, *comprehensions)):
            continue
        load = loads.through(call)
        if load is None or loads.is_kept(call.node):
            continue
        if not load.certain:
            continue
        around = _loop(call, load, facts) or _comprehension(call, facts) or _mapped(call, facts)
        if around is not None:
            yield call, around, load


def _loop(call: Call, load: Load, facts: Facts) -> cst.CSTNode | None:
    """The outermost loop in which a load reads the same thing in each pass."""
    from greenlint import Contexts, Loops, Tree, cst

    found = None
    tree = facts[Tree]
    for loop in tree.loops_around(call.node):
        if not tree.contains(loop.body, call.node) or facts[Contexts].guarded(call.node, loop.body):
            break
        if tree.enclosing(call.node, cst.Try) is not None and tree.contains(loop.body, _try(call, facts)):
            break
        iterations = facts[Loops].of(loop).iterations
        if (iterations is not None and iterations <= _ENOUGH) or _lists_few(loop, facts):
            continue
        if _is_same(call, load, loop, facts) and not _needs_fresh(call, loop, facts):
            found = loop
    return found


def _lists_few(loop: cst.For | cst.While, facts: Facts) -> bool:
    """Whether a loop runs over a set or dictionary of few things."""
    from greenlint import Names, cst

    over = loop.iter if isinstance(loop, cst.For) else None
    if isinstance(over, cst.Name):
        bindings = facts[Names].reaching(over)
        over = bindings[0].value if len(bindings) == 1 else None
    return isinstance(over, (cst.Set, cst.Dict)) and len(over.elements) <= _ENOUGH


_ENOUGH = 3
"""A loop of at most so many passes is not worth a word."""


def _try(call: Call, facts: Facts) -> cst.CSTNode:
    from greenlint import Tree, cst

    found = facts[Tree].enclosing(call.node, cst.Try)
    assert found is not None
    return found


def _is_same(call: Call, load: Load, loop: cst.For | cst.While, facts: Facts) -> bool:
    """Whether the call has the same arguments in each pass, or those of an inner loop over the same things."""
    from greenlint import Invariance, Tree, cst, root_name

    invariance, tree = facts[Invariance], facts[Tree]
    parts: list[cst.BaseExpression] = [] if _is_fixed(call, load, facts) else [each.value for each in call.node.args]
    if call.receiver is not None:
        parts.append(call.receiver)
    inner = [each for each in tree.loops_around(call.node) if tree.contains(loop.body, each)]
    for part in parts:
        root = root_name(part)
        if invariance.holds(part, loop) and (root is None or not invariance.alters(root, loop)):
            continue
        over = next((each for each in inner if isinstance(each, cst.For) and _is_target(part, each)), None)
        if over is None or not invariance.holds(over.iter, loop):
            return False
    return True


def _is_fixed(call: Call, load: Load, facts: Facts) -> bool:
    """Whether a function that the call runs reads the same whatever it is given."""
    from greenlint import Loads, Tree, Values

    if load.call.node is call.node or facts[Loads].chosen_by(load):
        return False
    callee = facts[Values].callee(call.node)
    return callee is not None and load.call.facts[Tree].function(load.call.node) is callee.node


def _is_target(part: cst.BaseExpression, loop: cst.For) -> bool:
    from greenlint import cst

    return isinstance(part, cst.Name) and isinstance(loop.target, cst.Name) and part.value == loop.target.value


def _needs_fresh(call: Call, loop: cst.For | cst.While, facts: Facts) -> bool:
    """Whether the loop trains or changes what is loaded, writes files, or waits for something new."""
    from greenlint import Calls, Trials, cst

    if facts[Trials].trainings(loop.body):
        return True
    for each in facts[Calls].within(loop.body):
        if (
            _WRITES.search(each.method)
            or each.name == "torch.save"
            or _CHANGES.search(each.method)
            or each.method in ("backward", "sleep")
        ):
            return True
    return isinstance(loop, cst.While) and call.name in ("torch.load", "joblib.load", "pickle.load")


def _comprehension(call: Call, facts: Facts) -> cst.CSTNode | None:
    """The comprehension that runs a load for each element, none of which it asks for."""
    from greenlint import Tree, cst

    tree = facts[Tree]
    comp = tree.enclosing(call.node, cst.ListComp, cst.SetComp, cst.DictComp, cst.GeneratorExp)
    if comp is None or tree.contains(comp.for_in.iter, call.node):
        return None
    bound = {each.value for each in tree.below(comp.for_in.target, cst.Name)}
    used = {each.value for arg in call.node.args for each in tree.below(arg, cst.Name)}
    if call.receiver is not None:
        used |= {each.value for each in tree.below(call.receiver, cst.Name)}
    return comp if bound.isdisjoint(used) and comp.for_in.inner_for_in is None else None


def _mapped(call: Call, facts: Facts) -> cst.CSTNode | None:
    """The call that maps the function around a load over rows."""
    from greenlint import BindingKind, Calls, Names, Project, Tree, cst

    tree = facts[Tree]
    function = tree.function(call.node)
    if function is None or tree.enclosing(call.node, cst.If, cst.Try) is not None:
        return None
    for name in tree.below(call.node, cst.Name):
        for binding in facts[Names].reaching(name):
            if binding.scope.node is function and binding.kind is BindingKind.PARAMETER:
                return None
    for mapping in facts[Calls].methods(*_MAPS):
        for arg in mapping.positional[:1]:
            definition = facts[Project].definition(arg)
            if definition is not None and definition.node is function:
                return mapping.node
    return None


def _frees(around: cst.CSTNode, facts: Facts) -> bool:
    """Whether memory is freed on purpose between passes."""
    from greenlint import Calls

    return any(True for _ in facts[Calls].methods("empty_cache", "collect", "clear_session", within=around))


def _is_short(around: cst.CSTNode, facts: Facts) -> bool:
    """Whether a loop seems to run a few times only."""
    from greenlint import Loops, cst

    if isinstance(around, cst.While):
        return False
    if isinstance(around, cst.For):
        iterations = facts[Loops].of(around).iterations
        if iterations is not None:
            return iterations <= 20
        return _FEW.search(facts.document.source(around.target) + " " + facts.document.source(around.iter)) is not None
    if isinstance(around, (cst.ListComp, cst.SetComp, cst.DictComp, cst.GeneratorExp)):
        return _FEW.search(facts.document.source(around.for_in)) is not None
    return False
