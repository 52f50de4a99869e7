"""What launcher and configuration files decide on precision, device and workers. Text in, data out; nothing is read."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from greenlint.knowledge import launching as known
from greenlint.toml_text import TomlSyntaxError, loads

__all__ = ["LauncherConfig", "decided", "is_launcher", "settings_of"]

Setting = tuple[tuple[str, ...], str]
"""The keys that lead to a value, outermost first, in lower case with underscores; and the value, in lower case."""


@dataclass(frozen=True, slots=True)
class LauncherConfig:
    """What configuration decides."""

    precision: bool | None = None
    """True when reduced precision is switched on somewhere, False when only full precision is asked for."""
    topics: frozenset[str] = frozenset()
    """Which of ``precision``, ``device`` and ``workers`` are decided, whatever the decision."""

    def __or__(self, other: LauncherConfig) -> LauncherConfig:
        said = {self.precision, other.precision} - {None}
        return LauncherConfig(True in said if said else None, self.topics | other.topics)


# -- which files -------------------------------------------------------------------------------------------------

_FOREIGN = re.compile(
    r"(?:^|/)(?:\.(?!accelerate)[\w.-]+|pyproject\.toml|cargo\.toml|netlify\.toml|mkdocs\.ya?ml|_config\.ya?ml|_toc\.ya?ml"
    r"|docker-compose[\w.-]*|codecov\.ya?ml|environment[\w.-]*\.ya?ml|conda[\w.-]*\.ya?ml|dvc\.ya?ml|package(?:-lock)?\.json"
    r"|tsconfig\.json|tokenizer[\w.-]*\.json|vocab[\w.-]*\.json|special_tokens_map\.json|added_tokens\.json)$",
    re.IGNORECASE,
)
_TELLING = re.compile(
    r"conf|cfg|deepspeed|(?:^|[_-])ds(?:[_.-]|$)|zero|accelerate|param|setting|args?(?:[_.-]|$)|option|train|finetune|sft|fsdp"
    r"|amp|fp16|bf16|exp|default|base|launch",
    re.IGNORECASE,
)
"""Names of JSON files that hold settings; most JSON is data."""


def is_launcher(path: str, *, settled: bool) -> bool:
    """Whether a file of this name may configure a run; ``settled``: it lies in a folder for configuration."""
    if _FOREIGN.search(path) is not None:
        return False
    if path.endswith(".json"):
        return settled or _TELLING.search(posixpath.basename(path)) is not None
    return path.endswith((".yaml", ".yml", ".toml", ".sh", ".bash", ".slurm", ".sbatch"))


# -- what they decide --------------------------------------------------------------------------------------------


def decided(settings: Iterable[Setting]) -> LauncherConfig:
    """What settings decide together; one that reduces precision outweighs those that do not."""
    found = LauncherConfig()
    for keys, value in settings:
        if keys and value not in ("", "null", "~"):
            found |= _decision(keys, value)
    return found


def _decision(keys: tuple[str, ...], value: str) -> LauncherConfig:
    key, parent = keys[-1], keys[-2] if len(keys) > 1 else ""
    if key in known.DEVICE_KEYS and not parent.startswith("offload"):
        return LauncherConfig(topics=frozenset(("device",)))
    if key in known.WORKER_KEYS:
        return LauncherConfig(topics=frozenset(("workers",)))
    if key in ("enabled", "enable"):
        key = parent
    reduced = _reduced(key, value)
    if reduced is None and not (_names_precision(key) and _is_template(value)):
        return LauncherConfig()
    return LauncherConfig(reduced, frozenset(("precision",)))


def _names_precision(key: str) -> bool:
    return _is_switch(key) or _takes_name(key) or _takes_dtype(key) or key in known.QUANTISED_KEYS


def _is_switch(key: str) -> bool:
    if key in known.NOT_SWITCHES:
        return False
    return key in known.SWITCHES or not known.SWITCH_WORDS.isdisjoint(key.split("_"))


def _takes_name(key: str) -> bool:
    *before, last = key.split("_")
    return last == known.PRECISION_KEY and known.METRIC_WORDS.isdisjoint(before)


def _takes_dtype(key: str) -> bool:
    return key.rpartition("_")[2] == known.DTYPE_KEY


def _is_template(value: str) -> bool:
    return value.startswith("$") or "{{" in value


def _reduced(key: str, value: str) -> bool | None:
    """Whether one setting reduces precision; ``None`` when it is about something else."""
    if _takes_dtype(key):
        return True if value in known.REDUCED else None
    if _takes_name(key):
        mixed = key.endswith("mixed_precision") and value in known.ON
        return True if mixed or value in known.REDUCED else False if value in known.FULL else None
    if key in known.QUANTISED_KEYS:
        return True if value in known.ON else None
    if _is_switch(key):
        return True if value in known.ON else False if value in known.OFF else None
    return None


# -- reading settings --------------------------------------------------------------------------------------------


def settings_of(path: str, text: str) -> Iterator[Setting]:
    """The settings in a YAML, JSON, TOML or shell file; nothing when it is broken."""
    try:
        if path.endswith(".json"):
            yield from _flat((), json.loads(text))
        elif path.endswith(".toml"):
            yield from _flat((), loads(text))
        elif path.endswith((".yaml", ".yml")):
            yield from _yaml(text)
        else:
            yield from _shell(text)
    except (ValueError, TomlSyntaxError, RecursionError):
        return


def _key(text: str) -> str:
    return text.strip().strip("\"'").replace("-", "_").lower()


def _value(text: str) -> str:
    return text.strip().strip("\"'").strip().lower()


def _flat(keys: tuple[str, ...], data: object) -> Iterator[Setting]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _flat((*keys, *map(_key, str(key).split("."))), value)
    elif isinstance(data, list):
        for value in data:
            yield from _flat(keys, value)
    elif data is not None:
        yield keys, _value(str(data))


_YAML_LINE = re.compile(r"""^(?P<indent>[ ]*(?:-[ ]+)*)(?P<key>["']?[\w@+/.-]+["']?)\s*:(?:\s+(?P<value>.*))?$""")
_YAML_FLOW = re.compile(r"""(?<![\w.-])([\w.-]+)["']?\s*:\s*([^,{}\[\]]+)""")
_YAML_COMMENT = re.compile(r"(?:^|\s)#.*$")


def _yaml(text: str) -> Iterator[Setting]:
    """A tolerant reading of block mappings, one line at a time; what it does not understand it passes over."""
    open_keys: list[tuple[int, str]] = []
    block: int | None = None
    for line in text.splitlines():
        depth = len(line) - len(line.lstrip(" "))
        if block is not None and (depth > block or not line.strip()):
            continue
        block = None
        match = _YAML_LINE.match(_YAML_COMMENT.sub("", line).rstrip())
        if match is None:
            if line.lstrip(" -").startswith("{"):
                yield from _yaml_flow((), line)
            continue
        depth = len(match["indent"])
        open_keys = [each for each in open_keys if each[0] < depth]
        open_keys.append((depth, _key(match["key"])))
        keys = tuple(part for _, key in open_keys for part in key.split("."))
        value = (match["value"] or "").strip()
        if value[:1] in ("|", ">"):
            block = depth
        elif value[:1] in ("{", "["):
            yield from _yaml_flow(keys, value)
        elif value:
            yield keys, _value(value)


def _yaml_flow(keys: tuple[str, ...], text: str) -> Iterator[Setting]:
    for match in _YAML_FLOW.finditer(text):
        yield (*keys, _key(match[1])), _value(match[2])


_SHELL_KEY = re.compile(r"(?:--?|\+{1,2})?([A-Za-z][\w.-]*)(?:=(.*))?")


def _shell(text: str) -> Iterator[Setting]:
    """Options (``--key value``, ``--key=value``, ``--flag``), overrides and variables (``key=value``)."""
    for line in text.replace("\\\n", " ").splitlines():
        words = [word.strip("\"'") for word in _YAML_COMMENT.sub("", line).split()]
        for word, following in zip(words, [*words[1:], ""], strict=True):
            match = _SHELL_KEY.fullmatch(word)
            if match is None:
                continue
            keys = tuple(map(_key, match[1].split(".")))
            if match[2] is not None:
                yield keys, _value(match[2])
            elif word.startswith("--"):
                yield keys, _flag(keys[-1], following.lower())


def _flag(key: str, following: str) -> str:
    """The value of an option: the word that follows, unless that is another option or no value for a switch."""
    if not following or not (following[0].isalnum() or following[0] in "./$"):
        return "true"
    return "true" if _is_switch(key) and following not in known.ON | known.OFF else following
