"""What makes a data frame, what its methods return, and which functions work on one value or on whole columns."""

from __future__ import annotations

import re

__all__ = [
    "AGGREGATES",
    "CHEAP_CALLS",
    "COLLECTS",
    "COLUMN_CALLS",
    "FEW_ROWS_NAMES",
    "FRAME_MAKERS",
    "FRAME_METHODS",
    "JOINERS",
    "LAZY_MAKERS",
    "NOT_COLUMNS",
    "POLARS_MAKERS",
    "SERIES_MAKERS",
    "STRINGS",
    "SUMMARIES",
]

FRAME_MAKERS = re.compile(
    r"^(?:pandas|modin\.pandas|cudf)\.(?:DataFrame|DataFrame\.from_(?:dict|records)|read_\w+|concat|merge|merge_asof"
    r"|get_dummies|pivot_table|pivot|melt|json_normalize|crosstab)$"
)
SERIES_MAKERS = re.compile(r"^(?:pandas|modin\.pandas|cudf)\.(?:Series|to_numeric|to_datetime|cut|qcut)$")
POLARS_MAKERS = re.compile(r"^polars\.(?:DataFrame|read_\w+|from_\w+|concat|collect_all)$")
LAZY_MAKERS = re.compile(r"^polars\.(?:LazyFrame|scan_\w+)$")

FRAME_METHODS = frozenset(
    """copy head tail sample reset_index set_index drop dropna fillna merge join rename sort_values sort_index query
    assign drop_duplicates astype append filter reindex replace nlargest nsmallest apply applymap transform explode
    melt pivot interpolate ffill bfill round clip convert_dtypes infer_objects select_dtypes add_suffix add_prefix
    shift diff pct_change sort with_columns select unique limit slice collect lazy clone drop_nulls fill_null to_pandas
    describe pivot_table stack unstack eval pipe isnull isna notnull where mask corr tail agg aggregate""".split()
)
"""Methods of a frame that return a frame."""
AGGREGATES = frozenset("agg aggregate mean sum max min median count size first last nunique std var".split())
SUMMARIES = AGGREGATES | frozenset(
    "describe value_counts head tail nlargest nsmallest corr unique nunique mode quantile crosstab isnull".split()
)
"""Methods whose result has few rows, or as many as there are groups."""
NOT_COLUMNS = frozenset(
    """loc iloc at iat ix shape columns index values dtypes size T empty ndim axes str dt cat plot style attrs flags
    schema width height""".split()
)
"""Attributes of a frame that are no column of it."""
FEW_ROWS_NAMES = re.compile(
    r"(?i)result|summar|report|importan|metric|score|history|experiment|config|param|setting|folds?(?:_|$)|stats?(?:_|$)"
    r"|counts?(?:_|$)|classes|top_?\d|sample|example|leaderboard|models?(?:_|$)|corr|toy|small|demo|subset"
)
"""Names of frames with few rows."""

COLUMN_CALLS = re.compile(
    r"""(?x)^(?:numpy|math)\.(?:abs|absolute|fabs|sqrt|cbrt|exp|expm1|log|log2|log10|log1p|sin|cos|tan|arcsin|arccos
    |arctan|arctan2|asin|acos|atan|atan2|sinh|cosh|tanh|radians|degrees|deg2rad|rad2deg|floor|ceil|trunc|round|rint
    |sign|power|pow|square|hypot|maximum|minimum|clip|isnan|isfinite|isinf|isclose|mod|fmod|where|logical_\w+|nan_to_num
    |float32|float64|int32|int64|int8|int16|bool_|exp2|timedelta64|datetime64|divide|multiply|add|subtract|copysign)$
    |^builtins\.(?:int|float|abs|round|bool|complex|pow)$
    |^pandas\.(?:isnull|isna|notnull|notna|to_datetime|Timestamp|Timedelta|to_timedelta|to_numeric)$"""
)
"""Functions of one value that work on whole columns too, or have a twin that does."""
CHEAP_CALLS = re.compile(
    r"""(?x)^builtins\.(?:str|len|min|max|sum|any|all|list|tuple|dict|set|frozenset|zip|range|enumerate|isinstance
    |sorted|reversed|repr|type|hash|ord|chr|divmod|map|filter|slice|getattr|hasattr)$
    |^re\.\w+$|^os\.path\.(?:join|basename|splitext|dirname|split)$|^pathlib\.(?:Pure)?Path$|^posixpath\.\w+$
    |^datetime\.\w[\w.]*$|^collections\.\w+$|^numpy\.(?:array|asarray|mean|sum|max|min|zeros|ones|isin)$|^string\.\w+$
    |^numpy\.random\.\w+$|^random\.\w+$|^copy\.copy$|^calendar\.\w+$|^operator\.\w+$"""
)
"""Functions that cost less than making a Series of a row does."""
COLLECTS = frozenset("append add get setdefault total_seconds item update appendleft extend".split())
"""Methods that put a value into a container, or fetch it."""
STRINGS = frozenset(
    """lower upper strip lstrip rstrip split rsplit replace startswith endswith join format count rfind index
    title capitalize isdigit isalpha isnumeric zfill partition rpartition splitlines islower isupper
    keys values items pop discard sort to_dict tolist date time weekday isoformat strftime timestamp
    isocalendar intersection union difference issubset""".split()
)
"""Cheap methods of strings, dates and containers."""

JOINERS = re.compile(
    r"^(?:pandas|polars|modin\.pandas|cudf)\.concat$"
    r"|^(?:numpy|jax\.numpy|cupy)\.(?:append|concatenate|concat|vstack|hstack|dstack|column_stack|row_stack)$"
    r"|^torch\.(?:cat|concat|concatenate|vstack|hstack|dstack|column_stack|row_stack)$"
    r"|^tensorflow\.concat$|^datasets\.concatenate_datasets$|^scipy\.sparse\.(?:vstack|hstack)$"
)
"""Functions that copy several arrays, tensors, frames or data sets into a new one."""
