"""Loads and handlers: what is read where, whether it is kept, and which code runs for each request."""

from __future__ import annotations

import textwrap

import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import Calls
from greenlint.facts.handlers import Handlers
from greenlint.facts.loads import LoadKind, Loads, billions_in
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings


def facts_of(code: str) -> Facts:
    text = textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    return Modules.begin(document, DictSources({"main.py": text}), RunSettings())


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("import transformers as t\nt.AutoModel.from_pretrained('a')", LoadKind.MODEL),
        ("from transformers import AutoTokenizer\nAutoTokenizer.from_pretrained('a')", LoadKind.TOKENIZER),
        ("from transformers import AutoConfig\nAutoConfig.from_pretrained('a')", None),
        ("from transformers import pipeline as p\np('ner')", LoadKind.MODEL),
        ("import tensorflow as tf\ntf.keras.models.load_model('a')", LoadKind.MODEL),
        ("import torch\nmodel = torch.load('a.bin')", LoadKind.MODEL),
        ("import torch\nnet.load_state_dict(torch.load(path))", LoadKind.MODEL),
        ("import torch\nx = torch.load('images.pt')", None),
        ("import pickle\nrows = pickle.load(handle)", None),
        ("import pickle\nit = pickle.load(handle)\nit.predict(x)", LoadKind.MODEL),
        ("import torchvision\ntorchvision.models.resnet18()", None),
        ("import torchvision\ntorchvision.models.resnet18(weights=None)", None),
        ("import torchvision\ntorchvision.models.resnet18(weights='DEFAULT')", LoadKind.MODEL),
        ("import timm\ntimm.create_model('vit', pretrained=True)", LoadKind.MODEL),
        ("from keras.applications import VGG16\nVGG16()", LoadKind.MODEL),
        ("from keras.applications import VGG16\nVGG16(weights=None)", None),
    ],
)
def test_kinds(code: str, kind: LoadKind | None) -> None:
    found = list(facts_of(code)[Loads].all)
    assert [each.kind for each in found] == ([kind] if kind is not None else [])


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("meta-llama/Llama-2-7b-hf", 7.0),
        ("mistralai/Mixtral-8x7B-v0.1", None),
        ("tiiuae/falcon-rw-1b", 1.0),
        ("facebook/opt-350m", 0.35),
        ("gpt2", None),
        ("Qwen/Qwen2.5-0.5B-Instruct", 0.5),
    ],
)
def test_sizes(name: str, size: float | None) -> None:
    assert billions_in(name) == size


THROUGH = {
    "plain": ("def make():\n    return torch.jit.load('a')", True),
    "class": ("class make:\n    def __init__(self):\n        self.net = torch.jit.load('a')", True),
    "cached": ("@functools.cache\ndef make():\n    return torch.jit.load('a')", False),
    "unseen decorator": ("@once\ndef make():\n    return torch.jit.load('a')", False),
    "global": ("def make():\n    global net\n    net = torch.jit.load('a')", False),
    "asked for": ("net = None\ndef make(net=None):\n    if net is None:\n        net = torch.jit.load('a')", False),
    "kept by name": ("def make(n='a'):\n    if n not in nets:\n        nets[n] = torch.jit.load(n)", False),
    "leaves early": (
        "def make(n='a'):\n    if n in nets:\n        return nets[n]\n    return torch.jit.load(n)",
        False,
    ),
}


@pytest.mark.parametrize(("code", "found"), THROUGH.values(), ids=THROUGH)
def test_through(code: str, found: bool) -> None:
    facts = facts_of(f"import functools\nimport torch\nfrom lib import once\nnets = {{}}\n{code}\nmake()\n")
    call = facts[Calls].methods("make")[-1]
    assert (facts[Loads].through(call) is not None) is found


HANDLERS = {
    "fastapi": ("import fastapi\napp = fastapi.FastAPI()\n@app.get('/')\ndef f(): ...", ["FastAPI route"]),
    "flask": ("import flask\nfrom x import app\n@app.route('/a')\ndef f(): ...", ["Flask route"]),
    "other get": ("import flask\n@cache.get('a')\ndef f(): ...", []),
    "celery": ("from celery import Celery\n@app.task\ndef f(): ...", ["Celery task"]),
    "lambda": ("def handler(event, context): ...", ["Lambda handler"]),
    "django": ("import django\ndef f(request): ...", ["Django view"]),
    "request elsewhere": ("import requests\ndef f(request): ...", []),
    "gradio": ("import gradio as gr\ndef f(x): ...\ngr.Interface(f, 'text', 'text')", ["Gradio callback"]),
    "streamlit": ("import streamlit as st\ndef f(): st.write(1)\nf()", ["Streamlit script", "Streamlit script"]),
    "streamlit import only": ("import streamlit as st", []),
    "tornado": (
        "import tornado.web\nclass H(tornado.web.RequestHandler):\n    def get(self): ...\n    def f(self): ...",
        ["Tornado handler"],
    ),
}


@pytest.mark.parametrize(("code", "what"), HANDLERS.values(), ids=HANDLERS)
def test_handlers(code: str, what: list[str]) -> None:
    assert [each.what for each in facts_of(code)[Handlers].all] == what
