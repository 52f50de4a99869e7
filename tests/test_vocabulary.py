"""The words of a file are found exactly, whatever stands beside them."""

from __future__ import annotations

import json

import pytest

from greenlint.vocabulary import WORD, Vocabulary

FOUND = {
    "whole file": ("cuda", "cuda"),
    "attribute": ("x.cuda()", "cuda"),
    "keyword": ("for x in y: pass", "for"),
    "number": ("f(16)", "16"),
    "in a string": ("'--fp16'", "fp16"),
    "in a comment": ("# see cuda", "cuda"),
    "underscores": ("__init__", "__init__"),
    "beginning": ("TrainerCallback()", "Trainer*"),
    "beginning that is all": ("Trainer()", "Trainer*"),
    "ending": ("MyTrainer()", "*Trainer"),
    "ending that is all": ("Trainer()", "*Trainer"),
    "part": ("pretrained = 1", "*train*"),
    "part at the start": ("training = 1", "*train*"),
    "part at the end": ("do_train = 1", "*train*"),
    "part that is all": ("train = 1", "*train*"),
    "carriage return": ("a\rcuda\rb", "cuda"),
    "form feed": ("a\x0ccuda\x0cb", "cuda"),
    "between letters beyond ASCII": ("\u00e9cuda\u00e9", "cuda"),
    "between arrows": ("\u2192cuda\u2192", "cuda"),
    "escape before it": (r"'\ncuda\tdevice\rhost'", "cuda"),
}


@pytest.mark.parametrize(("text", "word"), FOUND.values(), ids=FOUND)
def test_found(text: str, word: str) -> None:
    assert word in Vocabulary.of(text)
    assert word in Vocabulary(text.encode())


NOT_FOUND = {
    "empty file": ("", "cuda"),
    "part of a word": ("use_cuda = 1", "cuda"),
    "beginning of a word": ("cudart()", "cuda"),
    "other case": ("CUDA", "cuda"),
    "beginning inside": ("MyTrainer()", "Trainer*"),
    "ending inside": ("TrainerCallback()", "*Trainer"),
    "ending over two words": ("My Trainers", "*Trainer"),
    "part over two words": ("tra in", "*train*"),
    "star is no word": ("a * b", "c*"),
}


@pytest.mark.parametrize(("text", "word"), NOT_FOUND.values(), ids=NOT_FOUND)
def test_not_found(text: str, word: str) -> None:
    assert word not in Vocabulary.of(text)


def test_an_answer_given_twice_is_the_same() -> None:
    vocabulary = Vocabulary.of("pretrained")
    assert ["*train*" in vocabulary, "*train*" in vocabulary] == [True, True]
    assert ["train*" in vocabulary, "train*" in vocabulary] == [False, False]


def test_byte_order_mark_is_no_part_of_the_first_word() -> None:
    assert "import" in Vocabulary(b"\xef\xbb\xbfimport torch")


SOURCES = {
    "line end": "x\nfor y in z",
    "tab": "if x:\n\tfor y in z",
    "windows line end": "x\r\nfor y in z",
    "quote": 'f("for")',
    "letter beyond ASCII": "\u00e9for",
    "beyond the first plane": "# \U0001f600for",
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_words_in_the_json_of_notebooks(source: str, ascii_only: bool) -> None:
    raw = json.dumps({"cells": [{"source": source}]}, ensure_ascii=ascii_only)
    assert "for" in Vocabulary(raw.encode())


def test_escaped_signs_of_some_notebook_writers() -> None:
    vocabulary = Vocabulary(rb'{"source": "loader\u003dDataLoader(a, device\u003d\u0027cuda\u0027)"}')
    assert all(word in vocabulary for word in ("loader", "DataLoader", "device", "cuda"))
    assert "u003dDataLoader" not in vocabulary


def test_text_that_has_no_bytes() -> None:
    assert "cuda" in Vocabulary.of("cuda \ud800")


@pytest.mark.parametrize(
    ("word", "allowed"), [("a_1", True), ("*a", True), ("a*", True), ("*a*", True), ("a*b", False)]
)
def test_what_a_word_may_look_like(word: str, allowed: bool) -> None:
    assert (WORD.fullmatch(word) is not None) is allowed
