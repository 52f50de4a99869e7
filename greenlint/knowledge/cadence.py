"""How long trainings run: what stops them, which schedules need their planned length, settings. Data only."""

from __future__ import annotations

import re

__all__ = [
    "ARGUMENTS",
    "EVALUATION_STRATEGY",
    "FIXED_LENGTH",
    "HARMLESS_CALLBACK",
    "OPEN_ENDED",
    "STOPPING_CALLBACK",
    "STOPS_FROM_INSIDE",
    "TIMERS",
]

# -- stopping ----------------------------------------------------------------------------------------------------

STOPPING_CALLBACK = re.compile(r"(?i)early_?stop|stop_?on|terminate(?!OnNaN)|stop_?when|stopping")
"""Names of callbacks that end a training."""
HARMLESS_CALLBACK = re.compile(
    r"(?i)checkpoint|logg|tensorboard|plateau|learningrate|lr|schedul|monitor|tqdm|progress|plot|wandb|weave|mlflow|comet|"
    r"neptune|clearml|csv|history|print|summary|backup|terminateonnan|timer|ema|swa|average|lambda|report|profil|"
    r"visual|image|predict|metric|score|eval|f1|auc|kappa|remote|save"
)
"""Names of callbacks that record, save or change the learning rate, and let the training go on."""
TIMERS = ("lightning.pytorch.callbacks.Timer", "lightning.pytorch.callbacks.timer.Timer")
"""Callbacks that end a training when its time is over."""
STOPS_FROM_INSIDE = re.compile(
    r"\b(?:stop_training|should_training_stop|should_stop|should_epoch_stop|StopIteration)\b"
)
"""What a callback, module or loop sets to end its training."""

FIXED_LENGTH = re.compile(
    r"OneCycle|one_cycle|[Cc]osine(?:Decay|Annealing|_decay|_annealing|_schedule|_with|LR|Restarts|_lr|_scheduler|Warm)|"
    r"[\"']cosine|PolynomialDecay|PolynomialLR|polynomial_decay|[\"']polynomial|get_(?:linear|cosine|polynomial|inverse)\w*|"
    r"MultiStepLR|StepLR|LambdaLR|LinearLR|PiecewiseConstant|piecewise_constant|LearningRateScheduler|WarmUp|[Ww]arm_?up|"
    r"adjust_learning_rate|\bSWA|swa_utils|AveragedModel|total_steps|max_lr|milestones|poly_lr|lr_scheduler_type|"
    r"CosineLRScheduler|CyclicLR|adjust_lr|lr_decay_epoch|decay_epochs?"
)
"""Learning rates that follow the planned number of epochs or steps: a run that stops early never sees their end."""

OPEN_ENDED = re.compile(
    r"(?i)\bGANs?\b|[a-z]GAN\b|gan_loss|discriminator|adversarial|diffusion|\bDDPM|noise_scheduler|contrastive|simclr|moco\b|"
    r"byol|\bdino\b|barlow|self_?supervised|pre_?train(?:ing|er|_loop|_epoch|_model\()|masked_lm|DataCollatorForLanguageModeling|"
    r"distill|style_transfer|nerf\b|neural_style|\bPINN|physics_informed|federated|continual|lottery"
)
"""Trainings without a validation measure that says when they are done."""

# -- settings of trainers ------------------------------------------------------------------------------------------

ARGUMENTS = (
    "transformers.TrainingArguments",
    "transformers.Seq2SeqTrainingArguments",
    "trl.SFTConfig",
    "trl.DPOConfig",
    "trl.ORPOConfig",
    "trl.KTOConfig",
    "trl.RewardConfig",
    "sentence_transformers.SentenceTransformerTrainingArguments",
    "sentence_transformers.training_args.SentenceTransformerTrainingArguments",
)
"""``TrainingArguments`` and the classes derived from it: the same names for the same settings."""
EVALUATION_STRATEGY = ("eval_strategy", "evaluation_strategy")
"""The name since transformers 4.41, and the one before."""
