"""What the text of a program tells of its hardware, data and trade. Patterns over code without comments; data only."""

from __future__ import annotations

import re

from greenlint.knowledge.signal import signal

__all__ = [
    "ACCELERATOR",
    "ACCELERATOR_NOTEBOOK",
    "ARRAY_FILES",
    "AUTO_PLACED",
    "BENCHMARK_FUNCTION",
    "BENCHMARK_NAME",
    "BENCHMARK_TEXT",
    "CPU_NAME",
    "CPU_REMARK",
    "CPU_STACK",
    "DEVICE",
    "HOST_DEVICE",
    "KERAS_PLACES_ITSELF",
    "LEARNING_ROOTS",
    "LEGACY_KERAS",
    "LIBRARY_ROOTS",
    "MEDIA_ROOTS",
    "OTHER_DATA",
    "OTHER_TABLES",
    "OWN_TRAINING",
    "RANDOM_TENSOR",
    "RANKS",
    "REAL_DATA",
    "REINFORCEMENT",
    "REINFORCEMENT_ROOTS",
    "SCIENCE",
    "SCIENCE_ROOTS",
    "TEST_NAME",
    "TOY_DATA",
    "TOY_LOADERS",
    "TRAINERS",
    "TRAINING_SCRIPT",
    "WRITES_PRECISION",
    "WRITTEN_DATA",
]


def _words(text: str) -> str:
    return "|".join(text.split())


# -- hardware ----------------------------------------------------------------------------------------------------

ACCELERATOR = signal(
    """cuda xpu mps npu hpu gpu GPU TPU tpu accelerator DistributedDataParallel FullyShardedDataParallel
    DataParallel DDP FSDP nccl device_map xla_device CuDNNLSTM CuDNNGRU MirroredStrategy
    MultiWorkerMirroredStrategy TPUStrategy TPUClusterResolver multi_gpu_model set_memory_growth gpu_device_name
    is_gpu_available _get_available_gpus per_process_gpu_memory_fraction allow_growth set_default_tensor_type
    *CUDA_VISIBLE_DEVICES""",
    r"""
    \.cuda\( | \.xpu\( | \bset_default_tensor_type\([^)\n]*cuda
    | ["'](?:cuda|mps|xpu|npu|hpu)(?::\d+|:\{|:["']|["'])
    | ["'](?:gpu|/gpu:\d|/device:GPU:\d|GPU|TPU|tpu)["']
    | \btorch\.cuda\.(?:set_device|current_device|synchronize|empty_cache|Event|Stream|amp|device\b|FloatTensor|
        HalfTensor|LongTensor|ByteTensor|IntTensor|BoolTensor|memory_|max_memory|reset_|mem_get_info|get_device)
    | \btorch\.accelerator\b | \btorch\.backends\.mps\.is_available\(
    | \b(?:DistributedDataParallel|FullyShardedDataParallel|DataParallel|DDP|FSDP)\(
    | ["']nccl["'] | \bdevice_map\s*= | \bxm\.xla_device\( | \bCuDNN(?:LSTM|GRU)\(
    | \b(?:Mirrored|MultiWorkerMirrored|TPU)Strategy\( | \bTPUClusterResolver\( | \bmulti_gpu_model\(
    | \b(?:set_memory_growth|gpu_device_name|is_gpu_available|_get_available_gpus)\b
    | \b(?:per_process_gpu_memory_fraction|allow_growth)\b
    | list_(?:physical|logical)_devices\(\s*["']GPU
    | CUDA_VISIBLE_DEVICES["']\]?\s*(?:=|,)\s*(?:f?["']\d|str\()
    | \bjax\.devices\(\s*["'](?:gpu|cuda|tpu)
    """,
    re.VERBOSE,
)
"""Code that puts things on an accelerator, chooses one, or counts on it."""

RANKS = signal(
    """DistributedDataParallel FullyShardedDataParallel DDP FSDP fully_shard init_process_group init_distributed
    DistributedSampler all_reduce* all_gather*""",
    r"""
    \b(?:DistributedDataParallel|FullyShardedDataParallel|DDP|FSDP|fully_shard)\( | \binit_process_group\(
    | \binit_distributed\( | \bDistributedSampler\( | \b(?:all_reduce|all_gather)\w*\(
    """,
    re.VERBOSE,
)
"""Several processes that train one network together."""

AUTO_PLACED = signal(
    """Accelerator TrainingArguments Seq2SeqTrainingArguments HfArgumentParser Fabric LightningModule deepspeed
    Trainer SentenceTransformer *_learner Learner""",
    r"""
    \bAccelerator\( | \b(?:Seq2Seq)?TrainingArguments\( | \bHfArgumentParser\( | \bFabric\( | \bLightningModule\b
    | \bdeepspeed\.(?:initialize|init_inference)\( | \b(?:pl|L|lightning|pytorch_lightning)\.Trainer\(
    | \bSentenceTransformer\( | \b(?:vision|cnn|unet|tabular)_learner\( | \bLearner\(
    """,
    re.VERBOSE,
)
"""Trainers that pick an accelerator by themselves."""

ACCELERATOR_NOTEBOOK = re.compile(
    r'"accelerator"\s*:\s*"(?:GPU|TPU|nvidia\w*)"|"isGpuEnabled"\s*:\s*true|!\s*nvidia-smi|"machine_shape"\s*:\s*"hm"'
)
"""Signs in the raw text of a notebook that it is run on an accelerator."""

DEVICE = signal("to device to_device", r"\.to\(|\bdevice\s*=|\btorch\.device\(|\.to_device\(")
HOST_DEVICE = signal(
    "cpu",
    r"""(?i:\b\w*device\w*)\s*(?:[:=]|,)[^\n]{0,30}["']cpu["']|(?m:^[ \t]*\w+[ \t]*=[ \t]*["']cpu["'][ \t]*$)"""
    r"""|\.to\(\s*["']cpu["']|torch\.device\(\s*["']cpu["']""",
)
LEGACY_KERAS = signal(
    """multi_gpu_model CuDNNLSTM CuDNNGRU ConfigProto Session placeholder set_random_seed tensorflow_backend
    set_session""",
    r"\bmulti_gpu_model\b|\bCuDNN(?:LSTM|GRU)\b|\btf\.(?:ConfigProto|Session|placeholder|set_random_seed)\(|\bK\.(?:tensorflow_backend|set_session)\b",
)
"""Calls that are gone since the version that brought mixed precision policies."""
KERAS_PLACES_ITSELF = frozenset(("keras", "tensorflow", "jax", "flax"))

CPU_REMARK = re.compile(
    r"cpu[- ]only|(?:on|for) (?:the )?cpu\b|no gpu\b|without (?:a )?gpu\b|force cpu|use cpu|runs? on cpu", re.IGNORECASE
)
"""A comment that says a CPU is meant."""
CPU_NAME = re.compile(
    r"(?:^|[/_\-])(?:cpu|edge|mobile|onnx|quanti[sz]e\w*|tflite|coreml|openvino|raspberry)(?:[/_\-.]|$)", re.IGNORECASE
)
CPU_STACK = signal(
    """*onnx *quantize_dynamic openvino *optimize_for_mobile coremltools quantized tflite *TFLiteConverter*
    *intel_extension_for_pytorch*""",
    r"onnx\.export\(|quantize_dynamic\(|\bopenvino\b|optimize_for_mobile\(|\bcoremltools\b|torch\.backends\.quantized"
    r"|\btflite\b|TFLiteConverter|intel_extension_for_pytorch",
)

# -- trades ------------------------------------------------------------------------------------------------------

REINFORCEMENT_ROOTS = frozenset(
    """gym gymnasium stable_baselines stable_baselines3 sb3_contrib rllib dm_env dm_control procgen atari_py ale_py
    minerl pettingzoo tianshou torchrl kaggle_environments baselines cleanrl brax gymnax acme mujoco_py d4rl ptan
    unityagents vizdoom rlcard""".split()
)
REINFORCEMENT = signal(
    "env envs ReplayBuffer ReplayMemory gym environment select_action DQN*",
    r"\benvs?\.(?:step|reset)\(|\bReplay(?:Buffer|Memory)\(|\bgym\.make\(|\benvironment\.step\(|\bselect_action\(|\bDQN\w*\(",
)

SCIENCE_ROOTS = frozenset(
    """gpytorch botorch torchdiffeq torchsde torchcde deepxde pyscf qutip pennylane qiskit ase rdkit_energy e3nn mace
    schnetpack torchani dgl_lifesci jax_md diffrax cvxpylayers theseus pyro numpyro pymc linear_operator geoopt
    neurodiffeq modulus fenics dolfin jaxopt kfac sympy casadi pytensor tensorflow_probability""".split()
)
SCIENCE = signal(
    """create_graph linalg fft gradcheck complex lgamma logdet cholesky svd eig qr inverse pinn* PINN* *hysics*
    *PHYSICS* odeint *amiltonian navier* Navier* log_likelihood MultivariateNormal""",
    r"create_graph\s*=\s*True|\btorch\.linalg\.|\b(?:torch|jnp)\.fft\.|\bgradcheck\("
    r"|\btorch\.(?:complex|lgamma|logdet|cholesky|svd|eig|qr|inverse)\b|\b(?:PINN|pinn)|\b(?i:physics)[_ ](?i:informed)"
    r"|\bodeint\(|\b[Hh]amiltonian\b|\b[Nn]avier|\blog_likelihood\b|\bMultivariateNormal\(",
)
"""Work that needs full or double precision."""

# -- data --------------------------------------------------------------------------------------------------------

TOY_DATA = signal(
    """*MNIST* *nist* USPS read_data_sets *recognizer* load_iris load_digits load_wine load_breast_cancer
    load_diabetes load_boston fetch_california_housing boston_housing make_*""",
    r"""
    (?P<vision>\b(?:Fashion|K|E|Q)?MNIST(?:DataModule)?\(|[Mm]nist\.load_data\(|fashion_mnist\b|\bUSPS\(
        |load_dataset\(\s*["'](?:ylecun/)?(?:fashion_)?mnist["']|(?:tfds|tensorflow_datasets)\.(?:load|builder)\(\s*["'](?:fashion_|binarized_|[ke])?mnist
        |(?:fetch_openml|fetch_mldata)\(\s*["'](?:mnist|MNIST)|input_data\.read_data_sets\(|["'][^"'\n]*(?:digit-recognizer|mnist/|MNIST/|mnist_|MNIST_)[^"'\n]*["']
        |get_mnist\(|load_mnist\(|MNIST_data)
    | \b(?P<tabular>load_(?:iris|digits|wine|breast_cancer|diabetes|boston)\(
        |fetch_california_housing\(|boston_housing\b)
    | \b(?P<made>make_(?:classification|regression|blobs|moons|circles|swiss_roll
        |friedman\d|s_curve|gaussian_quantiles)\()
    """,
    re.VERBOSE,
)
"""Data sets so small that nothing done to them costs much; the group names the sort."""

TOY_LOADERS = re.compile(
    r"""^keras\.datasets\.(?:mnist|fashion_mnist|imdb|reuters|boston_housing|california_housing)\.load_data$
    |^torchvision\.datasets\.(?:Fashion|K|E|Q)?MNIST$|^torchvision\.datasets\.USPS$
    |^sklearn\.datasets\.(?:load_(?:iris|digits|wine|breast_cancer|diabetes|boston)|make_\w+|fetch_california_housing)$""",
    re.VERBOSE,
)
"""Canonical names of what loads a toy data set."""

OTHER_DATA = signal(
    """CIFAR* cifar* SVHN STL10 LSUN CelebA* ImageNet* imagenet* ImageFolder VOC* Coco* COCO* Cityscapes Places365
    Kinetics Flowers102 Food101 OxfordIIITPet Caltech* DTD LibriSpeech WikiText* IMDB AG_NEWS Omniglot
    image_dataset_from_directory flow_from_directory flow_from_dataframe load_dataset get_dataset imread Image""",
    r"""
    \b(?:CIFAR\d+|cifar\d+|SVHN|STL10|LSUN|CelebA|CelebAHQ|ImageNet\w*|imagenet\w*|ImageFolder|VOC\w*|Coco\w*|COCO\w*|Cityscapes
        |Places365|Kinetics|Flowers102|Food101|OxfordIIITPet|Caltech\w*|DTD|LibriSpeech|WikiText\w*|IMDB|AG_NEWS|Omniglot)\b
    | \bimage_dataset_from_directory\b | \bflow_from_(?:directory|dataframe)\b | \bload_dataset\(\s*[^"'\s)]
    | \bget_dataset\( | \bimread\( | \bImage\.open\(
    """,
    re.VERBOSE,
)
"""Data sets that are not toys: with one of them beside a toy, which of the two is used is not known."""

OTHER_TABLES = signal("read_*", r"\bread_(?:csv|parquet|feather|hdf|json|excel|table)\(")
"""The same beside a toy table; beside images a table may hold no more than a log."""

RANDOM_TENSOR = signal(
    "randn rand randint normal uniform random random_sample",
    r"\b(?:torch|tf\.random|np\.random|jax\.random)\.(?:randn?|randint|normal|uniform|random|random_sample)\(",
)
REAL_DATA = signal(
    "*DataLoader load* read_* *data* open Image cv2 h5py glob loader loaders batche batches tokenizer fetch_* path",
    r"""DataLoader\([^)\n]*\w|\bload\w*\(|\bread_\w+\(|\bdatasets?\b|\bopen\(|\bImage\b|\bcv2\b|\bh5py\b|\bglob\b|\bimport\s+\w*data|\bfrom\s+[\w.]*data
    |\bget_data\w*\(|\bloaders?\b|\bbatches?\b\s+in\b|\btrain_data\b|\btokenizer\b|\bfetch_\w+\(|\bpath\b""",
    re.VERBOSE,
)
"""Signs that data comes from elsewhere than a random generator."""

MEDIA_ROOTS = frozenset(
    """torchvision PIL cv2 librosa torchaudio soundfile skimage imageio nibabel pydicom SimpleITK tifffile rasterio
    decord h5py openslide accimage turbojpeg rawpy jpeg4py mmcv pydub torchcodec av wave zarr open3d trimesh laspy
    albumentations imgaug monai kornia timm datasets""".split()
)
"""Libraries that read or augment images, sounds, volumes and the like."""
ARRAY_FILES = signal(
    "load loadmat imread open_memmap read load_img",
    r"\b(?:np|numpy)\.load\(|\bloadmat\(|\bimread\(|\bwavfile\.read\(|\bopen_memmap\(|\bload_img\(",
)
"""Arrays read from files one by one."""

WRITTEN_DATA = re.compile(
    r"^[ \t]*(?:sentences?|texts?|corpus|data|docs?|documents|inputs?|xs?|words|seq_data|train_data|raw_\w+|x_\w+)"
    r"[ \t]*=[ \t]*(?:np\.array\(|torch\.\w*[Tt]ensor\()?[\[(]\s*[\"'\[(\d-]",
    re.MULTILINE,
)
"""Data written out in the code."""

# -- trainers ----------------------------------------------------------------------------------------------------

TRAINERS: tuple[tuple[str, frozenset[str], re.Pattern[str]], ...] = (
    (
        "lightning",
        frozenset(("lightning", "pytorch_lightning", "lightning_fabric")),
        re.compile(r"\bLightningModule\b|\bTrainer\(|\bLightningCLI\("),
    ),
    ("fabric", frozenset(("lightning", "lightning_fabric")), re.compile(r"\bFabric\(")),
    ("accelerate", frozenset(("accelerate",)), re.compile(r"\bAccelerator\(")),
    ("deepspeed", frozenset(("deepspeed",)), re.compile(r"\bdeepspeed\.initialize\(|\binitialize\(")),
    (
        "hf-trainer",
        frozenset(("transformers", "trl", "setfit", "sentence_transformers", "peft", "adapters", "simpletransformers")),
        re.compile(r"\b\w*Trainer\(|\.fit\(|\.train_model\("),
    ),
    ("fastai", frozenset(("fastai", "fastbook")), re.compile(r"\b\w*[Ll]earner\w*\(|\.fit_one_cycle\(|\.fine_tune\(")),
    ("ignite", frozenset(("ignite",)), re.compile(r"\bEngine\(|create_supervised_trainer\(")),
    ("composer", frozenset(("composer",)), re.compile(r"\bTrainer\(")),
    (
        "mmengine",
        frozenset(("mmengine", "mmcv", "mmdet", "mmseg", "mmcls", "mmpretrain")),
        re.compile(r"\bRunner\b|\bEpochBasedRunner\b|\btrain_\w+\("),
    ),
    ("catalyst", frozenset(("catalyst",)), re.compile(r"\bRunner\b|Runner\(")),
    ("skorch", frozenset(("skorch",)), re.compile(r"\bNeuralNet\w*\(")),
    ("detectron2", frozenset(("detectron2",)), re.compile(r"\bDefaultTrainer\b|\bSimpleTrainer\b")),
    ("ultralytics", frozenset(("ultralytics",)), re.compile(r"\bYOLO\(")),
    (
        "poutyne",
        frozenset(("poutyne", "torchbearer", "tez", "pytorch_tabnet", "pytorch_forecasting", "darts")),
        re.compile(r"\.fit\(|\bModel\(|\bTrial\("),
    ),
    ("keras", frozenset(("keras", "tensorflow")), re.compile(r"\.fit(?:_generator)?\(|\.compile\(")),
)
"""Frameworks that own the training step, with their packages and what in the text shows that they are at work."""

OWN_TRAINING = (".backward(", "zero_grad(", ".train(")
"""What all stands in a module that trains by a loop of its own."""

WRITES_PRECISION = re.compile(r"(?i)trainer|train|engine|config|cfg|args|opts|options|precision|amp|setup|accelerat")
"""Names whose unreadable definitions could decide on precision."""

LEARNING_ROOTS = frozenset(
    """torch torchvision tensorflow keras tf_keras jax flax haiku equinox sklearn xgboost lightgbm catboost transformers
    accelerate lightning pytorch_lightning fastai paddle mxnet gluon theano chainer skorch imblearn mlxtend surprise
    cuml dask_ml statsmodels pmdarima prophet gensim autogluon tpot autosklearn ngboost pytorch_tabnet sktime darts
    optax optuna ray ultralytics timm monai torch_geometric dgl stable_baselines3 spacy nltk skopt hyperopt tune
    skmultilearn hmmlearn implicit lightfm rpy2 h2o pyspark river cntk caffe tflearn joblib sentence_transformers
    diffusers peft trl vllm whisper faster_whisper onnxruntime datasets tokenizers evaluate""".split()
)
"""Libraries that train models."""
TRAINING_SCRIPT = re.compile(
    r"(?i)(?:^|[/\s\"'])(?:\w*train\w*|\w*finetun\w*|run_\w+|main)\.py|-m\s*[\"',\s]+[\w.]*train"
)
"""The name of a script that trains, in a command."""

MODEL_FILE = re.compile(r"(?i)(?:model|classifier|regressor|clf)\w*\.(?:pkl|pickle|joblib|h5|keras|pth?|onnx|sav)[\"']")
"""The name of a file that holds a trained model."""

TEST_NAME = re.compile(r"(?:^|/)(?:tests?|testing)/|(?:^|/)(?:test_[^/]*|[^/]*_test|conftest)\.(?:py|ipynb)$")
BENCHMARK_FUNCTION = re.compile(r"bench|profil|latency|throughput|measure|timing", re.IGNORECASE)
"""The name of a function that is there to measure."""
BENCHMARK_NAME = re.compile(
    r"(?:^|/)(?:benchmarks?|bench|perf|profiling)/|(?:^|[/_\-])(?:benchmark|bench|speed_?test|profile|throughput|latency)s?[^/]*\.(?:py|ipynb)$",
    re.IGNORECASE,
)
BENCHMARK_TEXT = signal(
    "benchmark pytest_benchmark timeit BENCHMARK do_bench",
    r"torch\.utils\.benchmark|\bpytest_benchmark\b|\btimeit\.(?:timeit|repeat)\(|\bBENCHMARK\b|\bdo_bench\(",
)

LIBRARY_ROOTS = frozenset(
    """torch torchvision torchaudio torchtext torchmetrics torch_geometric torch_scatter timm transformers tokenizers
    datasets evaluate accelerate deepspeed lightning pytorch_lightning lightning_fabric peft trl diffusers
    sentence_transformers keras keras_hub keras_cv keras_nlp tensorflow tensorflow_datasets tensorflow_hub tf_keras
    tensorflow_addons jax jaxlib flax optax haiku equinox orbax numpy scipy pandas polars sklearn xgboost lightgbm
    catboost matplotlib seaborn plotly cv2 PIL skimage imageio albumentations imgaug h5py tqdm einops yaml wandb mlflow
    tensorboard tensorboardX optuna ray hydra omegaconf absl click typer fire nltk spacy gensim librosa soundfile
    networkx dgl numba psutil requests IPython ipywidgets fastai monai segmentation_models_pytorch efficientnet_pytorch
    pretrainedmodels kornia joblib rich loguru visdom pycocotools apex bitsandbytes mpl_toolkits setuptools d2l tkinter
    pylab pycuda scikitplot statsmodels sympy""".split()
)
"""Packages that are known to be no part of a project."""
