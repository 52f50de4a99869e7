"""Text generation that computes keys and values of all earlier tokens again for each token."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Fix, Outline, Value, cst


class KvCacheDisabled(Rule):
    """A model generates tokens one by one without its key-value cache.

    Each new token then runs the whole sequence through the network again, so that the work grows with the square of
    the length instead of linearly.

    The finding stands at the call that switches the cache off, or at the model's call in a hand-written loop that feeds
    the growing sequence to a model whose `forward` takes a cache. It is an info where the cache is switched off in the
    model's configuration before `generate`, which some releases overrule.

    Nothing is said where the model is of a class of the project whose `forward` takes no cache.

    Leave it for other models without a cache, for sliding windows, and for tests that compare both ways.

    To fix it, leave `use_cache` out or set it to True; in a loop of your own, pass `past_key_values` and only the new
    token.
    """

    severity = Severity.WARNING
    frameworks = ("transformers", "torch")
    words = (("use_cache", "cat", "concat", "concatenate"), ("generate", "GenerationConfig", "for", "while"))
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK)
    references = ("https://huggingface.co/docs/transformers/kv_cache",)
    evidence = (
        Evidence(
            Grade.TIMED,
            "61 s without and 11.7 s with the cache for one prompt on T4, as reported",
            "https://neuronfeed.com/news/kv-caching-explained-how-transformers-speed-up-text-generation",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        if outline.calls.isdisjoint(("generate", "GenerationConfig", *_JOINS)):
            return False
        return outline.extends or outline.names_argument("use_cache")

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts

        for call in _switched_off(facts):
            if not facts[Contexts].dead(call.node):
                yield self.finding(
                    call.node,
                    "this generation runs without a key-value cache",
                    help="leave use_cache out: it is on by default",
                    notes=("the cache takes memory that grows with length and batch size",),
                    fix=self._left_out(call, facts),
                )
        for store, call in _configured_off(facts):
            yield self.finding(
                store,
                "the key-value cache is switched off for the generation below",
                help="set use_cache = True before generating, or pass use_cache=True to generate",
                related=((call.node, "the generation"),),
                severity=Severity.INFO,
                fix=self._passed(call, facts),
            )
        for call, growing in _loops_by_hand(facts):
            if not facts[Contexts].dead(call.node):
                yield self.finding(
                    call.node,
                    f"`{facts.document.source(call.node.func)}` runs the whole sequence again for each new token",
                    help="keep the cache that the model returns, and pass it with the new token only",
                    related=((growing, "the sequence grows here"),),
                )

    def _left_out(self, call: Call, facts: Facts) -> Fix | None:
        from greenlint import Tree, is_remarked, remove_argument, set_argument

        if is_remarked(facts.document, facts[Tree].statement(call.node)):
            return None
        if "use_cache" in facts.document.text.replace("use_cache=False", ""):
            # Something else sets or reads it, so the default may be another one.
            title, edits = "pass use_cache=True", set_argument(facts.document, call.node, "use_cache", "True")
        else:
            title, edits = "leave use_cache out", remove_argument(facts.document, call.node, "use_cache")
        return self.unsafe_fix(title, *edits, reason=_REASON) if edits is not None else None

    def _passed(self, call: Call, facts: Facts) -> Fix | None:
        from greenlint import add_arguments

        edits = add_arguments(facts.document, call.node, use_cache="True")
        return self.unsafe_fix("pass use_cache=True", *edits, reason=_REASON) if edits is not None else None

    examples = (
        Bad(
            """
            from transformers import AutoModelForCausalLM, AutoTokenizer

            model = AutoModelForCausalLM.from_pretrained("gpt2")
            inputs = tokenizer(prompt, return_tensors="pt")
            print(model.generate(**inputs, max_new_tokens=200, use_cache=False))  # bad
            """,
            fixed="""
            from transformers import AutoModelForCausalLM, AutoTokenizer

            model = AutoModelForCausalLM.from_pretrained("gpt2")
            inputs = tokenizer(prompt, return_tensors="pt")
            print(model.generate(**inputs, max_new_tokens=200))
            """,
        ),
        Bad(
            """
            from transformers import GenerationConfig

            settings = GenerationConfig(max_new_tokens=100, use_cache=False)  # bad
            model.generate(**inputs, generation_config=settings)
            """,
            fixed="""
            from transformers import GenerationConfig

            settings = GenerationConfig(max_new_tokens=100)
            model.generate(**inputs, generation_config=settings)
            """,
        ),
        Bad(
            """
            import torch
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("gpt2").eval()
            for _ in range(200):
                logits = model(ids).logits[:, -1]  # bad
                ids = torch.cat([ids, logits.argmax(-1, keepdim=True)], dim=-1)
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            class Decoder(nn.Module):
                def forward(self, tokens, cache=None):
                    return self.layers(tokens, cache)

            def decode(decoder, tokens):
                while tokens.shape[1] < 256:
                    head, tail = tokens[:, :4], tokens[:, 4:]
                    scores = decoder(head, tail)  # bad
                    tokens = torch.cat((tokens, scores.argmax(-1)[:, -1:]), dim=1)
                return tokens

            decode(Decoder(), prompt)
            """
        ),
        Bad(
            """
            from transformers import AutoModelForCausalLM, Trainer

            model = AutoModelForCausalLM.from_pretrained("gpt2")
            model.config.use_cache = False  # bad
            Trainer(model, args, train_dataset=data).train()
            print(model.generate(**inputs, max_new_tokens=100))
            """
        ),
        Bad(
            """
            from transformers import AutoModelForCausalLM, Trainer

            model = AutoModelForCausalLM.from_pretrained("gpt2")
            model.config.use_cache = False  # bad
            Trainer(model, args, train_dataset=data).train()
            print(model.generate(ids, max_new_tokens=100))
            """,
            fixed="""
            from transformers import AutoModelForCausalLM, Trainer

            model = AutoModelForCausalLM.from_pretrained("gpt2")
            model.config.use_cache = False
            Trainer(model, args, train_dataset=data).train()
            print(model.generate(ids, max_new_tokens=100, use_cache=True))
            """,
        ),
        Bad(
            """
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained(name, use_cache=short)
            print(model.generate(ids, use_cache=False, max_new_tokens=100))  # bad
            """,
            fixed="""
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained(name, use_cache=short)
            print(model.generate(ids, use_cache=True, max_new_tokens=100))
            """,
        ),
        Bad(
            """
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("gpt2")
            # because the cache of this release is wrong for padded batches
            print(model.generate(ids, max_new_tokens=200, use_cache=False))  # bad
            """
        ),
        Bad(
            """
            from transformers import GenerationConfig, LlamaForCausalLM

            class Writer(LlamaForCausalLM):
                def score(self, text):
                    return self.head(self(text))

            class Reader(LlamaForCausalLM):
                def forward(self, input_ids, past_key_values=None):
                    return super().forward(input_ids, past_key_values=past_key_values)

            def write(ids):
                return Writer.from_pretrained("own").generate(ids, max_new_tokens=200, use_cache=False)  # bad

            def read(ids):
                options = GenerationConfig(max_new_tokens=200, use_cache=False)  # bad
                reader = Reader(settings)
                return reader.generate(ids, generation_config=options)
            """,
            fixed="""
            from transformers import GenerationConfig, LlamaForCausalLM

            class Writer(LlamaForCausalLM):
                def score(self, text):
                    return self.head(self(text))

            class Reader(LlamaForCausalLM):
                def forward(self, input_ids, past_key_values=None):
                    return super().forward(input_ids, past_key_values=past_key_values)

            def write(ids):
                return Writer.from_pretrained("own").generate(ids, max_new_tokens=200)

            def read(ids):
                options = GenerationConfig(max_new_tokens=200)
                reader = Reader(settings)
                return reader.generate(ids, generation_config=options)
            """,
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("gpt2")
            print(model.generate(**inputs, max_new_tokens=200))
            """,
            why="on by default",
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("gpt2")
            label = model.generate(**inputs, max_new_tokens=1, use_cache=False)
            """,
            why="a single token needs no cache",
        ),
        Good(
            """
            from torch import nn
            from transformers import GenerationConfig, GenerationMixin

            class Captioner(nn.Module, GenerationMixin):
                def forward(self, input_ids, pixels=None, **unused):
                    return self.decoder(self.embed(input_ids), pixels)

            def caption(pixels, start):
                options = dict(max_length=60, num_beams=4, use_cache=False)
                model = Captioner()
                return model.generate(start, generation_config=GenerationConfig(**options), pixels=pixels)
            """,
            why="the project's own model has no cache that could be on",
        ),
        Good(
            """
            from torch import nn
            from transformers import GenerationMixin

            class Captioner(nn.Module, GenerationMixin):
                def forward(self, input_ids, pixels=None, **unused):
                    return self.decoder(self.embed(input_ids), pixels)

            captioner = Captioner()
            captioner.config.use_cache = False
            print(captioner.generate(ids, pixels=pixels), captioner.generate(more, pixels=pixels, use_cache=False))
            """,
            why="nor when it is told so beforehand, or at once",
        ),
        Good(
            """
            import torch
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("gpt2").eval()
            past = None
            for _ in range(200):
                out = model(ids[:, -1:], past_key_values=past)
                past = out.past_key_values
                ids = torch.cat([ids, out.logits[:, -1:].argmax(-1)], dim=-1)
            """,
            why="the cache is passed on",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Tiny(nn.Module):
                def forward(self, tokens):
                    return self.layers(tokens)

            model = Tiny()
            for _ in range(200):
                logits = model(tokens)
                tokens = torch.cat([tokens, logits[:, -1:].argmax(-1)], dim=1)
            """,
            why="the model has no cache",
        ),
        Good(
            """
            import torch
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("gpt2").eval()
            for _ in range(2000):
                logits = model(ids[:, -1024:]).logits[:, -1]
                ids = torch.cat([ids, logits.argmax(-1, keepdim=True)], dim=-1)
            """,
            why="a sliding window moves all positions",
        ),
        Good(
            """
            import torch
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("gpt2").eval()
            for _ in range(2000):
                ids = ids[:, -1024:]
                logits = model(ids).logits[:, -1]
                ids = torch.cat([ids, logits.argmax(-1, keepdim=True)], dim=-1)
            for step in range(8):
                logits = model(other).logits[:, -1]
                other = torch.cat([other, logits.argmax(-1, keepdim=True)], dim=-1)
            """,
            why="a sliding window, and a handful of tokens",
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM, Trainer

            model = AutoModelForCausalLM.from_pretrained("gpt2")
            model.config.use_cache = False
            Trainer(model, args, train_dataset=data).train()
            model.config.use_cache = True
            print(model.generate(**inputs, max_new_tokens=100))
            """,
            why="switched on again",
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM, Trainer

            model = AutoModelForCausalLM.from_pretrained("gpt2")
            model.config.use_cache = False
            Trainer(model, args, train_dataset=data).train()
            """,
            why="training needs no cache",
        ),
    )


_REASON = "changes rounding, and the cache takes memory that grows with length and batch size"
_CACHES = re.compile(r"past|cache|memory_states|mems|incremental|state")
_FEW = 16
"""So few tokens are no matter."""
_JOINS = ("cat", "concat", "concatenate", "hstack")


def _switched_off(facts: Facts) -> Iterator[Call]:
    """The calls that generate, or configure generation, with ``use_cache=False``."""
    from greenlint import Calls

    for call in facts[Calls].methods("generate", "GenerationConfig"):
        if call.method == "GenerationConfig" and call.name != "transformers.GenerationConfig":
            continue
        use = call.argument("use_cache", 99)
        if not use.written or use.constant is not False or call.argument("max_new_tokens", 99).constant == 1:
            continue
        if not _lacks_cache(call, facts):
            yield call


def _lacks_cache(call: Call, facts: Facts) -> bool:
    """Whether all models that generate by a call are of classes of the project whose ``forward`` takes no cache."""
    from greenlint import Calls, Tree

    using = [call]
    if call.method != "generate":
        function = facts[Tree].function(call.node)
        using = [each for each in facts[Calls].methods("generate") if facts[Tree].function(each.node) is function]
    models = [each.receiver for each in using]
    return bool(models) and all(each is not None and _is_without_cache(each, facts) for each in models)


def _is_without_cache(model: cst.BaseExpression, facts: Facts) -> bool:
    from greenlint import Values

    forward = _own_forward(facts[Values].of(model))
    return forward is not None and not _takes_past(forward)


def _configured_off(facts: Facts) -> Iterator[tuple[cst.CSTNode, Call]]:
    """``model.config.use_cache = False`` and a later ``model.generate(...)``, with nothing that switches it on."""
    from greenlint import UNKNOWN, Calls, Frameworks, Names, Tree, Values, cst, dotted

    if not facts[Frameworks].uses("transformers"):
        return
    stores = [each for each in facts[Names].stores.get("use_cache", ()) if each.value is not None]
    values = [facts[Values].constant(each.value) for each in stores if each.value is not None]
    if not stores or any(each is UNKNOWN or each is not False for each in values):
        return
    for store in stores:
        config = store.target.value if store.target is not None else None
        if not isinstance(config, cst.Attribute) or config.attr.value != "config":
            continue
        model = dotted(config.value)
        function = facts[Tree].function(store.node)
        for call in facts[Calls].methods("generate"):
            after = facts[Tree].first(call.node) > facts[Tree].first(store.node)
            same = call.receiver is not None and dotted(call.receiver) == model and not _lacks_cache(call, facts)
            if after and same and facts[Tree].function(call.node) is function and _leaves_it(call):
                yield store.node, call
                break


def _leaves_it(call: Call) -> bool:
    # What a tokenizer returns, ``**inputs``, holds no settings.
    return call.keyword("use_cache") is None and call.keyword("generation_config") is None


def _loops_by_hand(facts: Facts) -> Iterator[tuple[Call, cst.CSTNode]]:
    """Calls of a model with a cache, in a loop that makes the sequence longer and passes all of it."""
    from greenlint import Calls, Tree, cst

    tree = facts[Tree]
    for join in facts[Calls].methods(*_JOINS):
        loops = tree.loops_around(join.node)
        statement = tree.statement(join.node)
        if not loops or not isinstance(statement, cst.Assign) or len(statement.targets) != 1:
            continue
        target = statement.targets[0].target
        if not isinstance(target, cst.Name) or not _extends(join, target.value):
            continue
        if _is_short(loops[0], facts) or _keeps_past(loops[0], target.value, facts):
            continue
        for call in facts[Calls].within(loops[0].body):
            if tree.loops_around(call.node)[:1] != loops[:1] or not _takes_cache(call, facts):
                continue
            if _gets_all(call, target.value, facts):
                yield call, join.node
                break


def _is_short(loop: cst.For | cst.While, facts: Facts) -> bool:
    """Whether a loop certainly makes few tokens."""
    from greenlint import Loops

    iterations = facts[Loops].of(loop).iterations
    return iterations is not None and iterations <= _FEW


def _keeps_past(loop: cst.For | cst.While, name: str, facts: Facts) -> bool:
    """Whether a loop works with a cache in some way, or cuts the sequence to a window."""
    from greenlint import Tree, cst

    tree = facts[Tree]
    if re.search(r"past|cache", facts.document.source(loop.body)):
        return True
    for assign in tree.below(loop.body, cst.Assign):
        named = any(isinstance(each.target, cst.Name) and each.target.value == name for each in assign.targets)
        if named and any(_cuts_end(each) for each in tree.below(assign.value, cst.Subscript) if _is_of(each, name)):
            return True
    return False


def _is_of(part: cst.Subscript, name: str) -> bool:
    from greenlint import cst

    return isinstance(part.value, cst.Name) and part.value.value == name


def _extends(join: Call, name: str) -> bool:
    """``torch.cat([name, ...])``."""
    from greenlint import cst

    if not join.positional or not isinstance(join.positional[0], (cst.List, cst.Tuple)):
        return False
    elements = join.positional[0].elements
    first = elements[0].value if len(elements) == 2 else None
    return isinstance(first, cst.Name) and first.value == name


def _takes_cache(call: Call, facts: Facts) -> bool:
    """Whether a call runs a model whose ``forward`` takes a cache, and passes none."""
    from greenlint import Models

    if call.is_open or any(each.keyword is not None and _CACHES.search(each.keyword.value) for each in call.node.args):
        return False
    if facts[Models].network(call) is None:
        return False
    return any(_has_cache(each) for each in _values(call.node.func, facts))


def _values(node: cst.BaseExpression, facts: Facts, depth: int = 2) -> Iterator[Value]:
    """The values that a network may be: of a parameter those that callers pass, of a name all that it gets."""
    from greenlint import BindingKind, Names, Values, cst

    yield facts[Values].of(node)
    if not isinstance(node, cst.Name) or not depth:
        return
    for binding in facts[Names].reaching(node):
        if binding.kind is BindingKind.PARAMETER and isinstance(binding.scope.node, cst.FunctionDef):
            for argument in facts[Values].arguments_for(binding.scope.node, binding.name):
                if argument.node is not None:
                    yield from _values(argument.node, argument.facts, depth - 1)
        else:
            yield facts[Values].of_binding(binding)


def _has_cache(value: Value) -> bool:
    """Whether a network's ``forward`` takes a cache."""
    from greenlint import Kind

    if value.instance_of is not None:
        forward = _own_forward(value)
        return forward is not None and _takes_past(forward)
    made = value.call.name if value.call is not None and value.call.name is not None else ""
    return value.kind is Kind.HF_MODEL and re.search(r"LMHead|CausalLM|GPT|Llama", made) is not None


def _own_forward(value: Value) -> cst.FunctionDef | None:
    """The ``forward`` of a network whose class is in the project, where it is there, too."""
    from greenlint import Project, cst

    if value.instance_of is None:
        return None
    forward = value.instance_of.facts[Project].method(value.instance_of, "forward")
    return forward.node if forward is not None and isinstance(forward.node, cst.FunctionDef) else None


def _takes_past(forward: cst.FunctionDef) -> bool:
    params = (*forward.params.params, *forward.params.kwonly_params)
    return any(re.search(r"past|cache", each.name.value) for each in params)


def _gets_all(call: Call, name: str, facts: Facts) -> bool:
    """Whether the model gets the whole sequence ``name``, perhaps cut in two, and no window of it."""
    from greenlint import BindingKind, Names, Tree, cst

    given = [each.value for each in call.node.args]
    for arg in call.node.args:
        if isinstance(arg.value, cst.Name):
            bindings = [each for each in facts[Names].reaching(arg.value) if arg.value.value != name]
            given += (each.value for each in bindings if each.kind is BindingKind.ASSIGN and each.value is not None)
    named = False
    for each in given:
        for part in facts[Tree].below(each, cst.Subscript):
            if _cuts_end(part):
                return False
        named = named or any(found.value == name for found in facts[Tree].below(each, cst.Name))
    return named


def _cuts_end(part: cst.Subscript) -> bool:
    """``x[:, -n:]`` and ``x[:, -1]``."""
    from greenlint import cst

    for element in part.slice:
        lower = element.slice.lower if isinstance(element.slice, cst.Slice) else None
        index = element.slice.value if isinstance(element.slice, cst.Index) else None
        if isinstance(lower or index, cst.UnaryOperation):
            return True
    return False
