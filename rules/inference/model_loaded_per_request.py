"""Models read from disk again for each request of a server or app."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Handler, Load, Outline, cst


class ModelLoadedPerRequest(Rule):
    """A route, task, callback or Streamlit script reads a model from disk or a hub each time that it runs.

    Each request then pays for reading and deserialising all weights, and for copying them to the accelerator, before
    the work begins: often many times the energy of the prediction itself.

    The finding stands at the call that loads the model; where that stands in another file, at the call that leads
    there. It is an info where the request itself says which model to load, and for pickled files, which may be small.

    Leave it for endpoints that are called less than about once in five minutes: a model that is kept, above all on an
    accelerator, draws power as well.

    To fix it, load the model once per process: at module level, in a start-up hook, or in a function with
    `functools.lru_cache`; in Streamlit with `@st.cache_resource`.
    """

    severity = Severity.WARNING
    frameworks = (
        "fastapi",
        "flask",
        "quart",
        "sanic",
        "bottle",
        "flask_restful",
        "flask_restx",
        "tornado",
        "django",
        "rest_framework",
        "celery",
        "streamlit",
        "gradio",
        "torch",
        "transformers",
        "sentence_transformers",
        "keras",
        "tensorflow",
        "joblib",
        "spacy",
    )
    words = (
        (
            "fastapi",
            "flask*",
            "quart",
            "sanic",
            "bottle",
            "tornado",
            "django*",
            "rest_framework",
            "celery",
            "streamlit",
            "gradio",
            "context",
        ),
    )
    premises = (Premise.NOT_A_TEST, Premise.LEARNS)
    references = (
        "https://docs.streamlit.io/develop/concepts/architecture/caching",
        "https://arxiv.org/abs/2605.23918",
    )
    evidence = (
        Evidence(
            Grade.MEASURED,
            "a model kept on an accelerator draws 26-66 W while idle, so that keeping it pays off only where requests "
            "come faster than every one to five minutes (H100, A100, L40S)",
            "arXiv 2605.23918",
        ),
        Evidence(Grade.REASONED, "each call pays for reading and copying all weights", "own survey, 2026"),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        if outline.roots & _APP_ROOTS:
            return True
        return any({"event", "context"} <= set(parameters) for parameters in outline.parameters.values())

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Handlers

        said: set[cst.CSTNode] = set()
        for handler in facts[Handlers].all:
            if _RELOADS.search(handler.name):
                continue
            for call, load in _loads(handler, facts):
                if facts[Contexts].dead(call.node) or load.call.node in said:
                    continue
                said.add(load.call.node)
                yield self._finding(handler, call, load, facts)
                break

    def _finding(self, handler: Handler, call: Call, load: Load, facts: Facts) -> Report:
        from greenlint import Handlers, Loads, cst

        here = load.call.facts is facts
        place = load.call.node if here else call.node
        direct = load.call.node is call.node
        chosen = (direct or bool(facts[Loads].chosen_by(load))) and any(
            facts[Handlers].asked_for(each, handler) for each in call.node.args
        )
        doubtful = load.call.name in _MAYBE_SMALL or not load.certain
        related: list[tuple[cst.CSTNode, str] | tuple[cst.CSTNode, str, Document]] = []
        if not here:
            related.append((load.call.node, "the load", load.call.facts.document))
        elif place is not call.node:
            related.append((call.node, "called from here"))
        if isinstance(handler.node, cst.FunctionDef):
            related.append((handler.node.name, f"the {handler.what}"))
        return self.finding(
            place,
            f"`{load.written}` reads a {load.kind.value} {handler.when}",
            help=_help(handler, chosen),
            notes=("for requests that come minutes apart, a model kept on an accelerator may cost more",),
            related=related,
            severity=Severity.INFO if chosen or doubtful else None,
        )

    examples = (
        Bad(
            """
            from fastapi import FastAPI
            from transformers import pipeline

            app = FastAPI()

            @app.post("/summarize")
            def summarize(text: str):
                pipe = pipeline("summarization")  # bad
                return pipe(text)
            """
        ),
        Bad(
            """
            import torch
            from flask import Flask, request

            app = Flask(__name__)

            def predictor():
                model = torch.jit.load("model.pt")  # bad
                return model.eval()

            @app.route("/predict", methods=["POST"])
            def predict():
                return str(predictor()(request.json))
            """
        ),
        Bad(
            """
            import streamlit as st
            from keras.models import load_model

            st.title("Which animal is it?")
            picture = st.file_uploader("picture")
            model = load_model("animals.keras")  # bad
            if picture is not None:
                st.write(model.predict(decode(picture)))
            """
        ),
        Bad(
            """
            import gradio as gr
            from sentence_transformers import SentenceTransformer

            def embed(text):
                model = SentenceTransformer("all-mpnet-base-v2")  # bad
                return model.encode([text])

            gr.Interface(embed, "text", "json").launch()
            """
        ),
        Bad(
            """
            from celery import shared_task
            import spacy

            @shared_task
            def entities(text):
                nlp = spacy.load("en_core_web_lg")  # bad
                return [str(each) for each in nlp(text).ents]
            """
        ),
        Bad(
            """
            import joblib
            from django.http import JsonResponse

            def predict(request):
                model = joblib.load("model.joblib")  # bad
                return JsonResponse({"price": model.predict([request.GET["x"]])[0]})
            """
        ),
        Bad(
            """
            import tensorflow as tf

            def lambda_handler(event, context):
                model = tf.keras.models.load_model("/opt/model")  # bad
                return model.predict(event["x"]).tolist()
            """,
            not_as=("function",),
        ),
        Bad(
            """
            import tornado.web
            import torch

            class Predict(tornado.web.RequestHandler):
                def post(self):
                    model = torch.load("model.pth")  # bad
                    self.write(str(model(self.request.body)))
            """
        ),
        Bad(
            """
            import sanic
            import joblib

            app = sanic.Sanic("prices")

            @app.post("/price")
            def price(request):
                model = joblib.load("model.pkl")  # bad
                return sanic.json(model.predict(request.json))
            """
        ),
        Bad(
            """
            import quart
            import torch

            app = quart.Quart(__name__)

            @app.post("/price")
            async def price():
                model = torch.load("model.pkl")  # bad
                return str(model(0))
            """
        ),
        Bad(
            """
            import bottle
            import torch

            app = bottle.Bottle()

            @app.post("/price")
            def price():
                model = torch.load("model.pkl")  # bad
                return str(model(0))
            """
        ),
        Bad(
            """
            import torch
            from flask_restful import Resource

            class Price(Resource):
                def get(self, thing):
                    model = torch.load("model.pth")  # bad
                    return float(model(thing))
            """
        ),
        Bad(
            """
            import torch
            from flask_restx import Resource

            class Price(Resource):
                def get(self, thing):
                    model = torch.load("model.pth")  # bad
                    return float(model(thing))
            """
        ),
        Bad(
            """
            import torch
            from rest_framework.views import APIView

            class Price(APIView):
                def get(self, request):
                    model = torch.load("model.pth")  # bad
                    return float(model(request.data))
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from transformers import pipeline

            app = FastAPI()
            pipe = pipeline("summarization")

            @app.post("/summarize")
            def summarize(text: str):
                return pipe(text)
            """,
            why="loaded once for the process",
        ),
        Good(
            """
            import functools
            from fastapi import FastAPI
            from transformers import pipeline

            app = FastAPI()

            @functools.lru_cache
            def summarizer():
                return pipeline("summarization")

            @app.post("/summarize")
            def summarize(text: str):
                return summarizer()(text)
            """,
            why="cached",
        ),
        Good(
            """
            import streamlit as st
            from keras.models import load_model

            @st.cache_resource
            def animals():
                return load_model("animals.keras")

            st.title("Which animal is it?")
            st.write(animals().predict(st.file_uploader("picture")))
            """,
            why="Streamlit keeps it",
        ),
        Good(
            """
            import torch
            from flask import Flask

            app = Flask(__name__)
            model = None

            def network():
                global model
                if model is None:
                    model = torch.load("model.pth")
                return model

            @app.route("/predict")
            def predict():
                return str(network()(1))
            """,
            why="loaded at the first request only",
        ),
        Good(
            """
            import joblib
            from fastapi import FastAPI, Request

            app = FastAPI()

            @app.post("/reload")
            def reload_model(request: Request):
                model = joblib.load("model.joblib")
                request.app.state.model = model
            """,
            why="an endpoint that is there to load a new model",
        ),
        Good(
            """
            import tensorflow as tf

            model = tf.keras.models.load_model("/opt/model")

            def lambda_handler(event, context):
                return model.predict(event["x"]).tolist()
            """,
            why="loaded at a cold start only",
        ),
        Good(
            """
            import streamlit as st
            from transformers import AutoTokenizer

            st.title("Chat")
            if "tokenizer" not in st.session_state:
                st.session_state.tokenizer = AutoTokenizer.from_pretrained("gpt2")
            """,
            why="kept for the session",
        ),
        Good(
            """
            import torch
            from fastapi import FastAPI

            app = FastAPI()

            @app.on_event("startup")
            def start():
                app.state.model = torch.load("model.pth")

            @app.get("/health")
            def health():
                return {"ok": True}
            """,
            why="loaded when the server starts",
        ),
        Good(
            """
            import pickle
            from flask import Flask

            app = Flask(__name__)

            @app.route("/report")
            def report():
                rows = pickle.load(open("rows.pkl", "rb"))
                return str(len(rows))
            """,
            why="a table, not a model",
        ),
    )


_APP_ROOTS = frozenset(
    """fastapi flask quart sanic starlette bottle flask_restful flask_restx flask_cors tornado django rest_framework
    celery streamlit gradio""".split()
)
_RELOADS = re.compile(r"reload|load_|warm|^init|startup|start_up|refresh|switch|setup|lifespan|train", re.IGNORECASE)
"""Handlers that are there to load a model."""
_MAYBE_SMALL = frozenset(("joblib.load", "pickle.load", "dill.load", "cloudpickle.load"))


def _loads(handler: Handler, facts: Facts) -> list[tuple[Call, Load]]:
    """The calls in a handler's body that load something each time, models before tokenizers."""
    from greenlint import Handlers, LoadKind, Loads

    loads = facts[Loads]
    found = []
    for call in facts[Handlers].calls(handler):
        load = loads.through(call)
        if load is not None and not loads.is_kept(call.node):
            found.append((call, load))
    return [each for kind in LoadKind for each in found if each[1].kind is kind]


def _help(handler: Handler, chosen: bool) -> str:
    if handler.what == "Streamlit script":
        return "put the load into a function with @st.cache_resource"
    if chosen:
        return "keep the models that were asked for: functools.lru_cache(maxsize=...) on a function that loads by name"
    return "load it once per process: at module level, at start-up, or in a function with functools.lru_cache"


if TYPE_CHECKING:
    from greenlint import Document, Report
