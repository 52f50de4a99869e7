"""Text generated for one prompt at a time, with all prompts known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Outline, Pass, cst


class LlmOnePromptAtATime(Rule):
    """A loop over known prompts has a language model answer them one by one.

    Decoding reads all weights for each token. With many prompts in a batch, each reading serves all of them; with one,
    the accelerator waits for its memory most of the time.

    The finding stands at the call that generates.

    Leave it where a prompt depends on the answer before (chats, agents), where latency is measured, and where memory is
    full with one prompt.

    To fix it, give vLLM the whole list: it forms batches by itself. With transformers, pad on the left and generate for
    batches of prompts, or use a serving engine for bulk work.
    """

    severity = Severity.INFO
    frameworks = ("vllm", "transformers")
    words = (("generate", "chat"), ("for", "apply", "map", "*_apply", "*_map"))
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK)
    references = (
        "https://docs.vllm.ai/en/latest/models/generative_models.html",
        "https://huggingface.co/docs/transformers/llm_tutorial",
        "https://arxiv.org/abs/2504.17674",
    )
    evidence = (
        Evidence(
            Grade.MEASURED,
            "serving with batches, compilation and graphs took down to 0.27 of the energy of plain PyTorch (models of "
            "1-32 billion parameters on A6000 and A100; the whole stack, not batching alone)",
            "arXiv 2504.17674",
        ),
        Evidence(
            Grade.MEASURED,
            "batches of 64 took 95.7 % less energy than single requests on A800 (n = 10, one author)",
            "https://hongping-zh.github.io",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return not outline.calls.isdisjoint({"generate", "chat"})

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Calls, Contexts

        said: set[cst.CSTNode] = set()
        for call in facts[Calls].methods("generate", "chat"):
            engine = _engine(call, facts)
            around = _prompts(call, engine, facts) if engine is not None else None
            if engine is None or around is None or around.node in said or facts[Contexts].dead(call.node):
                continue
            said.add(around.node)
            yield self.finding(
                call.node,
                f"`{facts.document.source(call.node.func)}` answers one prompt at a time",
                help=_HELP[engine],
                related=((around.node, "the loop over prompts"),),
            )

    examples = (
        Bad(
            """
            from vllm import LLM

            llm = LLM("meta-llama/Llama-3.1-8B")
            for prompt in prompts:
                answers.append(llm.generate(prompt)[0].outputs[0].text)  # bad
            """,
            not_as=("renamed",),  # the name shows that it is a single text
        ),
        Bad(
            """
            from transformers import AutoModelForCausalLM, AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("gpt2")
            model = AutoModelForCausalLM.from_pretrained("gpt2").cuda()
            for question in questions:
                inputs = tokenizer(question, return_tensors="pt").to("cuda")
                answers.append(tokenizer.decode(model.generate(**inputs)[0]))  # bad
            """,
            not_as=("renamed",),  # the name shows that it is a single text
        ),
        Bad(
            """
            from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("t5-small")
            model = AutoModelForSeq2SeqLM.from_pretrained("t5-small")

            def translate(text):
                ids = tokenizer.encode(f"translate: {text}", return_tensors="pt")
                return tokenizer.decode(model.generate(ids)[0])  # bad

            frame["french"] = frame["english"].apply(translate)
            """
        ),
        Good(
            """
            from vllm import LLM

            llm = LLM("meta-llama/Llama-3.1-8B")
            answers = [each.outputs[0].text for each in llm.generate(prompts)]
            """,
            why="the whole list",
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM, AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("gpt2", padding_side="left")
            model = AutoModelForCausalLM.from_pretrained("gpt2")
            for batch in batches:
                inputs = tokenizer(batch, return_tensors="pt", padding=True)
                answers += tokenizer.batch_decode(model.generate(**inputs))
            """,
            why="batches",
        ),
        Good(
            """
            from vllm import LLM

            llm = LLM("meta-llama/Llama-3.1-8B")
            for turn in range(100):
                talk.append({"role": "user", "content": input()})
                answer = llm.chat(talk)
                talk.append({"role": "assistant", "content": answer[0].outputs[0].text})
            """,
            why="a conversation: each turn depends on the one before",
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM, AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("gpt2")
            model = AutoModelForCausalLM.from_pretrained("gpt2")
            for prompt in ["Once upon a time", "In the beginning"]:
                inputs = tokenizer(prompt, return_tensors="pt")
                print(tokenizer.decode(model.generate(**inputs)[0]))
            """,
            why="a demonstration with two prompts",
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM, AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("gpt2")
            model = AutoModelForCausalLM.from_pretrained("gpt2")
            inputs = tokenizer("Once upon a time", return_tensors="pt")
            for temperature in range(20):
                print(model.generate(**inputs, temperature=temperature / 10))
            """,
            why="one prompt, several settings",
        ),
        Good(
            """
            from transformers import AutoModelForSeq2SeqLM

            model = AutoModelForSeq2SeqLM.from_pretrained("t5-small")
            for batch in test_loader:
                summaries = model.generate(batch["input_ids"])
            """,
            why="batches of a loader",
        ),
    )


_HELP = {
    "vllm": "pass the whole list of prompts: vLLM forms batches by itself",
    "transformers": "generate for batches: padding_side left and padding=True, or use a serving engine for bulk work",
}
_ENOUGH = 10
_ENCODES = re.compile(r"^(?:tokenizer|tok|processor|encode|encode_plus|__call__|apply_chat_template|build_inputs?)$")


def _engine(call: Call, facts: Facts) -> str | None:
    """Which library generates; ``None`` when it is another, or not known."""
    from greenlint import Kind, Loads, Values

    if call.receiver is None:
        return None
    load = facts[Loads].behind(call.receiver)
    name = load.call.name if load is not None else None
    if name == "vllm.LLM":
        return "vllm"
    if call.method == "generate" and facts[Values].of(call.receiver).kind is Kind.HF_MODEL:
        return "transformers"
    return None


def _prompts(call: Call, engine: str, facts: Facts) -> Pass | None:
    """The pass over prompts, one of which the call is given."""
    from greenlint import Elements, Handlers, cst

    elements = facts[Elements]
    if facts[Handlers].all and facts[Handlers].around(call.node) is not None:
        return None
    given = [each.value for each in call.node.args[:1] if each.keyword is None]
    given += [each.value for each in call.node.args if each.keyword is not None and each.keyword.value in _INPUTS]
    if not given:
        return None
    passes = elements.around(call.node)
    for around in passes:
        if not elements.varies(given[0], around):
            continue
        count = elements.count(around)
        if isinstance(around.node, cst.While) or elements.is_batched(around) or (count or _ENOUGH + 1) <= _ENOUGH:
            return None
        if any(elements.carried(given[0], each) for each in passes):
            return None
        single = elements.is_single(given[0]) if engine == "vllm" else _encodes_one(given[0], facts)
        return around if single else None
    return None


_INPUTS = frozenset(("input_ids", "inputs", "prompts", "prompt", "messages"))


def _encodes_one(node: cst.BaseExpression, facts: Facts, depth: int = 5) -> bool:
    """Whether a model's input is the encoding of one text."""
    from greenlint import BindingKind, Calls, Elements, Names, Tree, cst

    calls, tree = facts[Calls], facts[Tree]
    for each in tree.below(node, cst.Call):
        call = calls.of(each)
        if _ENCODES.search(call.method) and call.positional:
            return facts[Elements].is_single(call.positional[0])
    if not depth:
        return False
    for name in tree.below(node, cst.Name):
        for binding in facts[Names].reaching(name):
            plain = binding.kind is BindingKind.ASSIGN and binding.value is not None
            if plain and binding.value is not None and not tree.contains(binding.value, name):
                return _encodes_one(binding.value, facts, depth - 1)
    return False
