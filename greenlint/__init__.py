"""The public API of greenlint for authors of rules, and nothing else.

What a rule module needs when it is imported is light; ``cst``, ``Facts`` and the fact kinds load libcst on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from greenlint.finding import Applicability, Confidence, Edit, Fix, Severity, Span
from greenlint.rule import (
    Bad,
    Category,
    Evidence,
    Findings,
    Good,
    Grade,
    Premise,
    Report,
    Rule,
    RuleOptions,
    Status,
    on_call,
    on_file,
    on_loop,
    on_node,
)
from greenlint.version import __version__

if TYPE_CHECKING:
    import libcst as cst

    from greenlint.document import Document
    from greenlint.edits import (
        add_arguments,
        append_element,
        decorate,
        delete_statement,
        delete_statements,
        ensure_import,
        hoist,
        import_instead,
        insert_after,
        insert_before,
        is_remarked,
        joined,
        remove_argument,
        set_argument,
        spelled,
        unwrap,
        use_instead,
        wrap,
    )
    from greenlint.edits import replace as replace_node
    from greenlint.facts import Facts
    from greenlint.facts.accumulation import Accumulated, Accumulation
    from greenlint.facts.bfloat16 import Bfloat16
    from greenlint.facts.boosters import BoosterRun, Boosters
    from greenlint.facts.calls import UNKNOWN, Argument, Call, Calls
    from greenlint.facts.checkpointing import Checkpointed, Checkpointing
    from greenlint.facts.clocks import Clocks
    from greenlint.facts.compiled import Compiled
    from greenlint.facts.contexts import ContextKind, Contexts
    from greenlint.facts.datasets import Datasets, Work
    from greenlint.facts.devices import Devices
    from greenlint.facts.distributed import Collective, Distributed, Parallel, Wrapped
    from greenlint.facts.elements import Elements, Pass
    from greenlint.facts.environment import Environment, LauncherConfig
    from greenlint.facts.estimators import Estimator, Estimators, Fit, Fitting, Rows
    from greenlint.facts.extents import Extent, Extents
    from greenlint.facts.factories import Factories, Made
    from greenlint.facts.forwards import Forward, Forwards
    from greenlint.facts.frames import FrameKind, Frames
    from greenlint.facts.frameworks import Frameworks
    from greenlint.facts.functional import FunctionalStep, FunctionalSteps
    from greenlint.facts.graphs import Graphs, losses
    from greenlint.facts.grids import Axis, Grid, Grids
    from greenlint.facts.growth import Growing, Growth
    from greenlint.facts.handlers import Handler, Handlers
    from greenlint.facts.hot import Heat, Hot, Spot
    from greenlint.facts.identities import Identities, Identity
    from greenlint.facts.imports import Imports
    from greenlint.facts.invariance import Invariance
    from greenlint.facts.jobs import Job, Jobs
    from greenlint.facts.keras_models import KerasModel, KerasModels
    from greenlint.facts.layers import Size
    from greenlint.facts.liveness import Liveness
    from greenlint.facts.loads import Load, LoadKind, Loads
    from greenlint.facts.loops import Loop, LoopRole, Loops, Region, Step, StepOwner
    from greenlint.facts.mapped import Mapped, MappedFunction
    from greenlint.facts.mappings import Entry, Mappings, MappingValue
    from greenlint.facts.models import Layers, Models
    from greenlint.facts.names import Binding, BindingKind, Names, Scope, dotted, root_name
    from greenlint.facts.optimizers import Optimizer, Optimizers, Trained, Turn
    from greenlint.facts.options import Options
    from greenlint.facts.origins import Origins
    from greenlint.facts.padding import Padding
    from greenlint.facts.pipelines import Feed, Pipelines, PipelineStage
    from greenlint.facts.portability import Portability
    from greenlint.facts.project import Definition, Project
    from greenlint.facts.reads import Read, Reads, Reread
    from greenlint.facts.residence import Residence, Tracked
    from greenlint.facts.rhythm import Beat, Pace, Rhythm
    from greenlint.facts.round_trips import RoundTrip, RoundTrips
    from greenlint.facts.rows import RowForm, RowLoop, RowWise, RowWork
    from greenlint.facts.runs import Run, Runs
    from greenlint.facts.samples import Samples, Scale
    from greenlint.facts.schedules import Schedules
    from greenlint.facts.searches import GridSearchCall, Searches, Use
    from greenlint.facts.studies import Objective, Studies, Study
    from greenlint.facts.sweeps import Sweep, SweepAxis, Sweeps
    from greenlint.facts.switches import Switch, Switches
    from greenlint.facts.syncs import Body, Sync, Syncs
    from greenlint.facts.traceable import Traceable
    from greenlint.facts.transfers import Move, Transfers
    from greenlint.facts.tree import Tree
    from greenlint.facts.trials import Training, TrainingKind, Trials
    from greenlint.facts.tuners import Tuner, TunerGrid, Tuners
    from greenlint.facts.uses import Uses
    from greenlint.facts.values import Device, Value, Values
    from greenlint.facts.variables import Variable, Variables
    from greenlint.facts.workers import Workers
    from greenlint.facts.workloads import Workloads
    from greenlint.knowledge.kinds import Kind
    from greenlint.outline import Outline

_LAZY = {
    "Accumulated": "greenlint.facts.accumulation",
    "Accumulation": "greenlint.facts.accumulation",
    "Argument": "greenlint.facts.calls",
    "Axis": "greenlint.facts.grids",
    "Beat": "greenlint.facts.rhythm",
    "Bfloat16": "greenlint.facts.bfloat16",
    "Binding": "greenlint.facts.names",
    "BindingKind": "greenlint.facts.names",
    "Body": "greenlint.facts.syncs",
    "BoosterRun": "greenlint.facts.boosters",
    "Boosters": "greenlint.facts.boosters",
    "Call": "greenlint.facts.calls",
    "Calls": "greenlint.facts.calls",
    "Checkpointed": "greenlint.facts.checkpointing",
    "Checkpointing": "greenlint.facts.checkpointing",
    "Clocks": "greenlint.facts.clocks",
    "Collective": "greenlint.facts.distributed",
    "Compiled": "greenlint.facts.compiled",
    "ContextKind": "greenlint.facts.contexts",
    "Contexts": "greenlint.facts.contexts",
    "Datasets": "greenlint.facts.datasets",
    "Definition": "greenlint.facts.project",
    "Device": "greenlint.facts.values",
    "Devices": "greenlint.facts.devices",
    "Distributed": "greenlint.facts.distributed",
    "Document": "greenlint.document",
    "Elements": "greenlint.facts.elements",
    "Entry": "greenlint.facts.mappings",
    "Environment": "greenlint.facts.environment",
    "Estimator": "greenlint.facts.estimators",
    "Estimators": "greenlint.facts.estimators",
    "Extent": "greenlint.facts.extents",
    "Extents": "greenlint.facts.extents",
    "Factories": "greenlint.facts.factories",
    "Facts": "greenlint.facts",
    "Fit": "greenlint.facts.estimators",
    "Fitting": "greenlint.facts.estimators",
    "Forward": "greenlint.facts.forwards",
    "Forwards": "greenlint.facts.forwards",
    "FrameKind": "greenlint.facts.frames",
    "Frames": "greenlint.facts.frames",
    "Frameworks": "greenlint.facts.frameworks",
    "FunctionalStep": "greenlint.facts.functional",
    "FunctionalSteps": "greenlint.facts.functional",
    "Grid": "greenlint.facts.grids",
    "Graphs": "greenlint.facts.graphs",
    "GridSearchCall": "greenlint.facts.searches",
    "Grids": "greenlint.facts.grids",
    "Growing": "greenlint.facts.growth",
    "Growth": "greenlint.facts.growth",
    "Handler": "greenlint.facts.handlers",
    "Handlers": "greenlint.facts.handlers",
    "Heat": "greenlint.facts.hot",
    "Hot": "greenlint.facts.hot",
    "Identities": "greenlint.facts.identities",
    "Identity": "greenlint.facts.identities",
    "Imports": "greenlint.facts.imports",
    "Invariance": "greenlint.facts.invariance",
    "Job": "greenlint.facts.jobs",
    "Jobs": "greenlint.facts.jobs",
    "KerasModel": "greenlint.facts.keras_models",
    "KerasModels": "greenlint.facts.keras_models",
    "Kind": "greenlint.knowledge.kinds",
    "LauncherConfig": "greenlint.facts.environment",
    "Layers": "greenlint.facts.models",
    "Load": "greenlint.facts.loads",
    "LoadKind": "greenlint.facts.loads",
    "Liveness": "greenlint.facts.liveness",
    "Loads": "greenlint.facts.loads",
    "Loop": "greenlint.facts.loops",
    "LoopRole": "greenlint.facts.loops",
    "Loops": "greenlint.facts.loops",
    "Made": "greenlint.facts.factories",
    "Mapped": "greenlint.facts.mapped",
    "MappedFunction": "greenlint.facts.mapped",
    "MappingValue": "greenlint.facts.mappings",
    "Mappings": "greenlint.facts.mappings",
    "Models": "greenlint.facts.models",
    "Move": "greenlint.facts.transfers",
    "Names": "greenlint.facts.names",
    "Objective": "greenlint.facts.studies",
    "Optimizer": "greenlint.facts.optimizers",
    "Optimizers": "greenlint.facts.optimizers",
    "Options": "greenlint.facts.options",
    "Origins": "greenlint.facts.origins",
    "Outline": "greenlint.outline",
    "Pace": "greenlint.facts.rhythm",
    "Padding": "greenlint.facts.padding",
    "Parallel": "greenlint.facts.distributed",
    "Feed": "greenlint.facts.pipelines",
    "Pipelines": "greenlint.facts.pipelines",
    "PipelineStage": "greenlint.facts.pipelines",
    "Pass": "greenlint.facts.elements",
    "Portability": "greenlint.facts.portability",
    "Project": "greenlint.facts.project",
    "Read": "greenlint.facts.reads",
    "Reads": "greenlint.facts.reads",
    "Region": "greenlint.facts.loops",
    "Reread": "greenlint.facts.reads",
    "Residence": "greenlint.facts.residence",
    "Rhythm": "greenlint.facts.rhythm",
    "RoundTrip": "greenlint.facts.round_trips",
    "RoundTrips": "greenlint.facts.round_trips",
    "RowForm": "greenlint.facts.rows",
    "RowLoop": "greenlint.facts.rows",
    "RowWork": "greenlint.facts.rows",
    "RowWise": "greenlint.facts.rows",
    "Run": "greenlint.facts.runs",
    "Runs": "greenlint.facts.runs",
    "Rows": "greenlint.facts.estimators",
    "Samples": "greenlint.facts.samples",
    "Scale": "greenlint.facts.samples",
    "Schedules": "greenlint.facts.schedules",
    "Scope": "greenlint.facts.names",
    "Searches": "greenlint.facts.searches",
    "Size": "greenlint.facts.layers",
    "Spot": "greenlint.facts.hot",
    "Step": "greenlint.facts.loops",
    "StepOwner": "greenlint.facts.loops",
    "Studies": "greenlint.facts.studies",
    "Study": "greenlint.facts.studies",
    "Sweep": "greenlint.facts.sweeps",
    "SweepAxis": "greenlint.facts.sweeps",
    "Sweeps": "greenlint.facts.sweeps",
    "Switch": "greenlint.facts.switches",
    "Switches": "greenlint.facts.switches",
    "Sync": "greenlint.facts.syncs",
    "Syncs": "greenlint.facts.syncs",
    "Tracked": "greenlint.facts.residence",
    "Trained": "greenlint.facts.optimizers",
    "Training": "greenlint.facts.trials",
    "TrainingKind": "greenlint.facts.trials",
    "Traceable": "greenlint.facts.traceable",
    "Transfers": "greenlint.facts.transfers",
    "Tree": "greenlint.facts.tree",
    "Trials": "greenlint.facts.trials",
    "Tuner": "greenlint.facts.tuners",
    "TunerGrid": "greenlint.facts.tuners",
    "Tuners": "greenlint.facts.tuners",
    "Turn": "greenlint.facts.optimizers",
    "UNKNOWN": "greenlint.facts.calls",
    "Use": "greenlint.facts.searches",
    "Uses": "greenlint.facts.uses",
    "Value": "greenlint.facts.values",
    "Values": "greenlint.facts.values",
    "Variable": "greenlint.facts.variables",
    "Variables": "greenlint.facts.variables",
    "Work": "greenlint.facts.datasets",
    "Workers": "greenlint.facts.workers",
    "Workloads": "greenlint.facts.workloads",
    "Wrapped": "greenlint.facts.distributed",
    "add_arguments": "greenlint.edits",
    "append_element": "greenlint.edits",
    "decorate": "greenlint.edits",
    "delete_statement": "greenlint.edits",
    "delete_statements": "greenlint.edits",
    "dotted": "greenlint.facts.names",
    "ensure_import": "greenlint.edits",
    "hoist": "greenlint.edits",
    "import_instead": "greenlint.edits",
    "insert_after": "greenlint.edits",
    "insert_before": "greenlint.edits",
    "is_remarked": "greenlint.edits",
    "joined": "greenlint.edits",
    "losses": "greenlint.facts.graphs",
    "remove_argument": "greenlint.edits",
    "root_name": "greenlint.facts.names",
    "set_argument": "greenlint.edits",
    "spelled": "greenlint.edits",
    "unwrap": "greenlint.edits",
    "use_instead": "greenlint.edits",
    "wrap": "greenlint.edits",
}

__all__ = [
    "UNKNOWN",
    "Accumulated",
    "Accumulation",
    "Applicability",
    "Argument",
    "Axis",
    "Bad",
    "Beat",
    "Bfloat16",
    "Binding",
    "BindingKind",
    "Body",
    "BoosterRun",
    "Boosters",
    "Call",
    "Calls",
    "Category",
    "Checkpointed",
    "Checkpointing",
    "Clocks",
    "Collective",
    "Compiled",
    "Confidence",
    "ContextKind",
    "Contexts",
    "Datasets",
    "Definition",
    "Device",
    "Devices",
    "Distributed",
    "Document",
    "Edit",
    "Elements",
    "Entry",
    "Environment",
    "Estimator",
    "Estimators",
    "Evidence",
    "Extent",
    "Extents",
    "Factories",
    "Facts",
    "Feed",
    "Findings",
    "Fit",
    "Fitting",
    "Fix",
    "Forward",
    "Forwards",
    "FrameKind",
    "Frames",
    "Frameworks",
    "FunctionalStep",
    "FunctionalSteps",
    "Good",
    "Grade",
    "Graphs",
    "Grid",
    "GridSearchCall",
    "Grids",
    "Growing",
    "Growth",
    "Handler",
    "Handlers",
    "Heat",
    "Hot",
    "Identities",
    "Identity",
    "Imports",
    "Invariance",
    "Job",
    "Jobs",
    "KerasModel",
    "KerasModels",
    "Kind",
    "LauncherConfig",
    "Layers",
    "Liveness",
    "Load",
    "LoadKind",
    "Loads",
    "Loop",
    "LoopRole",
    "Loops",
    "Made",
    "Mapped",
    "MappedFunction",
    "MappingValue",
    "Mappings",
    "Models",
    "Move",
    "Names",
    "Objective",
    "Optimizer",
    "Optimizers",
    "Options",
    "Origins",
    "Outline",
    "Pace",
    "Padding",
    "Parallel",
    "Pass",
    "PipelineStage",
    "Pipelines",
    "Portability",
    "Premise",
    "Project",
    "Read",
    "Reads",
    "Region",
    "Report",
    "Reread",
    "Residence",
    "Rhythm",
    "RoundTrip",
    "RoundTrips",
    "RowForm",
    "RowLoop",
    "RowWise",
    "RowWork",
    "Rows",
    "Rule",
    "RuleOptions",
    "Run",
    "Runs",
    "Samples",
    "Scale",
    "Schedules",
    "Scope",
    "Searches",
    "Severity",
    "Size",
    "Span",
    "Spot",
    "Status",
    "Step",
    "StepOwner",
    "Studies",
    "Study",
    "Sweep",
    "SweepAxis",
    "Sweeps",
    "Switch",
    "Switches",
    "Sync",
    "Syncs",
    "Traceable",
    "Tracked",
    "Trained",
    "Training",
    "TrainingKind",
    "Transfers",
    "Tree",
    "Trials",
    "Tuner",
    "TunerGrid",
    "Tuners",
    "Turn",
    "Use",
    "Uses",
    "Value",
    "Values",
    "Variable",
    "Variables",
    "Work",
    "Workers",
    "Workloads",
    "Wrapped",
    "__version__",
    "add_arguments",
    "append_element",
    "cst",
    "decorate",
    "delete_statement",
    "delete_statements",
    "dotted",
    "ensure_import",
    "hoist",
    "import_instead",
    "insert_after",
    "insert_before",
    "is_remarked",
    "joined",
    "losses",
    "on_call",
    "on_file",
    "on_loop",
    "on_node",
    "remove_argument",
    "replace_node",
    "root_name",
    "set_argument",
    "spelled",
    "unwrap",
    "use_instead",
    "wrap",
]


def __getattr__(name: str) -> object:
    module = _LAZY.get(name)
    if name == "cst":
        found: object = importlib.import_module("libcst")
    elif name == "replace_node":
        found = importlib.import_module("greenlint.edits").replace
    elif module is not None:
        found = getattr(importlib.import_module(module), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Rules import within functions: the next time the name is found without this one.
    globals()[name] = found
    return found
