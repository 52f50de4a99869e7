"""Functions that read a whole file, and those that write one. Data only."""

from __future__ import annotations

import re

__all__ = ["FROM_HANDLE", "LITTLE_FILES", "LITTLE_SETS", "PARTIAL", "READERS", "READER_NAMES", "WRITERS"]

READERS = re.compile(
    r"""(?x)^(?:pandas|polars|modin\.pandas|cudf|dask\.dataframe|geopandas)\.read_
        (?:csv|parquet|excel|json|feather|pickle|hdf|table|fwf|stata|sas|orc|ipc|ndjson|file|xml)$
    |^numpy\.(?:load|loadtxt|genfromtxt|fromfile)$|^datasets\.(?:load_dataset|load_from_disk)$|^joblib\.load$
    |^(?:pickle|cPickle|dill|json|ujson|orjson)\.load$|^scipy\.io\.loadmat$|^scipy\.sparse\.load_npz$
    |^pyarrow\.(?:parquet|feather|csv)\.read_\w+$|^gensim\.models\.KeyedVectors\.load_word2vec_format$|^anndata\.read_h5ad$|^scanpy\.read_h5ad$"""
)
"""What reads a file to its end, the file's path being the first argument."""
READER_NAMES = re.compile(r"^(?:read_|load|genfromtxt$|fromfile$)")
"""The last names of these."""
FROM_HANDLE = re.compile(r"^(?:pickle|cPickle|dill|json|ujson|orjson)\.load$")
"""Readers that get an open file."""
PARTIAL = frozenset(
    "chunksize iterator mmap_mode memory_map nrows n_rows skiprows streaming batch_size split sheet_name key".split()
)
"""Arguments that make a reader give parts of the file, or another part each time."""
WRITERS = frozenset(
    """to_csv to_parquet to_pickle to_json to_feather to_hdf to_excel to_stata write_csv write_parquet save savez
    savez_compressed savetxt dump imwrite write tofile savemat save_npz save_to_disk rename replace move copy copyfile
    download urlretrieve system run check_call Popen remove unlink writerow writelines""".split()
)
"""Functions and methods that may change a file."""
LITTLE_FILES = re.compile(
    r"(?i)submission|config|param|vocab|label|class(?:es|_)|meta|setting|mapping|dict|stop_?words|template|schema|token|index"
    r"|categor|names?\.|credential|secret|requirements|lookup|manifest|\.ya?ml|args|opt(?:ions)?\.|summary|results?\b|score"
    r"|simple|sample|example|demo|toy|tiny|small|log\.|_log|logo|icon|font|palette|\btest\.csv"
)
"""Words in the paths of files that are most likely small."""
LITTLE_SETS = re.compile(r"(?i)digit-recognizer|mnist|titanic|house-prices|iris")
"""Folders of small competitions."""
