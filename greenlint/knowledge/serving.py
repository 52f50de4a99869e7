"""Servers and apps: what marks the code that they run for each request. Data only."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "APPS",
    "GRADIO_EVENTS",
    "NO_WIDGETS",
    "ROUTE_METHODS",
    "SERVING_ROOTS",
    "TASK_DECORATORS",
    "VIEWS",
    "VIEW_METHODS",
    "WEB",
    "WHEN",
]

WEB: Mapping[str, str] = {
    "fastapi": "FastAPI",
    "flask": "Flask",
    "quart": "Quart",
    "sanic": "Sanic",
    "starlette": "Starlette",
    "bottle": "Bottle",
    "flask_restful": "Flask",
    "flask_restx": "Flask",
    "flask_cors": "Flask",
}
"""Packages with route decorators, and how they are called."""
APPS = frozenset(
    """fastapi.FastAPI fastapi.APIRouter flask.Flask flask.Blueprint quart.Quart quart.Blueprint sanic.Sanic
    sanic.Blueprint bottle.Bottle starlette.applications.Starlette""".split()
)
ROUTE_METHODS = frozenset("get post put patch delete route api_route websocket".split())
TASK_DECORATORS = frozenset(("celery.shared_task", "celery.task", "celery.decorators.task"))
VIEW_METHODS = frozenset("get post put patch create list retrieve dispatch form_valid on_message".split())
VIEWS: tuple[tuple[str, str], ...] = (
    (r"^django\.views|^rest_framework\.|^django\.contrib\.\w+\.views", "Django view"),
    (r"^flask_restful\.Resource$|^flask_restx\.Resource$|^flask\.views\.MethodView$", "Flask route"),
    (r"^tornado\.web(?:socket)?\.\w*Handler$", "Tornado handler"),
)
"""(base class of a view, what a method of it is)."""
GRADIO_EVENTS = frozenset("click submit change upload input stream".split())
NO_WIDGETS = frozenset(
    """cache cache_data cache_resource experimental_memo experimental_singleton experimental_memo set_page_config
    set_option""".split()
)
"""What of streamlit draws nothing."""
WHEN: Mapping[str, str] = {
    "Celery task": "for each task",
    "Lambda handler": "for each event",
    "Gradio callback": "for each click",
    "Streamlit script": "at every rerun of the script",
}
"""How often a handler runs, where it is not once for each request."""
SERVING_ROOTS = (*WEB, "django", "rest_framework", "tornado", "celery", "streamlit", "gradio")
"""Packages whose handlers are known; a Lambda handler needs none."""
