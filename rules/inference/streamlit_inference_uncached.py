"""Models that a Streamlit script runs or trains again at every widget event."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Handler, Outline, cst


class StreamlitInferenceUncached(Rule):
    """A Streamlit script runs a neural network, or trains a model, each time that any widget is touched.

    Streamlit runs the whole script again at every event. What stands in it without a cache and without a button around
    it is computed again, although a slider that it does not depend on was moved.

    The finding stands at the call that predicts, generates or fits. It is silent where each widget of the file feeds
    the call, so that every event asks for a new answer, and for single predictions of small models.

    Leave it where the answer must be computed afresh each time.

    To fix it, put the call into a function with `@st.cache_data`, into a form, or under `if st.button(...)`.
    """

    severity = Severity.INFO
    frameworks = ("streamlit",)
    words = (("predict", "generate", "transcribe", "encode", "fit", "pipeline", "from_pretrained"),)
    premises = (Premise.NOT_A_TEST,)
    references = ("https://docs.streamlit.io/develop/concepts/architecture/caching",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "Streamlit runs the script from top to bottom at every interaction, and asks to cache expensive work",
            "https://docs.streamlit.io/develop/concepts/architecture/caching",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return "streamlit" in outline.roots

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Handlers

        for handler in facts[Handlers].all:
            if handler.what != "Streamlit script":
                continue
            for call, does in _work(handler, facts):
                idle = _widget_without_effect(call, facts)
                if idle is None or facts[Contexts].dead(call.node) or _is_asked_for(call.node, facts):
                    continue
                yield self.finding(
                    call.node,
                    f"`{facts.document.source(call.node.func)}` {does} at every rerun of the script",
                    help="put it into a function with @st.cache_data, into a form, or under `if st.button(...)`",
                    related=((idle.node, "a widget that the result does not depend on"),),
                )
                break

    examples = (
        Bad(
            """
            import streamlit as st
            from transformers import pipeline

            @st.cache_resource
            def summarizer():
                return pipeline("summarization")

            text = st.text_area("text")
            large = st.checkbox("large letters")
            pipe = summarizer()
            summary = pipe(text)  # bad
            st.header(summary) if large else st.write(summary)
            """
        ),
        Bad(
            """
            import keras
            import streamlit as st

            model = keras.models.load_model("model.keras")
            picture = st.file_uploader("picture")
            shown = st.slider("how many", 1, 10)
            if picture is not None:
                scores = model.predict(decode(picture))  # bad
                st.write(scores[:shown])
            """
        ),
        Bad(
            """
            import streamlit as st
            from sklearn.ensemble import RandomForestRegressor

            rooms = st.slider("rooms", 1, 9)
            model = RandomForestRegressor()
            model.fit(houses, prices)  # bad
            st.write(model.predict([[rooms]]))
            """
        ),
        Good(
            """
            import streamlit as st
            from transformers import pipeline

            @st.cache_data
            def summarize(text):
                return pipeline("summarization")(text)

            text = st.text_area("text")
            large = st.checkbox("large letters")
            st.header(summarize(text)) if large else st.write(summarize(text))
            """,
            why="cached",
        ),
        Good(
            """
            import keras
            import streamlit as st

            model = keras.models.load_model("model.keras")
            picture = st.file_uploader("picture")
            shown = st.slider("how many", 1, 10)
            if st.button("Classify"):
                st.write(model.predict(decode(picture))[:shown])
            """,
            why="runs when a button is pressed",
        ),
        Good(
            """
            import keras
            import streamlit as st

            model = keras.models.load_model("model.keras")
            picture = st.file_uploader("picture")
            if picture is not None:
                st.write(model.predict(decode(picture)))
            """,
            why="the only widget: each event brings a new picture",
        ),
        Good(
            """
            import joblib
            import streamlit as st

            model = joblib.load("model.joblib")
            rooms = st.slider("rooms", 1, 9)
            title = st.text_input("title")
            st.write(title, model.predict([[rooms]]))
            """,
            why="one row through a small model costs nothing",
        ),
        Good(
            """
            import keras
            import streamlit as st

            model = keras.models.load_model("model.keras")
            with st.form("question"):
                text = st.text_input("text")
                style = st.selectbox("style", ["short", "long"])
                asked = st.form_submit_button("Ask")
            if asked:
                st.write(model.predict(encode(text)), style)
            """,
            why="runs when the form is sent",
        ),
        Good(
            """
            import streamlit as st
            from sklearn.datasets import load_iris
            from sklearn.ensemble import RandomForestClassifier

            width = st.slider("petal width", 0.1, 2.5)
            x, y = load_iris(return_X_y=True)
            model = RandomForestClassifier()
            model.fit(x, y)
            """,
            why="toy data",
        ),
    )


_WIDGETS = frozenset(
    """slider select_slider selectbox multiselect radio checkbox toggle text_input text_area number_input date_input
    time_input file_uploader camera_input color_picker data_editor segmented_control pills""".split()
)
_BUTTONS = re.compile(r"\b(?:button|form_submit_button|chat_input|download_button)\s*\(")
_RUNS = frozenset(("predict", "generate", "transcribe", "encode", "fit", "fit_transform"))


def _work(handler: Handler, facts: Facts) -> Iterator[tuple[Call, str]]:
    """The calls of a script that run a network or train a model, with what they do."""
    from greenlint import Handlers, Kind, Models, Samples, Values

    values = facts[Values]
    for call in facts[Handlers].calls(handler):
        if call.method in ("fit", "fit_transform") and call.receiver is not None:
            kind = values.of(call.receiver).kind
            if kind in (Kind.ESTIMATOR, Kind.SEARCH, Kind.KERAS_MODEL) and _is_trained(call, facts):
                data = call.positional[0] if call.positional else None
                if data is not None and facts[Samples].scale(data) is None:
                    yield call, "trains"
        elif _runs_network(call, facts) or (call.method not in _RUNS and facts[Models].network(call) is not None):
            yield call, "runs"


def _is_trained(call: Call, facts: Facts) -> bool:
    """Whether what is fitted learns, rather than scales or encodes."""
    from greenlint import Values

    assert call.receiver is not None
    made = facts[Values].of(call.receiver).call
    name = made.name or "" if made is not None else ""
    return not re.search(r"preprocessing|decomposition|impute|feature_extraction|compose", name)


def _runs_network(call: Call, facts: Facts) -> bool:
    from greenlint import Kind, Loads, Values

    values = facts[Values]
    if values.of(call.node.func).kind is Kind.PIPELINE:
        return True
    load = facts[Loads].behind(call.node.func) if facts[Loads].of(call) is None else None
    if load is not None and load.call.name == "transformers.pipeline":
        return load.call.node is not call.node and not _makes(call, facts)
    if call.method not in _RUNS or call.receiver is None:
        return False
    if values.of(call.receiver).kind in (Kind.KERAS_MODEL, Kind.HF_MODEL):
        return True
    load = facts[Loads].behind(call.receiver)
    names = ("sentence_transformers.SentenceTransformer", "whisper.load_model")
    return load is not None and load.call.name in names


def _makes(call: Call, facts: Facts) -> bool:
    """Whether the call itself is that of a function that loads the model."""
    from greenlint import Project

    return facts[Project].definition(call.node.func) is not None


def _widget_without_effect(call: Call, facts: Facts) -> Call | None:
    """A widget of the file that the result of a call does not depend on."""
    from greenlint import Calls, Tree

    given = [*(each.value for each in call.node.args)]
    reached: set[cst.CSTNode] = set()
    for each in given:
        _reach(each, facts, reached, 8)
    for each_call in facts[Calls].methods(*_WIDGETS):
        name = each_call.name or ""
        if name.startswith("streamlit.") and each_call.node not in reached:
            function = facts[Tree].function(each_call.node)
            if function is None or function not in reached:
                return each_call
    return None


def _reach(node: cst.CSTNode, facts: Facts, reached: set[cst.CSTNode], depth: int) -> None:
    """The widgets, and functions of the file, that an expression is made of."""
    from greenlint import Calls, Names, Tree, Values, cst

    tree = facts[Tree]
    for each in tree.below(node, cst.Call):
        reached.add(each)
        callee = facts[Values].callee(each)
        if callee is not None:
            reached.add(callee.node)
    for name in tree.below(node, cst.Name):
        for binding in facts[Names].reaching(name):
            value = binding.value
            if value is not None and depth and value not in reached and not tree.contains(value, name):
                reached.add(value)
                _reach(value, facts, reached, depth - 1)
    if depth == 8:
        reached.update(each.node for each in facts[Calls].methods("button", "form_submit_button"))


def _is_asked_for(node: cst.CSTNode, facts: Facts) -> bool:
    """Whether a button, form or chat input decides on a place, or a check for what the session holds."""
    from greenlint import Names, Tree, cst

    tree = facts[Tree]
    for above in tree.ancestors(node):
        if isinstance(above, cst.FunctionDef):
            return False
        if not isinstance(above, cst.If) or tree.contains(above.test, node):
            continue
        text = facts.document.source(above.test)
        if _BUTTONS.search(text) or "session_state" in text:
            return True
        for name in tree.below(above.test, cst.Name):
            for binding in facts[Names].reaching(name):
                if binding.value is not None and _BUTTONS.search(facts.document.source(binding.value)):
                    return True
    return False
