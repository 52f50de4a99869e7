"""Services that run a model as it was trained."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Facts, Findings, Outline, cst


class DeploymentNotOptimised(Rule):
    """A service answers requests with a model in plain eager mode and full precision.

    Over the life of a service, inference takes more energy than training did. A smaller or distilled model, 16-bit
    weights, batching and an inference engine each cut it, and add up.

    The finding stands at the call that loads the model, or at a generation with eight or more beams. The rule is off by
    default: what pays must be measured.

    Leave it for services with few requests, and for prototypes.

    To fix it, try in this order and measure: a smaller model, half precision, batching, `torch.compile`, an inference
    engine such as ONNX Runtime or vLLM, then quantisation.
    """

    severity = Severity.INFO
    default = False
    frameworks = ("transformers", "torch", "sentence_transformers", "keras", "tensorflow")
    words = (
        ("from_pretrained", "*load*", "pipeline", "SentenceTransformer", "generate"),
        ("fastapi", "flask*", "quart", "sanic", "tornado", "django*", "celery", "gradio", "streamlit", "num_beams"),
    )
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK)
    references = ("https://arxiv.org/abs/2504.17674", "https://arxiv.org/abs/2307.05520")
    evidence = (
        Evidence(
            Grade.MEASURED,
            "the whole serving stack took down to 0.27 of the energy of plain PyTorch (A6000 and A100, models of 1-32 "
            "billion parameters)",
            "arXiv 2504.17674",
        ),
        Evidence(
            Grade.MEASURED,
            "the choice of model and hardware made the largest difference, up to 81 % at under 2 % loss of F1",
            "arXiv 2307.05520",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return bool(outline.roots & _APP_ROOTS) or "generate" in outline.calls

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Calls, Contexts, Handlers, LoadKind, Loads

        for call in facts[Calls].methods("generate"):
            beams = call.argument("num_beams", 99).constant
            if isinstance(beams, int) and beams >= 8 and not facts[Contexts].dead(call.node):
                yield self.finding(
                    call.node,
                    f"{beams} beams decode {beams} sequences for one answer",
                    help="try 1 to 4 beams and compare the answers",
                )
        if _OPTIMISED.search(facts.document.text) or not facts[Handlers].all:
            return
        for load in facts[Loads].all:
            heavy = (load.call.name or "").split(".")[0] in _HEAVY
            if load.kind is LoadKind.MODEL and heavy and not facts[Contexts].dead(load.call.node):
                yield self.finding(
                    load.call.node,
                    f"this service runs `{load.written}` in eager mode and full precision",
                    help="measure a smaller model, half precision, batching and an inference engine",
                    related=((facts[Handlers].all[0].node, "a request is answered here"),),
                )
                return

    examples = (
        Bad(
            """
            from fastapi import FastAPI
            from transformers import pipeline

            app = FastAPI()
            pipe = pipeline("summarization", model="facebook/bart-large-cnn")  # bad

            @app.post("/summarize")
            def summarize(text: str):
                return pipe(text)
            """
        ),
        Bad(
            """
            import torch
            from flask import Flask

            app = Flask(__name__)
            model = torch.hub.load("pytorch/vision", "resnet152")  # bad

            @app.route("/classify")
            def classify():
                return str(model(read()).argmax())
            """
        ),
        Bad(
            """
            import gradio as gr
            import tensorflow as tf
            from keras.models import load_model
            from sentence_transformers import SentenceTransformer

            encoder = SentenceTransformer("all-mpnet-base-v2")  # bad
            model = load_model("model.keras")

            def answer(text):
                return model.predict(tf.constant(encoder.encode([text])))

            gr.Interface(answer, "text", "text").launch()
            """
        ),
        Bad(
            """
            from transformers import AutoModelForSeq2SeqLM

            model = AutoModelForSeq2SeqLM.from_pretrained("t5-large")
            model.generate(**inputs, num_beams=10)  # bad
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from transformers import pipeline

            app = FastAPI()
            pipe = pipeline("summarization", model="sshleifer/distilbart-cnn-12-6", torch_dtype="float16")

            @app.post("/summarize")
            def summarize(text: str):
                return pipe(text)
            """,
            why="a distilled model in half precision",
        ),
        Good(
            """
            import torch
            from flask import Flask

            app = Flask(__name__)
            model = torch.compile(torch.hub.load("pytorch/vision", "resnet152"))

            @app.route("/classify")
            def classify():
                return str(model(read()).argmax())
            """,
            why="compiled",
        ),
        Good(
            """
            from fastapi import FastAPI
            from optimum.onnxruntime import ORTModelForSequenceClassification

            app = FastAPI()
            model = ORTModelForSequenceClassification.from_pretrained("model")

            @app.post("/classify")
            def classify(text: str):
                return model(encode(text))
            """,
            why="an inference engine",
        ),
        Good(
            """
            from transformers import pipeline

            pipe = pipeline("summarization", model="facebook/bart-large-cnn")
            print(pipe(text))
            """,
            why="a script, no service",
        ),
        Good(
            """
            from transformers import AutoModelForSeq2SeqLM

            model = AutoModelForSeq2SeqLM.from_pretrained("t5-large")
            model.generate(**inputs, num_beams=4)
            """,
            why="few beams",
        ),
    )


_APP_ROOTS = frozenset("fastapi flask quart sanic tornado django rest_framework celery gradio streamlit".split())
_HEAVY = frozenset("transformers torch sentence_transformers keras tensorflow tensorflow_hub".split())
_OPTIMISED = re.compile(
    r"compile|onnx|tensorrt|\btrt\b|openvino|vllm|\btgi\b|quanti|\.half\(|float16|fp16|torchscript|\bjit\b|distil|int8"
    r"|8bit|4bit|ctranslate|faster_whisper|optimum|prun|tflite|triton|tiny|mini|mobile_?net|small|nano",
    re.IGNORECASE,
)
"""A sign that the model was made cheaper to run."""
