"""Layers and ready-made networks of each library, by what they cost; data only."""

from __future__ import annotations

import enum
import re

__all__ = [
    "ATTENTION_ZOO",
    "COMMON_METHODS",
    "CONTAINERS",
    "CRITERION_NAME",
    "DEFAULT_WIDTH",
    "GROWS",
    "KEEPS_MODEL",
    "LIFECYCLE",
    "MODEL_NAME",
    "NOT_MODEL_NAME",
    "PART_NAME",
    "PLAIN_MODEL_NAME",
    "RUNS_MODEL",
    "SIZES",
    "TINY_ZOO",
    "WRAPS_MODEL",
    "Sort",
    "sort_of",
    "zoo_of",
]


class Sort(enum.Enum):
    """What a layer computes."""

    CONV = "conv"
    CONV1D = "conv1d"
    ATTENTION = "attention"
    RECURRENT = "recurrent"
    LINEAR = "linear"
    GRAPH = "graph"
    CONTAINER = "container"
    OTHER = "other"


_LAYER_ROOTS = (
    "torch.nn.",
    "keras.layers.",
    "keras.src.layers.",
    "tensorflow.keras.layers.",
    "tf_keras.layers.",
    "flax.linen.",
    "flax.nnx.",
    "haiku.",
    "equinox.nn.",
    "tensorflow.layers.",
    "tensorflow.compat.v1.layers.",
    "torch_geometric.nn.",
    "dgl.nn.",
    "spektral.layers.",
)

_SORTS: dict[str, Sort] = {
    **dict.fromkeys(
        """Conv2d Conv3d ConvTranspose2d ConvTranspose3d LazyConv2d LazyConv3d LazyConvTranspose2d Conv2D Conv3D
        Conv2DTranspose Conv3DTranspose SeparableConv2D DepthwiseConv2D SeparableConvolution2D Convolution2D
        Convolution3D Deconvolution2D AtrousConvolution2D Conv ConvTranspose ConvLSTM2D conv2d conv2d_transpose conv3d
        separable_conv2d ConvLocal""".split(),
        Sort.CONV,
    ),
    **dict.fromkeys(
        "Conv1d ConvTranspose1d LazyConv1d Conv1D Conv1DTranspose SeparableConv1D Convolution1D conv1d".split(),
        Sort.CONV1D,
    ),
    **dict.fromkeys(
        """MultiheadAttention Transformer TransformerEncoderLayer
        TransformerDecoderLayer MultiHeadAttention GroupQueryAttention MultiHeadDotProductAttention SelfAttention
        MultiheadSelfAttention""".split(),
        Sort.ATTENTION,
    ),
    **dict.fromkeys(
        """LSTM GRU RNN LSTMCell GRUCell RNNCell SimpleRNN CuDNNLSTM CuDNNGRU OptimizedLSTMCell SimpleCell VanillaRNN
        RNNTanh""".split(),
        Sort.RECURRENT,
    ),
    **dict.fromkeys("Linear LazyLinear Bilinear Dense DenseGeneral TimeDistributedDense dense".split(), Sort.LINEAR),
    **dict.fromkeys(
        """Sequential ModuleList ModuleDict TransformerEncoder TransformerDecoder Bidirectional TimeDistributed
        StackedRNNCells Lambda Wrapper Residual""".split(),
        Sort.CONTAINER,
    ),
}


def sort_of(name: str) -> Sort | None:
    """What the layer with this canonical name computes; ``None`` when it is no layer of a known library."""
    if name in ("keras.Input", "keras.engine.Input"):
        return Sort.OTHER
    if not name.startswith(_LAYER_ROOTS):
        return Sort.CONTAINER if name in CONTAINERS else None
    last = name.rsplit(".", 1)[-1]
    if last in WRAPS_MODEL:
        return None
    if name.startswith(("torch_geometric.nn.", "dgl.nn.", "spektral.layers.")):
        return Sort.GRAPH if "Conv" in last or last.startswith("G") else Sort.OTHER
    return _SORTS.get(last, Sort.OTHER)


CONTAINERS = frozenset(
    """keras.Sequential keras.models.Sequential tensorflow.keras.Sequential tensorflow.keras.models.Sequential
    tf_keras.Sequential tf_keras.models.Sequential keras.Model keras.models.Model tensorflow.keras.Model
    tensorflow.keras.models.Model tf_keras.Model keras.engine.training.Model keras.engine.Model""".split()
)
"""Keras models made of layers that are given to them, one way or another."""
GROWS = ("add", "append", "add_module", "extend", "insert")
"""Methods that give a container another layer."""

SIZES: dict[str, tuple[tuple[str, int], ...]] = {
    "torch.conv": (("out_channels", 1),),
    "torch.attention": (("embed_dim", 0), ("d_model", 0)),
    "torch.recurrent": (("hidden_size", 1),),
    "conv": (("filters", 0), ("features", 0), ("out_features", 1), ("output_channels", 0)),
    "attention": (("key_dim", 1), ("qkv_features", 1), ("head_dim", 0)),
    "recurrent": (("units", 0), ("features", 0), ("hidden_size", 0)),
}
"""Parameters that hold the size of a layer of each sort, with their position; PyTorch's first."""
DEFAULT_WIDTH = {"torch.nn.Transformer": 512}
"""Widths of layers that may be made without one."""

_ZOO = re.compile(
    r"""^(?:torchvision\.models|timm|segmentation_models_pytorch|segmentation_models|efficientnet_pytorch|pretrainedmodels
    |geffnet|resnest|monai\.networks\.nets|keras\.applications|tensorflow\.keras\.applications|tf_keras\.applications
    |keras_applications|keras_hub|keras_cv|keras_nlp|efficientnet|classification_models|vit_keras
    |vit_pytorch|x_transformers|denoising_diffusion_pytorch|dalle_pytorch|imagen_pytorch|diffusers|transformers
    |sentence_transformers|open_clip|clip|ultralytics|fairseq|facenet_pytorch|facebookresearch|torch\.hub|effdet
    |swin_transformer_pytorch|linformer|performer_pytorch|reformer_pytorch|axial_attention|byol_pytorch|whisper|TTS
    |speechbrain|nemo|espnet|panns_inference|torchaudio\.models|torchvision\.ops|yolov5|keras_segmentation|image_classifiers
    |keras_bert|keras_contrib|tfimm|mmdet|mmseg|mmcls|mmpretrain|detectron2|pl_bolts\.models|flash|cnn_finetune
    |pytorch_pretrained_bert|pytorch_transformers)\.""",
    re.VERBOSE,
)
_NO_NETWORK = re.compile(
    r"""Tokenizer|Config|Processor|FeatureExtractor|Scheduler|Dataset|Transform|Trainer|Arguments|Callback|[Ll]oss$|Collator
    |Criteria|preprocess|decode_|encoders\.get_|load_state_dict|\.utils\.|\.metrics\.|get_.*schedule|set_seed|\.logging|AdamW?$
    |pipeline$|Optimiz|_parser$|\.losses\.|\.data\.|transforms|tokenize$|_params$|list_models|scheduler|optim|BatchNorm|FrozenBatch
    |\.nms$|boxes|Weights|hf_hub|interpolate|Padding|PositionalEncoding|Normalize$|DropPath|DropBlock|safe_|Encoding$""",
    re.VERBOSE,
)
_MAKES = re.compile(
    r"(?:^|\.)(?:[A-Z]\w*|create_model|load|load_model|from_pretrained|from_config|from_name|[a-z]+_?\d\w*|resnet\w*|vgg\w*|densenet\w*"
    r"|inception\w*|googlenet|alexnet|mobilenet\w*|squeezenet\w*|efficientnet\w*|vit_\w+|swin\w*|convnext\w*|deeplab\w*|fcn_\w+|maskrcnn\w*"
    r"|fasterrcnn\w*|keypointrcnn\w*|retinanet\w*|ssd\w*|regnet\w*|shufflenet\w*|mnasnet\w*|raft\w*|create_model_and_transforms)$"
)
ATTENTION_ZOO = re.compile(
    r"transformers|\bvit|swin|deit|beit|clip|bert|gpt|whisper|x_transformers|dalle|sentence_|linformer|performer|reformer|wav2vec|detr|llama|\bt5|keras_nlp|keras_hub|fairseq",
    re.IGNORECASE,
)
"""Ready-made networks built on attention; the others are convolutional."""
TINY_ZOO = re.compile(
    r"bert[-_]tiny|tiny[-_]random|hf-internal-testing|bert_uncased_L-2_H-128|fewshot-tiny", re.IGNORECASE
)
"""Checkpoints too small to keep a matrix unit busy."""


def zoo_of(name: str) -> str | None:
    """The name of the ready-made network that a callable of this canonical name makes; ``None`` when it makes none."""
    if not _ZOO.match(name) or _NO_NETWORK.search(name) or not _MAKES.search(name):
        return None
    return name


COMMON_METHODS = frozenset(
    """append extend insert pop remove items keys values get update setdefault add discard clear copy join split strip
    replace format startswith endswith lower upper encode decode read write close flush info debug warning error
    add_scalar set_description set_postfix zero_grad step backward to cuda cpu numpy item tolist detach size dim view
    reshape permute contiguous float long int bool half double mean sum max min argmax argmin sort topk any all
    requires_grad_ fill_ zero_ copy_ add_ mul_ state_dict load_state_dict parameters named_parameters eval train
    astype title savefig exists mkdir open""".split()
)
"""Methods of containers, strings, files, tensors and modules: calling one of them runs no network."""
WRAPS_MODEL = frozenset(
    """DataParallel DistributedDataParallel FullyShardedDataParallel DDP FSDP compile script prepare prepare_model setup
    setup_module unwrap_model unwrap convert_sync_batchnorm convert_syncbn_model get_peft_model initialize distribute
    load_checkpoint_and_dispatch replicate DataParallelModel convert_model to_device wrap_model fuse Network
    get_model_parallel ModelEma deepcopy copy AveragedModel ModelEMA clone clone_model multi_gpu_model
    prune_low_magnitude BalancedDataParallel torch_distributed_zero_first""".split()
)
"""Callables that hand back the network they are given."""
KEEPS_MODEL = frozenset(
    """to cuda cpu xpu eval train half float double bfloat16 apply requires_grad_ share_memory type to_empty compile
    to_bettertransformer merge_and_unload module unwrap with_options""".split()
)
"""Methods of a network that hand back the network."""
LIFECYCLE = frozenset(
    """train eval parameters named_parameters state_dict load_state_dict zero_grad cuda half requires_grad_ modules
    named_modules apply trainable_variables trainable_weights save_weights load_weights forward children freeze unfreeze
    gradient_checkpointing_enable save_pretrained resize_token_embeddings no_sync""".split()
)
"""Methods and attributes that say that something is a network."""
RUNS_MODEL = frozenset(
    ("forward", "generate", "predict_step", "forward_features", "forward_train", "encode_image", "encode_text")
)
"""Methods of a network that run it."""

PLAIN_MODEL_NAME = re.compile(
    r"^_?(?:my|the|base|raw|ddp|trained|teacher|student|ema|peft)?_?(?:model|net|network)(?:_?(?:\d|[a-z]|ema|ddp))?$",
    re.IGNORECASE,
)
"""Names that nothing but a network has, in code that computes with tensors."""
MODEL_NAME = re.compile(
    r"""(?:model|net|nets|network|generator|discriminator|encoder|decoder|backbone|classifier|critic|actor|policy|agent|student|teacher|seq2seq
    |transformer|unet|vae|gan|bert|resnet|vgg|lstm|rnn|gru|cnn|mlp|extractor|autoencoder|detector|segmenter|head|predictor|projector|vqvae|diffusion
    |q_function|qnetwork|value_function|embedder|ensemble)s?(?:_?(?:\d|[a-z]|ema|target|local|online|main|module))?$|^(?:net|model)_?[A-Z]\w?$|^[GDEF]$|^[GDEF]_[A-Z]\w*$|^(?:net|model)_\w+$""",
    re.VERBOSE | re.IGNORECASE,
)
NOT_MODEL_NAME = re.compile(
    r"""token|vocab|transform(?:s|_\w+)?$|criterion|crit$|loss|metric|optim|sched|scaler|logger|writer|loader|dataset|preproc|augment|(?:label|onehot|one_hot|ordinal|target|json)_?encoder
    |callback|dummy|name$|path$|cfg|config|args|params$|builder|factory|fn$|func$|class$|cls$|dict$|file$|dir$|type$|id$|info$|list$|summary|saver|text_?encoder_?name|pbar|bar$|timer|meter""",
    re.VERBOSE | re.IGNORECASE,
)
PART_NAME = re.compile(
    r"^(?:module|model|features|backbone|trunk|encoder|decoder|visual|transformer|classifier|fc|head|body|layer\d)$"
)
"""Parts of a network that are networks themselves."""
CRITERION_NAME = re.compile(
    r"""(?:^|_)(?:criterion\w*|(?:crit|loss|losses|objective)(?:_?f(?:n|un|unc|unction|unct)|_\w+|\d+)?)$
    |(?:Loss|_loss|_criterion|Criterion)(?:_fn)?$|^(?:bce|mse|ce|dice|focal|l1|nll)(?:_loss)?$""",
    re.VERBOSE | re.IGNORECASE,
)
"""Names of losses."""
