"""Pretrained models run with float32 weights on an accelerator."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Edit, Facts, Findings, Fix, Load, Outline, cst


class InferenceWeightsFp32(Rule):
    """A pretrained model is loaded with float32 weights for inference on an accelerator.

    Half of every byte that is read is then spent on digits that hardly matter for inference: twice the memory traffic,
    and no tensor cores. Text generation reads all weights for each token.

    The finding stands at the call that loads the model, or at Whisper's `transcribe(fp16=False)`. It is a warning where
    float32 is written, or a string that diffusers takes for float32; where it is a default, an info.

    Leave it for training with float32 master weights, for CPUs, and where results are compared bit by bit.

    To fix it, give `dtype="auto"` or `torch.bfloat16` (older transformers call it `torch_dtype`).
    """

    severity = Severity.WARNING
    frameworks = ("transformers", "diffusers", "whisper")
    words = (("from_pretrained", "pipeline", "transcribe"),)
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK, Premise.NOT_SCIENCE, Premise.ON_ACCELERATOR)
    references = (
        "https://huggingface.co/docs/transformers/main_classes/model",
        "https://huggingface.co/docs/diffusers/optimization/fp16",
        "https://arxiv.org/abs/2601.22362",
    )
    evidence = (
        Evidence(
            Grade.MEASURED,
            "lower precision pays in energy where inference is bound by computation, and little in decoding (H100, "
            "models of 0.5-14 billion parameters)",
            "arXiv 2601.22362",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "a dtype given as a string is replaced by float32 with a log message",
            "docstring of diffusers 0.42.1, DiffusionPipeline.from_pretrained",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return not outline.calls.isdisjoint({"from_pretrained", "pipeline", "transcribe"})

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Loops

        code = facts.document.text
        if _DECIDES.search(code) or _TRAINS.search(code) or facts[Loops].steps:
            return
        said = False
        for call, what, remedy, sure in (*_loads(facts), *_whisper(facts)):
            if facts[Contexts].dead(call.node) or (said and not sure):
                continue
            said = True
            yield self.finding(
                call.node,
                what,
                help=remedy,
                notes=("16-bit results differ slightly; float16 can overflow in models of the T5 family",),
                severity=None if sure else Severity.INFO,
                fix=self._fix(call, facts),
            )

    def _fix(self, call: Call, facts: Facts) -> Fix | None:
        if _is_chosen(call, facts) or _CARES.search(facts.document.text):
            return None
        if call.method == "transcribe":
            return self._whisper_fix(call, facts)
        if (call.name or "").startswith("diffusers."):
            return self._diffusers_fix(call, facts)
        return self._transformers_fix(call, facts)

    def _whisper_fix(self, call: Call, facts: Facts) -> Fix | None:
        from greenlint import Loads, Values, remove_argument

        load = facts[Loads].behind(call.receiver) if call.receiver is not None else None
        device = load.call.argument("device", 1).node if load is not None else None
        if device is None or facts[Values].constant(device) != "cuda":
            return None
        edits = remove_argument(facts.document, call.node, "fp16")
        return None if edits is None else self.unsafe_fix("compute in float16", *edits, reason="changes rounding")

    def _diffusers_fix(self, call: Call, facts: Facts) -> Fix | None:
        from greenlint import Environment, spelled

        if not _HALF_PIPELINE.search(facts.document.source(call.node.func)) or not _only_draws(call, facts):
            return None
        torch = spelled(facts.document, "torch")
        if torch is None:
            return None
        imported, name = torch
        spelling = "dtype" if facts[Environment].at_least("diffusers", "0.42") else "torch_dtype"
        edits = _typed(call, spelling, f"{name}.float16")
        if edits is None:
            return None
        return self.unsafe_fix("load float16 weights", *imported, *edits, reason="changes rounding")

    def _transformers_fix(self, call: Call, facts: Facts) -> Fix | None:
        from greenlint import Environment, Loads, spelled

        load = facts[Loads].of(call)
        if load is None or not _only_generates(load, facts):
            return None
        spelling = "dtype" if facts[Environment].at_least("transformers", "4.56") else "torch_dtype"
        if _STORED_IN_16_BITS.search(load.source or ""):
            edits = _typed(call, spelling, '"auto"')
            if edits is None:
                return None
            return self.unsafe_fix("load the weights as they are stored", *edits, reason="changes rounding")
        torch = spelled(facts.document, "torch")
        if torch is None:
            return None
        imported, name = torch
        # On a CPU float32 stays what it was.
        half = f"{name}.bfloat16"
        if not _is_on_cuda(load, facts):
            half += f" if {name}.cuda.is_available() else {name}.float32"
        edits = _typed(call, spelling, half)
        if edits is None:
            return None
        return self.unsafe_fix("load bfloat16 weights", *imported, *edits, reason="changes rounding")

    examples = (
        Bad(
            """
            import torch
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("gpt2", torch_dtype=torch.float32).cuda()  # bad
            model.generate(**inputs)
            """,
            fixed="""
            import torch
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("gpt2", torch_dtype=torch.bfloat16).cuda()
            model.generate(**inputs)
            """,
        ),
        Bad(
            """
            from transformers import pipeline

            pipe = pipeline("text-generation", model="gpt2", dtype="float32", device="cuda")  # bad
            print(pipe(prompt))
            """,
            fixed="""
            import torch
            from transformers import pipeline

            pipe = pipeline("text-generation", model="gpt2", dtype=torch.bfloat16, device="cuda")
            print(pipe(prompt))
            """,
        ),
        Bad(
            """
            from diffusers import StableDiffusionPipeline

            pipe = StableDiffusionPipeline.from_pretrained("sd-v1-5").to("cuda")  # bad
            pipe(prompt).images[0].save("cat.png")
            """,
            fixed="""
            import torch
            from diffusers import StableDiffusionPipeline

            pipe = StableDiffusionPipeline.from_pretrained("sd-v1-5", torch_dtype=torch.float16).to("cuda")
            pipe(prompt).images[0].save("cat.png")
            """,
        ),
        Bad(
            """
            import whisper

            model = whisper.load_model("large", device="cuda")
            print(model.transcribe("talk.mp3", fp16=False)["text"])  # bad
            """,
            fixed="""
            import whisper

            model = whisper.load_model("large", device="cuda")
            print(model.transcribe("talk.mp3")["text"])
            """,
        ),
        Bad(
            """
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("gpt2").to("cuda")  # bad
            model.generate(**inputs)
            """,
            fixed="""
            import torch
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("gpt2", torch_dtype=torch.bfloat16).to("cuda")
            model.generate(**inputs)
            """,
            files={"requirements.txt": "transformers==4.40.0\n"},
        ),
        Bad(
            """
            import torch
            from transformers import AutoModelForCausalLM

            device = "cuda" if torch.cuda.is_available() else "cpu"
            model = AutoModelForCausalLM.from_pretrained("unsloth/Llama-3.2-1B", dtype=torch.float32).to(device)  # bad
            model.generate(**inputs)
            """,
            fixed="""
            import torch
            from transformers import AutoModelForCausalLM

            device = "cuda" if torch.cuda.is_available() else "cpu"
            model = AutoModelForCausalLM.from_pretrained("unsloth/Llama-3.2-1B", dtype="auto").to(device)
            model.generate(**inputs)
            """,
        ),
        Bad(
            """
            import torch
            from transformers import AutoModelForCausalLM

            device = "cuda" if torch.cuda.is_available() else "cpu"
            model = AutoModelForCausalLM.from_pretrained(  # bad
                "gpt2",
                dtype=torch.float32,
            ).to(device)
            model.generate(**inputs)
            """,
            fixed="""
            import torch
            from transformers import AutoModelForCausalLM

            device = "cuda" if torch.cuda.is_available() else "cpu"
            model = AutoModelForCausalLM.from_pretrained(
                "gpt2",
                dtype=torch.bfloat16 if torch.cuda.is_available() else torch.float32,
            ).to(device)
            model.generate(**inputs)
            """,
        ),
        Bad(
            """
            import torch
            from transformers import AutoModelForCausalLM

            device = "cuda" if torch.cuda.is_available() else "cpu"
            model = AutoModelForCausalLM.from_pretrained("gpt2", dtype=torch.float32).to(device)  # bad
            print(model.generate(**inputs))
            print(model(**inputs).logits.softmax(-1))
            """
        ),
        Bad(
            """
            import torch
            from transformers import AutoModelForCausalLM

            device = "cuda" if torch.cuda.is_available() else "cpu"
            model = AutoModelForCausalLM.from_pretrained("gpt2", dtype=torch.float32).to(device)  # bad
            print(model.generate(**inputs, output_scores=True).scores[0].cpu().numpy())
            """
        ),
        Bad(
            """
            import torch
            from transformers import WhisperForConditionalGeneration

            model = WhisperForConditionalGeneration.from_pretrained("small", dtype=torch.float32).cuda()  # bad
            model.generate(features.cuda())
            """
        ),
        Bad(
            """
            from diffusers import StableDiffusionPipeline

            pipe = StableDiffusionPipeline.from_pretrained("sd-v1-5", vae=vae).to("cuda")  # bad
            pipe(prompt).images[0].save("cat.png")
            """
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("gpt2").to("cuda")
            model.generate(**inputs)
            """,
            why="transformers 5 keeps the dtype of the checkpoint, and the version is not known",
        ),
        Good(
            """
            from transformers import pipeline

            pipe = pipeline("text-classification")
            print(pipe(text))
            """,
            why="older releases run a pipeline without a device on the CPU",
            files={"requirements.txt": "transformers==4.16.2\n"},
            settings={"hardware": "gpu"},
        ),
        Good(
            """
            import torch
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("gpt2", torch_dtype=torch.float32)
            model.generate(**inputs)
            """,
            why="nothing says that it runs on an accelerator",
        ),
        Good(
            """
            import torch
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("gpt2", torch_dtype=torch.float32).cuda()
            model.generate(**inputs)
            loss = model(**batch).loss
            loss.backward()
            optimizer.step()
            """,
            why="training keeps float32 weights",
        ),
        Good(
            """
            import torch
            from transformers import AutoModelForCausalLM

            device = "cuda" if torch.cuda.is_available() else "cpu"
            dtype = torch.float16 if device == "cuda" else torch.float32
            model = AutoModelForCausalLM.from_pretrained("gpt2", torch_dtype=dtype).to(device)
            model.generate(**inputs)
            """,
            why="float32 on the CPU only",
        ),
        Good(
            """
            from diffusers import StableDiffusionPipeline

            pipe = StableDiffusionPipeline.from_pretrained("sd-v1-5").to("cuda").half()
            pipe(prompt)
            """,
            why="cast afterwards",
        ),
        Good(
            """
            import torch
            from transformers import AutoModelForCausalLM

            base = AutoModelForCausalLM.from_pretrained("gpt2", torch_dtype=torch.float32).cuda()
            for name, weight in base.state_dict().items():
                difference[name] = weight - other[name]
            print(base.generate(**inputs))
            """,
            why="weights are compared, and tried once",
        ),
        Good(
            """
            import whisper

            model = whisper.load_model("large", device="cpu")
            print(model.transcribe("talk.mp3", fp16=False)["text"])
            other.cuda()
            """,
            why="CPUs do not compute Whisper in float16",
        ),
    )


_DECIDES = re.compile(
    r"autocast|\.half\(|\bb?float16\b|\bfp16 ?= ?True|load_in_[48]|quantization_config|use_amp|half_precision|variant="
)
"""A decision for another precision anywhere in the file."""
_TRAINS = re.compile(
    r"Trainer\b|\.backward\(|LoraConfig|get_peft_model|accelerator\.|training_step|\.fit\(|optimizer\.step|merge_and_unload"
    r"|\.state_dict\(|save_pretrained|convert_checkpoint"
)
"""Training, or work on the weights themselves."""


def _loads(facts: Facts) -> Iterator[tuple[Call, str, str, bool]]:
    """Loads with float32 weights: the call, the message, the remedy, and whether it is certain."""
    from greenlint import LoadKind, Loads

    for load in facts[Loads].all:
        name = load.call.name or ""
        if load.kind is not LoadKind.MODEL or load.call.argument("quantization_config", 99).written:
            continue
        if name.startswith("diffusers."):
            yield from _diffusers(load, facts)
        elif name.startswith("transformers."):
            yield from _transformers(load, facts)


def _diffusers(load: Load, facts: Facts) -> Iterator[tuple[Call, str, str, bool]]:
    if "Pipeline" not in load.written or _places_host(facts, load):
        return
    given = _dtype(load.call)
    remedy = f"add {_spelling(facts, 'diffusers', '0.35')}=torch.bfloat16 (or torch.float16)"
    if given is None:
        return
    if given == "":
        yield load.call, f"`{load.written}` loads float32 weights, the default", remedy, False
    elif given.startswith("'"):
        yield load.call, f"`{load.written}` takes the dtype {given} for float32: it wants torch's own", remedy, True
    elif given == "float32":
        yield load.call, f"`{load.written}` loads float32 weights", remedy, True


def _transformers(load: Load, facts: Facts) -> Iterator[tuple[Call, str, str, bool]]:
    from greenlint import Environment

    if not _infers(load, facts) or _places_host(facts, load):
        return
    remedy = f'give {_spelling(facts, "transformers", "4.56")}="auto" or torch.bfloat16'
    given = _dtype(load.call)
    if given in ("float32", "'float32'"):
        sure = _is_placed(load, facts)
        yield load.call, f"`{load.written}` loads float32 weights for inference", remedy, sure
    elif given == "" and _is_placed(load, facts):
        default = facts[Environment].default("transformers.PreTrainedModel.from_pretrained", "dtype")
        if default == "float32":
            yield load.call, f"`{load.written}` loads float32 weights, the default before transformers 5", remedy, False


def _dtype(call: Call) -> str | None:
    """The dtype that a load asks for, in quotes where it is a string; empty where it says nothing."""
    for name in ("dtype", "torch_dtype"):
        given = call.argument(name, 99)
        if not given.known:
            return None
        if given.written:
            value = given.value
            constant = given.constant
            if isinstance(constant, str) and not constant.startswith("torch."):
                return f"'{constant}'" if constant != "auto" else None
            return value.dtype if value is not None else None
    return ""


def _spelling(facts: Facts, package: str, since: str) -> str:
    from greenlint import Environment

    return "torch_dtype" if facts[Environment].at_least(package, since) is False else "dtype"


def _infers(load: Load, facts: Facts) -> bool:
    """Whether the file runs the model that it loads: it generates, or is a pipeline."""
    from greenlint import Calls

    return load.call.method == "pipeline" or bool(facts[Calls].methods("generate"))


def _is_placed(load: Load, facts: Facts) -> bool:
    """Whether the load, or a method called on it at once, puts the model on an accelerator."""
    from greenlint import Device, Tree, Values, cst

    given = load.call.argument("device", 99)
    if given.node is not None and facts[Values].device(given.node) is Device.ACCELERATOR:
        return True
    if load.call.argument("device_map", 99).constant in ("auto", "cuda"):
        return True
    statement = facts[Tree].statement(load.call.node)
    value = statement.value if isinstance(statement, cst.Assign) else None
    return value is not None and facts[Values].of(value).device is Device.ACCELERATOR


def _places_host(facts: Facts, load: Load) -> bool:
    """Whether the load, or what is made of it, stays on the CPU."""
    from greenlint import Device, Tree, Values, cst

    values = facts[Values]
    for name in ("device", "device_map"):
        given = load.call.argument(name, 99)
        if given.written and given.node is not None:
            if values.device(given.node) is Device.HOST or given.constant in ("cpu", -1):
                return True
            if "cpu" in facts.document.source(given.node):
                return True
    statement = facts[Tree].statement(load.call.node)
    value = statement.value if isinstance(statement, cst.Assign) else None
    return value is not None and values.of(value).device is Device.HOST


def _whisper(facts: Facts) -> Iterator[tuple[Call, str, str, bool]]:
    from greenlint import Calls, Device, Loads, Values

    for call in facts[Calls].methods("transcribe"):
        load = facts[Loads].behind(call.receiver) if call.receiver is not None else None
        if load is None or load.call.name != "whisper.load_model":
            continue
        given = call.argument("fp16", 99)
        device = load.call.argument("device", 1)
        placed = device.node is not None and facts[Values].device(device.node) is Device.ACCELERATOR
        if given.written and given.constant is False and placed:
            yield call, "Whisper computes in float32 on the accelerator", "leave fp16=False out", False


# -- fixes -----------------------------------------------------------------------------------------------------

_HALF_PIPELINE = re.compile(r"\bStableDiffusion(?:XL)?(?:Img2Img|Inpaint)?Pipeline\.from_pretrained$")
"""Pipelines whose weights are published in float16, too."""
_STORED_IN_16_BITS = re.compile(
    r"llama|mi[sx]tral|qwen|gemma|\bphi-|falcon|/opt-|bloom|gpt-j|gpt-neox|pythia|deepseek|/yi-|internlm|olmo|granite"
    r"|stablelm|dolly|vicuna|zephyr|smollm|chatglm|baichuan",
    re.IGNORECASE,
)
_CARES = re.compile(
    r"\.numpy\(|\bmps\b|[Pp]eft|onnx|jit\.|quanti[sz]|openvino|ipex|optimum|assert_close|allclose|\.double\("
)
"""Words of code that may need float32, or turns results into arrays."""
_TEXT_MODELS = re.compile(
    r"\b(?:AutoModelForCausalLM|AutoModelForSeq2SeqLM|\w+ForCausalLM|\w+LMHeadModel)\.from_pretrained$"
)
_TEXT_TASKS = re.compile(r"text-generation|summarization|translation|text2text-generation")
_FULL = ("torch.float32", "torch.float")
_HARMLESS = frozenset(
    """dtype torch_dtype safety_checker requires_safety_checker use_safetensors cache_dir revision token use_auth_token
    local_files_only feature_extractor""".split()
)


def _typed(call: Call, spelling: str, text: str) -> tuple[Edit, ...] | None:
    """Give a load its dtype, under the name it has there already."""
    from greenlint import Names, cst, set_argument

    for name in ("dtype", "torch_dtype"):
        node = call.argument(name, 99).node
        if node is not None:
            # A constant that is defined elsewhere may serve others, too.
            is_literal = isinstance(node, cst.SimpleString) or call.facts[Names].resolve(node) in _FULL
            return set_argument(call.facts.document, call.node, name, text) if is_literal else None
    return set_argument(call.facts.document, call.node, spelling, text)


def _is_chosen(call: Call, facts: Facts) -> bool:
    """Whether a condition decides on a load, or a comment may say why it is made so."""
    from greenlint import Tree, cst, is_remarked

    tree = facts[Tree]
    above = tree.enclosing(call.node, cst.If, cst.IfExp, cst.Try, cst.ExceptHandler)
    if above is not None and "__name__" not in facts.document.source(getattr(above, "test", above)):
        return True
    asked = [call.argument(name, 99).node for name in ("dtype", "torch_dtype", "fp16")]
    return is_remarked(facts.document, call.node.func, *asked)


def _is_on_cuda(load: Load, facts: Facts) -> bool:
    """Whether the code needs a GPU anyway: the load or a method called on it at once says so."""
    from greenlint import Tree, Values, cst

    if any(load.call.argument(name, 99).constant == "cuda" for name in ("device", "device_map")):
        return True
    for above in facts[Tree].ancestors(load.call.node):
        if isinstance(above, cst.Call) and isinstance(above.func, cst.Attribute):
            if above.func.attr.value == "cuda" and not above.args:
                return True
            if above.func.attr.value == "to" and above.args and facts[Values].constant(above.args[0].value) == "cuda":
                return True
        if isinstance(above, cst.BaseStatement):
            break
    return False


def _only_generates(load: Load, facts: Facts) -> bool:
    """Whether it is the one model of the file, gets tokens only, and does nothing but generate text."""
    from greenlint import Calls, LoadKind, Loads, Models, Values

    models = [each for each in facts[Loads].all if each.kind is LoadKind.MODEL]
    if len(models) != 1 or load.call.argument("model_kwargs", 99).written:
        return False
    if load.call.method == "pipeline":
        task = load.call.argument("task", 0)
        constant = facts[Values].constant(task.node) if task.node is not None else None
        return isinstance(constant, str) and _TEXT_TASKS.match(constant) is not None and load.source is not None
    if not _TEXT_MODELS.search(facts.document.source(load.call.node.func)):
        return False
    runs = [each for each in facts[Calls].all if facts[Models].network(each) is not None]
    return all(each.method == "generate" and not _feeds_numbers(each) for each in runs)


def _feeds_numbers(call: Call) -> bool:
    return any(call.keyword(name) is not None for name in ("inputs_embeds", "pixel_values", "past_key_values"))


def _only_draws(call: Call, facts: Facts) -> bool:
    """Whether a pipeline runs on CUDA as it was loaded, without parts or tensors of another type."""
    from greenlint import LoadKind, Loads, Tree, cst

    tree, document = facts[Tree], facts.document
    given = {arg.keyword.value for arg in call.node.args if arg.keyword is not None}
    if not given <= _HARMLESS or any(arg.star for arg in call.node.args):
        return False
    if len([each for each in facts[Loads].all if each.kind is LoadKind.MODEL]) != 1 or _PARTS.search(document.text):
        return False
    statement = tree.statement(call.node)
    target = statement.targets[0].target if isinstance(statement, cst.Assign) and len(statement.targets) == 1 else None
    if not isinstance(target, cst.Name):
        return False
    moves = (f'{target.value}.to("cuda")', f"{target.value}.to('cuda')", f"{target.value}.cuda()")
    chained = document.source(statement).rstrip().endswith(('.to("cuda")', ".to('cuda')", ".cuda()"))
    return chained or any(each in document.text for each in moves)


_PARTS = re.compile(
    r"\.(?:unet|vae|text_encoder|transformer|controlnet)\b|latents|prompt_embeds|image_embeds|load_\w+\(|torch\.randn"
)
"""Parts of a pipeline, or tensors given to it, that would be of another type."""
