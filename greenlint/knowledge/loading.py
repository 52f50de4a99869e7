"""Calls that read a model, tokenizer or vocabulary from disk or a hub. Data only."""

from __future__ import annotations

import re

__all__ = [
    "CHECKPOINT",
    "CONFIGURES",
    "DATA_FILE",
    "FILE_LOADERS",
    "LOADER_NAMES",
    "LOADING_METHODS",
    "LOADING_WORDS",
    "MODEL_LOADERS",
    "PREPARES_TEXT",
    "PRETRAINED_ZOOS",
]

MODEL_LOADERS = frozenset(
    """transformers.pipeline sentence_transformers.SentenceTransformer sentence_transformers.CrossEncoder spacy.load
    whisper.load_model faster_whisper.WhisperModel clip.load open_clip.create_model_and_transforms
    open_clip.create_model keras.models.load_model keras.saving.load_model tensorflow.saved_model.load
    tensorflow_hub.load tensorflow_hub.KerasLayer torch.jit.load torch.hub.load onnxruntime.InferenceSession vllm.LLM
    llama_cpp.Llama gensim.models.KeyedVectors.load_word2vec_format gensim.models.KeyedVectors.load
    gensim.models.Word2Vec.load gensim.models.Doc2Vec.load gensim.downloader.load fasttext.load_model easyocr.Reader
    ultralytics.YOLO flair.models.SequenceTagger.load flair.models.TextClassifier.load stanza.Pipeline
    mlflow.pyfunc.load_model mlflow.sklearn.load_model mlflow.pytorch.load_model mlflow.tensorflow.load_model
    mlflow.keras.load_model""".split()
)
"""Canonical names of calls that always read a model."""
LOADING_METHODS = frozenset(("load_from_checkpoint",))
"""Methods that always read a model, whatever they are called on."""
FILE_LOADERS = frozenset(("joblib.load", "pickle.load", "dill.load", "cloudpickle.load", "torch.load"))
"""Calls that read anything, and among other things models."""
LOADER_NAMES = frozenset(
    """from_pretrained from_single_file HuggingFaceEmbeddings HuggingFaceInstructEmbeddings
    HuggingFaceBgeEmbeddings""".split()
).union(each.rpartition(".")[2] for each in (*MODEL_LOADERS, *LOADING_METHODS, *FILE_LOADERS))
"""The last names of what reads models; functions of model zoos are told by their arguments."""
PRETRAINED_ZOOS = ("torchvision.models.", "timm.create_model", "timm.models.create_model", "keras.applications.")
"""Beginnings of constructors that may read weights, told by an argument."""
PREPARES_TEXT = re.compile(r"Tokenizer|Processor|FeatureExtractor|Vocab|Scheduler$")
"""Classes with ``from_pretrained`` that are no models."""
CONFIGURES = re.compile(r"Config$|Args$|Arguments$")
"""Classes with ``from_pretrained`` that only hold settings."""
CHECKPOINT = re.compile(
    r"(?<![a-z])(?:\w*model|clf|classifier|regressor|estimator|net|network|weights?|checkpoint|ckpt|state_dict|pipe)s?"
    r"(?![a-z])|\.(?:pth?|ckpt|pth\.tar)$",
    re.IGNORECASE,
)
"""A variable or path that holds a model."""
DATA_FILE = re.compile(
    r"data|train|test|feature|embed|token|label|image|cache|optim|stat(?:s|istic)|vocab", re.IGNORECASE
)
"""A path that holds no model, whatever its ending."""
LOADING_WORDS = (
    "from_pretrained",
    "from_single_file",
    "load_from_checkpoint",
    "pipeline",
    "SentenceTransformer",
    "CrossEncoder",
    "load",
    "load_model",
    "WhisperModel",
    "create_model*",
    "InferenceSession",
    "LLM",
    "Llama",
    "load_word2vec_format",
    "KerasLayer",
    "Reader",
    "YOLO",
    "Pipeline",
    "HuggingFace*",
)
"""One of these stands in every file that loads a model by itself."""
