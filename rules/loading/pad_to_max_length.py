"""Texts that are padded to the longest length that a model takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenlint import Call, Edit, Facts, Findings, Fix, Outline, cst

_REPORT = (
    "https://ai.lefebvre-sarrut.eu/2020/05/20/divide-hugging-face-transformers-training-time-by-2-or-more-with-"
    "dynamic-padding-and-uniform-length-batching/"
)


class PadToMaxLength(Rule):
    """Every text of a data set is padded to a fixed maximum, so that the model computes mostly padding.

    The layers of a transformer do the same work for a padding token as for a word, and attention does so for every
    pair. With texts of 60 tokens padded to 256, three quarters of each step are spent on nothing. Padded to the longest
    text of its batch, a batch is as long as it needs to be.

    The finding stands at the first call of a tokenizer in the file that pads to the maximum; others are related. It
    is a warning where the file trains.

    Leave it where shapes must not change: on TPUs, with compiled or exported models, CUDA graphs, and models that are
    made for one length, such as CLIP's text encoder. Where nearly all texts are as long as the maximum, nothing is won.

    To fix it, leave the padding to the collator: `DataCollatorWithPadding(tokenizer, pad_to_multiple_of=8)`, or call
    the tokenizer on whole batches with `padding=True`; batches of similar lengths save further. The automatic fix is
    made where every `Trainer` or `DataLoader` of the file pads its batches already, or where the next step of the same
    loop classifies the batch.
    """

    class Options(RuleOptions):
        length: int = 64
        """Report known maximum lengths only above this."""

    severity = Severity.WARNING
    frameworks = ("transformers",)
    words = (("max_length", "pad_to_max_length", "padding"), ("*okeni*", "tok"))
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK)
    references = (
        "https://huggingface.co/docs/transformers/pad_truncation",
        "https://huggingface.co/learn/llm-course/chapter3/2",
        _REPORT,
    )
    evidence = (
        Evidence(
            Grade.TIMED,
            "CamemBERT-base at 128 tokens trained in 16 instead of 56 minutes with padding to the batch and batches of "
            "similar lengths, at the same accuracy",
            _REPORT,
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return bool(outline.calls)

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Frameworks, Mapped

        code = facts[Frameworks].code
        if _FIXED.search(code) or facts[Frameworks].uses("tensorflow") or facts[Frameworks].uses("jax"):
            return
        found = [
            call
            for call in facts[Mapped].tokenizer_calls
            if not facts[Contexts].dead(call.node) and self._pads(call) and _is_of_data(call, facts)
        ]
        if not found:
            return
        first, *others = found
        trains = _TRAINS.search(code) is not None and not _only_evaluates(first, facts)
        trains = trains and not _is_by_default(first)
        yield self.finding(
            first.node,
            _message(first),
            help="leave padding out here: the collator pads each batch"
            if _COLLATES.search(code)
            else "pad each batch to its longest text: DataCollatorWithPadding, or padding=True in the collate function",
            notes=("shapes then differ from batch to batch, which compiled models do not like",),
            related=[(each.node, "padded so as well") for each in others[:5]],
            severity=None if trains else Severity.INFO,
            fix=self._fix(found),
        )

    def _fix(self, found: Sequence[Call]) -> Fix | None:
        made = [_left_to_the_batch(each) for each in found]
        edits = [edit for each in made for edit in each or ()]
        if None in made:
            return None
        reason = "changes rounding, and dropout and masking draw other numbers"
        return self.unsafe_fix("pad each batch to its longest text", *edits, reason=reason)

    def _pads(self, call: Call) -> bool:
        from greenlint import Values

        if any(
            call.keyword(name) is not None for name in ("stride", "return_overflowing_tokens", "pad_to_multiple_of")
        ):
            return False
        if not _is_fixed(call) and call.argument("pad_to_max_length").constant is not True:
            return False
        length = call.argument("max_length")
        if length.node is None:
            return length.known
        constant = length.constant
        if isinstance(constant, int) and constant <= _FULL and _LONG.search(call.facts.document.text):
            return False
        if not isinstance(constant, int):
            default = length.facts[Values].default(length.node)
            return not isinstance(default, int) or default > int(self.options.length)
        return constant > int(self.options.length)

    examples = (
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer, Trainer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")

            def encode(rows):
                return tokenizer(rows["text"], padding="max_length", truncation=True)  # bad

            data = load_dataset("imdb").map(encode, batched=True)
            trainer = Trainer(model=model, train_dataset=data["train"])
            trainer.train()
            """
        ),
        Bad(
            """
            import torch
            from transformers import AutoTokenizer

            class Reviews(torch.utils.data.Dataset):
                def __init__(self, texts):
                    self.texts = texts
                    self.tokenizer = AutoTokenizer.from_pretrained("roberta-base")

                def __getitem__(self, index):
                    return self.tokenizer.encode_plus(  # bad
                        self.texts[index], max_length=256, padding="max_length", truncation=True, return_tensors="pt"
                    )

            for batch in torch.utils.data.DataLoader(Reviews(texts), batch_size=16):
                loss = model(**batch).loss
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from transformers import BertTokenizer

            tokenizer = BertTokenizer.from_pretrained("bert-base-uncased")
            ids = []
            for sentence in sentences:
                encoded = tokenizer.encode_plus(sentence, max_length=128, pad_to_max_length=True)  # bad
                ids.append(encoded["input_ids"])
            for step in range(1000):
                model(ids).loss.backward()
            """
        ),
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer, Seq2SeqTrainer

            tokenizer = AutoTokenizer.from_pretrained("t5-base")

            def encode(rows, padding="max_length"):
                return tokenizer(rows["text"], padding=padding, max_length=limit, truncation=True)  # bad

            data = load_dataset("news").map(encode, batched=True)
            Seq2SeqTrainer(model=model, train_dataset=data["train"]).train()
            """
        ),
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")

            def encode(rows):
                return tokenizer(rows["text"], padding="max_length", truncation=True)  # bad

            data = load_dataset("news").map(encode, batched=True)
            data.set_format("torch", columns=["input_ids", "attention_mask", "label"])
            trainer = Trainer(model, args, train_dataset=data["train"], processing_class=tokenizer)
            trainer.train()
            """,
            fixed="""
            from datasets import load_dataset
            from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")

            def encode(rows):
                return tokenizer(rows["text"], truncation=True)

            data = load_dataset("news").map(encode, batched=True)
            data.set_format("torch", columns=["input_ids", "attention_mask", "label"])
            trainer = Trainer(model, args, train_dataset=data["train"], processing_class=tokenizer)
            trainer.train()
            """,
        ),
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoModelForCausalLM, AutoTokenizer, DataCollatorForLanguageModeling, Trainer

            tokenizer = AutoTokenizer.from_pretrained("gpt2")
            model = AutoModelForCausalLM.from_pretrained("gpt2")
            data = load_dataset("poems", split="train")
            data = data.map(
                lambda rows: tokenizer(rows["text"], max_length=512, truncation=True, padding="max_length"),  # bad
                batched=True,
            )
            collator = DataCollatorForLanguageModeling(tokenizer, mlm=False)
            Trainer(model=model, args=args, train_dataset=data, data_collator=collator).train()
            """,
            fixed="""
            from datasets import load_dataset
            from transformers import AutoModelForCausalLM, AutoTokenizer, DataCollatorForLanguageModeling, Trainer

            tokenizer = AutoTokenizer.from_pretrained("gpt2")
            model = AutoModelForCausalLM.from_pretrained("gpt2")
            data = load_dataset("poems", split="train")
            data = data.map(
                lambda rows: tokenizer(rows["text"], max_length=512, truncation=True),
                batched=True,
            )
            collator = DataCollatorForLanguageModeling(tokenizer, mlm=False)
            Trainer(model=model, args=args, train_dataset=data, data_collator=collator).train()
            """,
        ),
        Bad(
            """
            import torch
            from datasets import load_dataset
            from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding

            tokenizer = AutoTokenizer.from_pretrained("roberta-base")
            model = AutoModelForSequenceClassification.from_pretrained("roberta-base").cuda()

            def encode(rows):
                return tokenizer(rows["text"], padding="max_length", max_length=256, truncation=True)  # bad

            data = load_dataset("news", split="train").map(encode, batched=True, remove_columns=["text"])
            loader = torch.utils.data.DataLoader(data, batch_size=16, collate_fn=DataCollatorWithPadding(tokenizer))
            for batch in loader:
                batch = {name: each.cuda() for name, each in batch.items()}
                model(**batch).loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            from datasets import load_dataset
            from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding

            tokenizer = AutoTokenizer.from_pretrained("roberta-base")
            model = AutoModelForSequenceClassification.from_pretrained("roberta-base").cuda()

            def encode(rows):
                return tokenizer(rows["text"], max_length=256, truncation=True)

            data = load_dataset("news", split="train").map(encode, batched=True, remove_columns=["text"])
            loader = torch.utils.data.DataLoader(data, batch_size=16, collate_fn=DataCollatorWithPadding(tokenizer))
            for batch in loader:
                batch = {name: each.cuda() for name, each in batch.items()}
                model(**batch).loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            from transformers import AutoModelForSequenceClassification, AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("roberta-base")
            model = AutoModelForSequenceClassification.from_pretrained("roberta-base")
            for start in range(0, len(texts), 32):
                batch = tokenizer(  # bad
                    texts[start : start + 9], padding="max_length", max_length=256, truncation=True, return_tensors="pt"
                )
                batch = batch.to("cuda")
                scores.append(model(**batch).logits)
            """,
            fixed="""
            import torch
            from transformers import AutoModelForSequenceClassification, AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("roberta-base")
            model = AutoModelForSequenceClassification.from_pretrained("roberta-base")
            for start in range(0, len(texts), 32):
                batch = tokenizer(
                    texts[start : start + 9], padding=True, max_length=256, truncation=True, return_tensors="pt"
                )
                batch = batch.to("cuda")
                scores.append(model(**batch).logits)
            """,
        ),
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")

            def encode(rows):
                return tokenizer(rows["text"], padding="max_length", truncation=True, return_tensors="pt")  # bad

            data = load_dataset("news").map(encode, batched=True)
            Trainer(model, args, train_dataset=data["train"], processing_class=tokenizer).train()
            """
        ),
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")

            def encode(rows):
                return tokenizer(rows["text"], padding="max_length", max_length=256)  # bad

            data = load_dataset("news").map(encode, batched=True)
            Trainer(model, args, train_dataset=data["train"], processing_class=tokenizer).train()
            """
        ),
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")

            def encode(rows):
                encoded = tokenizer(rows["text"], padding="max_length", truncation=True)  # bad
                return {**encoded, "labels": encoded["input_ids"]}

            data = load_dataset("news").map(encode, batched=True)
            Trainer(model, args, train_dataset=data["train"], processing_class=tokenizer).train()
            """
        ),
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")

            def encode(rows):
                return tokenizer(rows["text"], padding="max_length", truncation=True)  # bad

            data = load_dataset("news").map(encode, batched=True)
            collator = DataCollatorWithPadding(tokenizer, "max_length")
            Trainer(model, args, train_dataset=data["train"], data_collator=collator).train()
            """
        ),
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            model = Classifier(AutoModelForSequenceClassification.from_pretrained("bert-base-uncased"))

            def encode(rows):
                return tokenizer(rows["text"], padding="max_length", truncation=True)  # bad

            data = load_dataset("news").map(encode, batched=True)
            Trainer(model, args, train_dataset=data["train"], processing_class=tokenizer).train()
            """
        ),
        Bad(
            """
            import torch
            from datasets import load_dataset
            from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")

            def encode(rows):
                return tokenizer(rows["text"], padding="max_length", truncation=True)  # bad

            data = load_dataset("news").map(encode, batched=True)
            torch.save(data["test"]["input_ids"], "test.pt")
            Trainer(model, args, train_dataset=data["train"], processing_class=tokenizer).train()
            """
        ),
        Bad(
            """
            from datasets import load_dataset
            from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")

            def encode(rows):
                return tokenizer(rows["text"], padding="max_length", truncation=True)  # bad

            lengths = len(encode(first)["attention_mask"])
            data = load_dataset("news").map(encode, batched=True)
            Trainer(model, args, train_dataset=data["train"], processing_class=tokenizer).train()
            """
        ),
        Bad(
            """
            import torch
            from transformers import AutoModel, AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("roberta-base")
            model = AutoModel.from_pretrained("roberta-base")
            states = []
            for start in range(0, len(texts), 32):
                batch = tokenizer(  # bad
                    texts[start : start + 9], padding="max_length", max_length=256, truncation=True, return_tensors="pt"
                )
                states.append(model(**batch)[0])
            states = torch.cat(states)
            """
        ),
        Good(
            """
            from datasets import load_dataset
            from transformers import AutoTokenizer, DataCollatorWithPadding, Trainer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            data = load_dataset("imdb").map(lambda rows: tokenizer(rows["text"], truncation=True), batched=True)
            trainer = Trainer(model=model, train_dataset=data, data_collator=DataCollatorWithPadding(tokenizer))
            """,
            why="each batch is padded for itself",
        ),
        Good(
            """
            import pandas as pd
            from transformers import AutoTokenizer, Trainer

            reviews = pd.read_csv("IMDB Dataset.csv")
            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")

            def encode(text):
                return tokenizer(text, padding="max_length", max_length=128, truncation=True)

            Trainer(model=model, train_dataset=[encode(text) for text in reviews.review]).train()
            """,
            why="nearly every text is longer than the maximum",
        ),
        Good(
            """
            from transformers import AutoTokenizer, Trainer

            tokenizer = AutoTokenizer.from_pretrained("SCUT-DLVCLab/lilt-roberta-en-base")

            def encode(page):
                return tokenizer(page["words"], boxes=page["boxes"], padding="max_length", max_length=128)

            Trainer(model=model, train_dataset=pages.map(encode)).train()
            """,
            why="a page has more words than the maximum",
        ),
        Good(
            """
            from transformers import Trainer

            def encode(rows):
                rows["pixels"] = [to_tensor(image.convert("RGB")) for image in rows["image"]]
                rows["ids"] = tokenizer(rows["text"], padding="max_length", max_length=tokenizer.model_max_length)
                return rows

            Trainer(model=model, train_dataset=data.map(encode, batched=True)).train()
            """,
            why="captions for a text encoder that is made for one length",
        ),
        Good(
            """
            import torch
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            model = torch.compile(model, mode="reduce-overhead")

            def encode(rows):
                return tokenizer(rows["text"], padding="max_length", max_length=128)
            """,
            why="a compiled model wants one shape",
        ),
        Good(
            """
            import torch_xla.core.xla_model as xm
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")

            def encode(rows):
                return tokenizer(rows["text"], padding="max_length", max_length=128)
            """,
            why="a TPU compiles for every shape anew",
        ),
        Good(
            """
            from transformers import CLIPTokenizer

            tokenizer = CLIPTokenizer.from_pretrained("openai/clip-vit-large-patch14")

            def encode(rows):
                return tokenizer(rows["caption"], padding="max_length", max_length=tokenizer.model_max_length)
            """,
            why="CLIP's text encoder is made for 77 tokens",
        ),
        Good(
            """
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")

            def encode(rows):
                padding = "max_length" if args.pad_to_max_length else False
                return tokenizer(rows["text"], padding=padding, max_length=128)
            """,
            why="whoever runs it decides",
        ),
        Good(
            """
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")

            def encode(line):
                return tokenizer([line], padding="max_length", max_length=512, return_tensors="pt")

            def trim_batch(ids, pad):
                return ids[:, ids.ne(pad).any(dim=0)]
            """,
            why="each batch is cut to its longest text",
        ),
        Good(
            """
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")

            def encode(rows):
                return tokenizer(rows["query"], padding="max_length", max_length=32)
            """,
            why="short",
        ),
        Good(
            """
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-large-uncased")

            def encode(rows):
                return tokenizer(rows["question"], rows["context"], padding="max_length", max_length=384, stride=128)
            """,
            why="long documents are cut into windows, of which nearly all are full",
        ),
        Good(
            """
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
            inputs = tokenizer("How are you?", padding="max_length", max_length=128, return_tensors="pt")
            answer = model(**inputs)
            """,
            why="one text",
        ),
    )


_FIXED = re.compile(
    r"(?i)torch_xla|\bxla\b|\btpu\b|tpu_|neuron|habana|\bhpu\b|tensorrt|onnx|torch\.compile|\bcompile\(model|cudagraph|clip"
    r"|diffusers|siglip|diffusion|\bconvert\([\"']RGB|pixel_values|image_column|\bvilt|blip|\bflax\b|torch_compile|torchdynamo|openvino|coremltools|\.export\("
    r"|attention_mask[\"'\])]*\.sum\(|\.jit\.trace|use_graphs|trim_batch|\.ne\(pad|t5encoder|audio|speech|whisper|wav2vec"
)
"""Signs that shapes must not change, that batches are cut later, or that texts are captions or no texts at all."""
_LONG = re.compile(r"(?i)imdb|arxiv|pubmed|cnn_dailymail|newsgroups|yelp|wikitext|wikipedia|\bboxes\s*=")
_FULL = 256
"""Texts of the data sets above, and the words of a page with their boxes, are seldom shorter than so many tokens."""
_TRAINS = re.compile(r"Trainer\(|\.backward\(|trainer\.fit\(|training_step")
_COLLATES = re.compile(r"DataCollatorWithPadding|DataCollatorForSeq2Seq|DataCollatorForTokenClassification")
_PREPARES = re.compile(
    r"(?i)tokeni[sz]e|preprocess|encod|collate|prepare|convert|featur|process|__getitem__|getitem|map_|transform"
)


def _is_of_data(call: Call, facts: Facts) -> bool:
    """Whether a call tokenizes a data set rather than one text: in a loop, a mapped function, ``__getitem__``."""
    from greenlint import Mapped, Tree, cst

    tree = facts[Tree]
    if any(isinstance(each, cst.For) for each in tree.loops_around(call.node)):
        return True
    if any(isinstance(each, (cst.ListComp, cst.GeneratorExp)) for each in tree.ancestors(call.node)):
        return True
    if any(inner.node is call.node for each in facts[Mapped].all for inner in each.tokenizes):
        return True
    function = tree.function(call.node)
    if function is not None and _PREPARES.search(function.name.value):
        return True
    return bool(call.positional) and _lists(call.positional[0])


def _is_fixed(call: Call) -> bool:
    """Whether padding to the maximum is written, or the default of a function that is only mapped."""
    from greenlint import Values, cst

    padding = call.argument("padding")
    if padding.constant == "max_length":
        return True
    if not isinstance(padding.node, cst.Name):
        return False
    return padding.facts[Values].default(padding.node) == "max_length"


def _left_to_the_batch(call: Call) -> tuple[Edit, ...] | None:
    """Edits after which a call pads no further than to the longest text of a batch."""
    from greenlint import Padding, remove_argument, set_argument

    document, padding = call.facts.document, call.facts[Padding]
    name = "padding" if call.keyword("padding") is not None else "pad_to_max_length"
    if not _keeps_to_length(call) or call.argument(name).constant not in ("max_length", True):
        return None
    if padding.is_left_to_collator(call):
        return remove_argument(document, call.node, name) if call.argument("return_tensors").absent else None
    if padding.is_of_one_pass(call) and name == "padding":
        return set_argument(document, call.node, name, "True")
    return None


def _keeps_to_length(call: Call) -> bool:
    """Whether only the padding of the texts hangs on ``padding``: not their truncation, and not other texts."""
    if call.is_open or any(call.keyword(name) is not None for name in ("text_target", "return_attention_mask")):
        return False
    truncation = call.argument("truncation")
    return call.argument("max_length").absent or (truncation.written and truncation.constant in _TRUNCATES)


_TRUNCATES = (True, "longest_first", "only_first", "only_second")


def _is_by_default(call: Call) -> bool:
    return call.argument("padding").constant != "max_length" and call.keyword("pad_to_max_length") is None


def _only_evaluates(call: Call, facts: Facts) -> bool:
    from greenlint import Tree

    function = facts[Tree].function(call.node)
    return function is not None and re.search(r"(?i)eval|predict|infer|test|generat", function.name.value) is not None


def _lists(node: cst.BaseExpression) -> bool:
    """Whether an argument certainly holds many texts: ``list(frame["text"])``, ``frame["text"].tolist()``."""
    from greenlint import cst

    if not isinstance(node, cst.Call):
        return False
    func = node.func
    if isinstance(func, cst.Attribute):
        return func.attr.value in ("tolist", "to_list")
    return isinstance(func, cst.Name) and func.value == "list"


def _message(call: Call) -> str:
    length = call.argument("max_length").constant
    if isinstance(length, int):
        return f"every text is padded to {length} tokens, however short it is"
    return "every text is padded to the maximum length, however short it is"
