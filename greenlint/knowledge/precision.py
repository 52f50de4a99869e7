"""Words that betray a decision about numeric precision. Data only."""

from __future__ import annotations

import re

from greenlint.knowledge.signal import signal

__all__ = ["PRECISION"]

PRECISION = signal(
    """autocast GradScaler *scaler LossScaleOptimizer amp amp_* *_amp *_amp_* AMP apex *fp16* *bf16* *fp8* FP16*
    BF16 FP8* *float16* float8* half HalfTensor use_half* *half_precision* *mixed_precision* *mixedprecision*
    *MIXED_PRECISION* *MixedPrecision* mixed16 precision set_default_dtype set_dtype_policy DTypePolicy
    set_global_policy transformer_engine torchao load_in_4bit load_in_8bit BitsAndBytesConfig jmp
    *_to_fp32 convert_weights""",
    r"""
    \bautocast\b | \bGradScaler\b | \bgrad_?scaler\b | \bLossScaleOptimizer\b
    | (?<![A-Za-z0-9&])(?:use_|enable_|with_|no_|native_|apex_|torch_)?amp(?:_\w+)?\b(?!\s*\*) | \bAMP\b | \bapex\b
    | fp16 | bf16 | fp8 | \bFP16\w* | \bBF16\b | \bFP8\w* | float16 | \bfloat8
    | \.half\(\) | \btorch\.half\b | \bHalfTensor\b | \buse_half | half_precision
    | \bhalf\s*=\s*(?:True|False|args|opt|cfg|config)\b
    | mixed_?precision | MIXED_PRECISION | MixedPrecision | \bmixed16\b
    | \bprecision["']?\s*[=:]\s*["']?(?:16|bf16|half|mixed) | ["']--precision["']
    | \b(?:args?|cfg|config|conf|opts?|options|params|hparams|FLAGS|trainer)\.precision\b
    | \bset_default_dtype\b | \bset_dtype_policy\b | \bDTypePolicy\b | \bset_global_policy\b
    | \btransformer_engine\b | \btorchao\b | \bload_in_[48]bit\b | \bBitsAndBytesConfig\b
    | \bjmp\.(?:Policy|get_policy)\b
    | \w_to_fp32\b | \bclip\.model\.convert_weights\b
    """,
    re.VERBOSE,
)
"""Read over code without comments."""
