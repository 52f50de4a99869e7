"""Keys and values by which configuration files and command lines decide on precision, device and workers. Data only."""

from __future__ import annotations

__all__ = [
    "DEVICE_KEYS",
    "DTYPE_KEY",
    "FOLDERS",
    "FULL",
    "METRIC_WORDS",
    "NOT_SWITCHES",
    "OFF",
    "ON",
    "PRECISION_KEY",
    "QUANTISED_KEYS",
    "REDUCED",
    "SWITCHES",
    "SWITCH_WORDS",
    "WORKER_KEYS",
]

PRECISION_KEY = "precision"
"""A key that ends in this takes the name of a precision, unless it is a score."""
METRIC_WORDS = frozenset("average avg mean macro micro map recall score best val test monitor at metric print".split())
DTYPE_KEY = "dtype"
"""The same, but float32 may well be meant for data only."""
SWITCHES = frozenset(("half", "use_half", "opt_level", "amp_opt_level"))
SWITCH_WORDS = frozenset(("amp", "fp16", "bf16", "fp8", "float16", "bfloat16", "autocast"))
"""Words of a key that takes on or off."""
NOT_SWITCHES = frozenset(
    "downcast_bf16 fp16_backend half_precision_backend fp16_full_eval bf16_full_eval amp_backend".split()
)
QUANTISED_KEYS = frozenset(("load_in_4bit", "load_in_8bit", "use_4bit", "use_8bit"))

REDUCED = frozenset(
    """16 bf16 fp16 fp8 f16 float16 bfloat16 float8 half mixed mix amp mixed16 16-mixed bf16-mixed 16-true bf16-true
    mixed_float16 mixed_bfloat16 torch.float16 torch.bfloat16 torch.half transformer-engine
    transformer-engine-float16""".split()
)
FULL = frozenset("32 32-true fp32 float32 f32 64 64-true fp64 float64 full single double no none false off".split())
ON = frozenset("true yes on 1 auto o1 o2 o3".split())
OFF = frozenset("false no off 0 o0".split())

DEVICE_KEYS = frozenset(
    """device devices device_id device_ids accelerator accelerators gpu gpus gpu_id gpu_ids num_gpu num_gpus n_gpu
    n_gpus ngpu ngpus use_gpu use_cuda cuda use_cpu no_cuda num_processes nproc_per_node distributed_type device_map
    tpu_cores cuda_visible_devices""".split()
)
WORKER_KEYS = frozenset(
    """num_workers num_worker n_workers nworkers workers workers_per_gpu dataloader_num_workers dataloader_workers
    loader_workers data_workers num_data_workers num_loader_workers train_num_workers""".split()
)

FOLDERS = frozenset(
    """config configs configuration conf confs cfg cfgs scripts script experiments experiment recipes hparams yaml yamls
    accelerate_configs accelerate_config deepspeed_configs ds_configs launch""".split()
)
"""Folders whose files configure the code of the folder above."""
