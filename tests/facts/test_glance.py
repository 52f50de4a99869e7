"""Code without comments, under its own names; and signals, which are found wherever their patterns match."""

from __future__ import annotations

import re

import pytest

from greenlint.facts.glance import Code, Glance, code_of
from greenlint.facts.imports import Imports
from greenlint.facts.sources import DictSources, RunSettings
from greenlint.knowledge import precision, signals
from greenlint.knowledge.signal import Signal, signal
from greenlint.passage import comments_of

# -- code and comments ---------------------------------------------------------------------------------------------

CODE = {
    "nothing": ("", ""),
    "comment": ("a  # amp\n# fp16\nb", "a  \n\nb"),
    "comment at the end": ("a  # amp", "a  "),
    "hash in a string": ("a = '# amp'  # fp16", "a = '# amp'  "),
    "hash behind an escaped quote": (r"a = '\'# amp'  # fp16", r"a = '\'# amp'  "),
    "quote in a comment": ("a  # don't\nb = 'amp'", "a  \nb = 'amp'"),
    "other quotes in a string": ('a = "it\'s"  # amp', 'a = "it\'s"  '),
    "open quote": ("a = '\nb  # amp", "a = '\nb  "),
    "windows line ends": ("a  # amp\r\nb\r\n", "a  \nb\r\n"),
    "docstring": ('"""Uses amp."""\na', '""\na'),
    "docstring over lines": ("def f():\n    '''Uses\n\n    # amp\n    '''\n    a", 'def f():\n    ""\n    a'),
    "docstring with quotes": ('"""Says "amp" and \\"""."""\na', '""\na'),
    "raw docstring": ('def f():\n    r"""Uses amp."""\n    a', 'def f():\n    r""\n    a'),
    "formatted string in its place": ('f"""amp"""\na', 'f"""amp"""\na'),
    "long string": ('a = """amp # amp"""', 'a = """amp # amp"""'),
    "long string in a call": ('f(r"""amp""")', 'f(r"""amp""")'),
    "option": ("add('--fp16')", "add('--fp16')"),
}


@pytest.mark.parametrize(("text", "code"), CODE.values(), ids=CODE)
def test_code_has_no_comments_and_docstrings(text: str, code: str) -> None:
    assert code_of(text) == code
    assert code_of(code) == code


SPELLED_OUT = {
    "from": ("from zoo import Net as Mesh\nMesh()", "from zoo import Net as Net\nNet()"),
    "module": ("import zoo.nets as meshes\nmeshes.f()", "import zoo.nets as nets\nnets.f()"),
    "several": (
        "from zoo import A, Net as Mesh, Set as Bag\nMesh(Bag)",
        "from zoo import A, Net as Net, Set as Set\nNet(Set)",
    ),
    "over lines": ("from zoo import (\n    Net as Mesh,\n)\nMesh()", "from zoo import (\n    Net as Net,\n)\nNet()"),
    "in a block": ("if a:\n    from zoo import Net as Mesh\nMesh()", "if a:\n    from zoo import Net as Net\nNet()"),
    "torch, however short": ("import torch as T\nT.f()", "import torch as torch\ntorch.f()"),
    "customary short name": ("import numpy as np\nnp.f()", "import numpy as np\nnp.f()"),
    "customary short name of a module": ("import torch.nn as nn\nnn.f()", "import torch.nn as nn\nnn.f()"),
    "parts of words": ("from zoo import Net as Mesh\nMeshes(my_Mesh)", "from zoo import Net as Net\nMeshes(my_Mesh)"),
    "other uses of as": ("with open(x) as file: pass\nfile", "with open(x) as file: pass\nfile"),
    "imported under its name": ("from zoo import Net as Net\nNet()", "from zoo import Net as Net\nNet()"),
}


@pytest.mark.parametrize(("text", "code"), SPELLED_OUT.values(), ids=SPELLED_OUT)
def test_code_has_what_is_imported_under_its_own_name(text: str, code: str) -> None:
    assert code_of(text) == code


COMMENTS = {
    "none": ("a = '# b'", ""),
    "some": ("a  # b\n# c\n'''\n# d\n'''\nf(  # e\n)", "# b\n# c\n# e"),
    "marks": ("#\n#!x\n#: y", "#\n#!x\n#: y"),
}


@pytest.mark.parametrize(("text", "comments"), COMMENTS.values(), ids=COMMENTS)
def test_comments(text: str, comments: str) -> None:
    assert comments_of(text) == comments


# -- the search around words ---------------------------------------------------------------------------------------

LOAD = signal("load* cpu", r"\bload(?:_all)?\(\s*[\"']cpu[\"']")

LOADS = {
    "one line": "load('cpu')",
    "among others": "a\nb\nf(load('cpu'))\nc",
    "next line": "load(\n    'cpu'\n)",
    "behind a comment": "load(  # where\n    'cpu')",
    "behind lines of comments": "load(\n    # where\n\n    # what\n    'cpu')",
    "behind blank lines": "load(\n\n   \n    'cpu')",
    "windows line ends": "load(\r\n\r\n    'cpu'\r\n)\r\n",
    "word that comes again": "load\nloaded\nload('gpu')\ncpu\nload_all('cpu')",
    "second word alone is exact": "reload = cpu\nload_all(\n'cpu')",
}


@pytest.mark.parametrize("text", LOADS.values(), ids=LOADS)
def test_signals_are_found_about_their_words(text: str) -> None:
    code = Code.of(text)
    found = code.search(LOAD)
    assert found is not None
    assert found.group().startswith("load")
    assert code.text[found.start() : found.end()] == found.group()
    assert code.shows(LOAD)


@pytest.mark.parametrize(
    "word", ["load*", "cpu", "*cpu*"], ids=["word of the beginning", "word of the end", "part of the end"]
)
@pytest.mark.parametrize("text", LOADS.values(), ids=LOADS)
def test_any_word_of_a_match_leads_to_it(text: str, word: str) -> None:
    assert Code.of(text).shows(LOAD._replace(words=("other", word)))


NO_LOADS = {
    "nothing": "",
    "no word": "f('gpu')",
    "words without a match": "load('gpu', 'cpu')",
    "comment": "# load('cpu')",
    "docstring": "'''load('cpu')'''",
}


@pytest.mark.parametrize("text", NO_LOADS.values(), ids=NO_LOADS)
def test_signals_that_are_not_there(text: str) -> None:
    assert Code.of(text).search(LOAD) is None
    assert not Code.of(text).shows(LOAD)


def test_patterns_without_one_of_their_words_are_not_searched() -> None:
    assert not Code.of("load('cpu')").shows(LOAD._replace(words=("loads", "*gpu*")))


def test_patterns_see_what_stands_around_the_lines_they_are_searched_in() -> None:
    starts = signal("amp", r"(?<![a-z]\n)^amp\b", re.MULTILINE)
    assert Code.of("1\namp").shows(starts)
    assert not Code.of("a\namp").shows(starts)


# -- signals -------------------------------------------------------------------------------------------------------

SIGNALS = {
    name: value for module in (signals, precision) for name, value in vars(module).items() if isinstance(value, Signal)
}

SAMPLES = {
    "ACCELERATOR": [
        "model.cuda()",
        "model.xpu()",
        "torch.set_default_tensor_type(torch.cuda.FloatTensor)",
        "torch.set_default_tensor_type(cuda_tensors)",
        "device = 'cuda'",
        "device = f'cuda:{rank}'",
        "device = 'cuda:' + rank",
        "torch.device('mps')",
        "torch.device('xpu')",
        "torch.device('npu:0')",
        "torch.device('hpu')",
        "Trainer(accelerator='gpu')",
        "Trainer(accelerator='tpu')",
        "Trainer(accelerator='TPU')",
        "with tf.device('/gpu:0'):",
        "with tf.device('/device:GPU:0'):",
        "torch.cuda.set_device(0)",
        "torch.cuda.current_device()",
        "torch.cuda.synchronize()",
        "torch.cuda.empty_cache()",
        "torch.cuda.Event()",
        "torch.cuda.Stream()",
        "torch.cuda.amp.autocast()",
        "torch.cuda.device(0)",
        "torch.cuda.LongTensor(3)",
        "torch.cuda.memory_allocated()",
        "torch.cuda.max_memory_allocated()",
        "torch.cuda.reset_peak_memory_stats()",
        "torch.cuda.mem_get_info()",
        "torch.cuda.get_device_name()",
        "torch.accelerator.current_accelerator()",
        "torch.backends.mps.is_available()",
        "DistributedDataParallel(model)",
        "FullyShardedDataParallel(model)",
        "nn.DataParallel(model)",
        "DDP(model)",
        "FSDP(model)",
        "init_process_group('nccl')",
        "from_pretrained(name, device_map = 'auto')",
        "xm.xla_device()",
        "CuDNNLSTM(64)",
        "CuDNNGRU(64)",
        "tf.distribute.MirroredStrategy()",
        "MultiWorkerMirroredStrategy()",
        "TPUStrategy(resolver)",
        "TPUClusterResolver()",
        "multi_gpu_model(model, 2)",
        "set_memory_growth(gpu, True)",
        "tf.test.gpu_device_name()",
        "tf.test.is_gpu_available()",
        "K.tensorflow_backend._get_available_gpus()",
        "gpu_options.per_process_gpu_memory_fraction = 0.3",
        "gpu_options.allow_growth = True",
        "tf.config.list_physical_devices('GPU')",
        "tf.config.list_logical_devices('GPU:0')",
        "os.environ['CUDA_VISIBLE_DEVICES'] = '0'",
        "os.environ['CUDA_VISIBLE_DEVICES'] = str(gpu)",
        "os.environ.setdefault('CUDA_VISIBLE_DEVICES', f'0,{n}')",
        "os.environ['SLURM_CUDA_VISIBLE_DEVICES'] = '0'",
        "jax.devices('gpu')",
        "jax.devices('cuda')[0]",
    ],
    "RANKS": [
        "DistributedDataParallel(net)",
        "FullyShardedDataParallel(net)",
        "DDP(net)",
        "FSDP(net)",
        "fully_shard(net)",
        "dist.init_process_group('nccl')",
        "deepspeed.init_distributed()",
        "DistributedSampler(data)",
        "dist.all_reduce(x)",
        "dist.all_gather_object(parts, x)",
    ],
    "AUTO_PLACED": [
        "Accelerator(cpu=False)",
        "TrainingArguments('out')",
        "Seq2SeqTrainingArguments('out')",
        "HfArgumentParser(Arguments)",
        "Fabric()",
        "class Net(pl.LightningModule):",
        "deepspeed.initialize(model=model)",
        "deepspeed.init_inference(model)",
        "pl.Trainer()",
        "L.Trainer()",
        "lightning.Trainer()",
        "pytorch_lightning.Trainer()",
        "SentenceTransformer(name)",
        "vision_learner(data)",
        "cnn_learner(data)",
        "unet_learner(data)",
        "tabular_learner(data)",
        "Learner(data, model)",
    ],
    "DEVICE": ["x.to(device)", "f(device = x)", "torch.device(x)", "batch.to_device(x)"],
    "HOST_DEVICE": [
        "device = 'cpu'",
        "DEVICE: str = 'cpu'",
        "device = x if ok else 'cpu'",
        "place(device, 'cpu')",
        "model.to('cpu')",
        'torch.device("cpu")',
    ],
    "LEGACY_KERAS": [
        "multi_gpu_model(model, 2)",
        "CuDNNLSTM(64)",
        "layers.CuDNNGRU",
        "tf.ConfigProto(allow_soft_placement=True)",
        "tf.Session(config=config)",
        "tf.placeholder(tf.float32)",
        "tf.set_random_seed(1)",
        "K.tensorflow_backend",
        "K.set_session(session)",
    ],
    "CPU_STACK": [
        "torch.onnx.export(model)",
        "my_onnx.export(model)",
        "quantize_dynamic(model)",
        "torch.quantization.quantize_dynamic(model)",
        "my_quantize_dynamic(model)",
        "import openvino",
        "optimize_for_mobile(model)",
        "import coremltools as ct",
        "torch.backends.quantized.engine",
        "model.tflite",
        "tf.lite.TFLiteConverter.from_keras_model(model)",
        "MyTFLiteConverters()",
        "import intel_extension_for_pytorch as ipex",
    ],
    "REINFORCEMENT": [
        "env.step(action)",
        "envs.reset()",
        "ReplayBuffer(1000)",
        "ReplayMemory(1000)",
        "gym.make('Pong')",
        "environment.step(action)",
        "agent.select_action(state)",
        "DQN(4, 2)",
        "DQNAgent(4, 2)",
    ],
    "SCIENCE": [
        "grad(x, create_graph = True)",
        "torch.linalg.inv(x)",
        "torch.fft.rfft(x)",
        "jnp.fft.fft(x)",
        "gradcheck(f, x)",
        "torch.complex(a, b)",
        "torch.lgamma(x)",
        "torch.logdet(x)",
        "torch.cholesky(x)",
        "torch.svd(x)",
        "torch.eig(x)",
        "torch.qr(x)",
        "torch.inverse(x)",
        "PINN(3)",
        "PINNs(3)",
        "pinn_loss(x)",
        "'physics informed'",
        "'Physics_Informed'",
        "'PHYSICS INFORMED'",
        "odeint(f, x)",
        "hamiltonian(x)",
        "'Hamiltonian'",
        "navier_stokes(x)",
        "NavierStokes(x)",
        "model.log_likelihood(x)",
        "MultivariateNormal(mean, covariance)",
    ],
    "REAL_DATA": [
        "load_pickle(x)",
        "np.load(x)",
        "read_csv(x)",
        "dataset = x",
        "datasets",
        "open(x)",
        "Image.open",
        "import cv2",
        "h5py.File",
        "glob(x)",
        "import mydata",
        "import data",
        "from data import x",
        "from a.b.data_tools import x",
        "from . import mydatas",
        "get_data_of(x)",
        "loader",
        "for x in loaders: y",
        "for batches in x: y",
        "DataLoader(x)",
        "train_data",
        "tokenizer",
        "fetch_all(x)",
        "path",
    ],
    "TOY_DATA": [
        "MNIST('x')",
        "datasets.FashionMNIST('x')",
        "KMNIST('x')",
        "EMNIST('x')",
        "QMNIST('x')",
        "MNISTDataModule()",
        "mnist.load_data()",
        "Mnist.load_data()",
        "from keras.datasets import fashion_mnist",
        "USPS('x')",
        "load_dataset('mnist')",
        "load_dataset('ylecun/mnist')",
        "load_dataset('fashion_mnist')",
        "tfds.load('mnist')",
        "tfds.builder('fashion_mnist')",
        "fetch_openml('mnist_784')",
        "fetch_mldata('MNIST original')",
        "input_data.read_data_sets('x')",
        "'../input/digit-recognizer/train.csv'",
        "'data/mnist/train'",
        "'data/MNIST/raw'",
        "'mnist_train.csv'",
        "'MNIST_data'",
        "get_mnist()",
        "load_mnist()",
        "read(MNIST_data)",
        "load_iris()",
        "load_digits()",
        "load_wine()",
        "load_breast_cancer()",
        "load_diabetes()",
        "load_boston()",
        "fetch_california_housing()",
        "boston_housing.load_data()",
        "make_classification(100)",
        "make_regression(100)",
        "make_blobs()",
        "make_moons()",
        "make_circles()",
        "make_swiss_roll()",
        "make_friedman1()",
        "make_s_curve()",
        "make_gaussian_quantiles()",
    ],
    "OTHER_DATA": [
        "CIFAR10('x')",
        "cifar100.load_data()",
        "SVHN('x')",
        "STL10('x')",
        "LSUN('x')",
        "CelebA('x')",
        "CelebAHQ('x')",
        "ImageNet('x')",
        "imagenet_classes",
        "ImageFolder('x')",
        "VOCDetection('x')",
        "CocoDetection('x')",
        "COCO('x')",
        "Cityscapes('x')",
        "Places365('x')",
        "Kinetics('x')",
        "Flowers102('x')",
        "Food101('x')",
        "OxfordIIITPet('x')",
        "Caltech101('x')",
        "DTD('x')",
        "LibriSpeech('x')",
        "WikiText103()",
        "IMDB()",
        "AG_NEWS()",
        "Omniglot('x')",
        "image_dataset_from_directory('x')",
        "flow_from_directory('x')",
        "flow_from_dataframe(x)",
        "load_dataset(args.name)",
        "get_dataset(name)",
        "cv2.imread(path)",
        "Image.open(path)",
    ],
    "OTHER_TABLES": [
        f"pd.read_{kind}(path)" for kind in ("csv", "parquet", "feather", "hdf", "json", "excel", "table")
    ],
    "RANDOM_TENSOR": [
        "torch.randn(3)",
        "torch.rand(3)",
        "torch.randint(3)",
        "tf.random.normal([3])",
        "tf.random.uniform([3])",
        "np.random.random(3)",
        "np.random.random_sample(3)",
        "jax.random.normal(key)",
    ],
    "ARRAY_FILES": [
        "np.load(path)",
        "numpy.load(path)",
        "loadmat(path)",
        "imread(path)",
        "wavfile.read(path)",
        "open_memmap(path)",
        "load_img(path)",
    ],
    "BENCHMARK_TEXT": [
        "import torch.utils.benchmark as b",
        "import pytest_benchmark",
        "timeit.timeit(f)",
        "timeit.repeat(f)",
        "BENCHMARK = True",
        "triton.testing.do_bench(f)",
    ],
    "PRECISION": [
        "autocast('cuda')",
        "GradScaler()",
        "gradscaler.step(x)",
        "self.grad_scaler.step(x)",
        "LossScaleOptimizer(x)",
        "from apex import x",
        "amp.initialize(x)",
        "use_amp = True",
        "enable_amp()",
        "with_amp",
        "no_amp",
        "native_amp",
        "apex_amp",
        "torch_amp",
        "args.amp_level",
        "my_amp_level",
        "AMP = 1",
        "'--fp16'",
        "to_fp16_model(x)",
        "bf16_full_eval = x",
        "te.fp8_autocast()",
        "FP16_Optimizer(x)",
        "BF16 = 1",
        "FP8Recipe()",
        "np.float16",
        "torch.bfloat16",
        "torch.float8_e4m3fn",
        "model.half()",
        "torch.half",
        "torch.cuda.HalfTensor(3)",
        "use_half_floats",
        "half_precision = x",
        "predict(x, half = True)",
        "predict(x, half=args.half)",
        "mixed_precision = x",
        "mixedprecision = x",
        "'ACCELERATE_MIXED_PRECISION'",
        "convert_models_to_fp32(model)",
        "clip.model.convert_weights(model)",
        "MixedPrecision(x)",
        "mixed16",
        "Trainer(precision=16)",
        "{'precision': 'bf16-mixed'}",
        "add_argument('--precision')",
        "cfg.precision",
        "FLAGS.precision",
        "torch.set_default_dtype(x)",
        "keras.config.set_dtype_policy(x)",
        "keras.DTypePolicy(x)",
        "set_global_policy(x)",
        "import transformer_engine",
        "import torchao",
        "from_pretrained(x, load_in_4bit=True)",
        "from_pretrained(x, load_in_8bit=True)",
        "BitsAndBytesConfig(x)",
        "jmp.Policy(x)",
        "jmp.get_policy(x)",
    ],
}


def test_every_signal_has_samples() -> None:
    assert SAMPLES.keys() == SIGNALS.keys()
    assert all(len(set(samples)) >= 2 for samples in SAMPLES.values())


def forms(sample: str) -> list[str]:
    """A sample as it may stand in a file, also over several lines."""
    broken = re.sub(r"([(\[,=:])\s*", "\\1  # so\n\n    ", sample)
    return [
        sample,
        f"a\n{sample}\nb",
        f"if a:\n\t{sample}\r\n",
        broken,
        f"a\n\n{broken}\n\nb",
        broken.replace("\n", "\r\n"),
    ]


CASES = [(name, sample) for name, samples in SAMPLES.items() for sample in samples]


@pytest.mark.parametrize(("name", "sample"), CASES)
def test_signals_are_sound(name: str, sample: str) -> None:
    assert SIGNALS[name].pattern.search(sample)
    for form in forms(sample):
        code = Code.of(form)
        for other, each in SIGNALS.items():
            assert code.shows(each) is (each.pattern.search(code.text) is not None), (other, form)


# Each stands for something that words might make too much of.
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ACCELERATOR", "torch.cuda.is_available()"),
        ("ACCELERATOR", "os.environ['CUDA_VISIBLE_DEVICES'] = ''"),
        ("ACCELERATOR", "gpu = 'GPUs are fast'"),
        ("RANKS", "from torch.nn.parallel import DistributedDataParallel"),
        ("AUTO_PLACED", "from transformers import Trainer"),
        ("DEVICE", "to = device"),
        ("HOST_DEVICE", "cpu = os.cpu_count()"),
        ("CPU_STACK", "import onnx"),
        ("REINFORCEMENT", "env = os.environ"),
        ("SCIENCE", "from complex import linalg"),
        ("TOY_DATA", "make_model()"),
        ("OTHER_DATA", "Image = None"),
        ("OTHER_TABLES", "read_config(path)"),
        ("RANDOM_TENSOR", "random.random()"),
        ("ARRAY_FILES", "json.load(file)"),
        ("BENCHMARK_TEXT", "import timeit"),
        ("LEGACY_KERAS", "requests.Session()"),
        ("PRECISION", "x2amp_scale = 1"),
    ],
)
def test_words_alone_are_no_signal(name: str, text: str) -> None:
    assert not Code.of(text).shows(SIGNALS[name])
    assert not SIGNALS[name].pattern.search(text)


# -- the door ------------------------------------------------------------------------------------------------------


def test_what_is_known_of_a_text_is_made_once() -> None:
    glance = Glance("a.py", "import torch  # why\n", DictSources(), RunSettings())
    assert glance[Imports] is glance[Imports]
    assert glance[Imports].names == ("torch",)
    assert glance.code is glance.code
    assert glance.code.text == "import torch  \n"
    assert not glance.is_notebook
