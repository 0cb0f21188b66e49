"""Before the first epoch: the vector that the head reads learns to be the mean of all tokens' vectors.

Encoders of sentences are trained to say by that mean what a text is about; a sequence classifier reads the first
token, which such a model never used. The texts alone teach it, before their labels do. On NLU++ hotels (684 rows,
40 labels, seed 42) micro F1 on the validation rows was 0.749 after five epochs, and 0.669 without these steps;
0.844 and 0.810 after twenty. Many rows teach it anyway: on BANKING77 (9,000 rows) accuracy was 0.824 after the
first epoch and 0.771 without, and after seven 0.929 either way. Nor do two labels need it: of 1,600 held-out rows
of food_not_food (600 rows to learn from) 1,520 were right with it, and 1,515 without, in 157 and 60 seconds.

Import it where training begins: it takes torch and transformers.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgetext.errors import needs_extra
from edgetext.progress import Progress
from edgetext.train.arguments import as_known
from edgetext.train.recipe import Recipe, device

with needs_extra("train"):
    import torch
    from transformers import DataCollatorWithPadding, PrinterCallback, Trainer, TrainerCallback, TrainingArguments

if TYPE_CHECKING:
    from datasets import Dataset

BATCH = 32
RATE = 3e-4
WARMUP_RATIO = 0.1
DEVIATION = 0.4
"""Of the vector's numbers: where a pooler's tanh is nearly straight."""


def learn_mean(model: Any, tokenizer: Any, rows: Dataset, recipe: Recipe, folder: Path, progress: Progress) -> None:
    """Trains a classifier so that what its head reads is the mean of its tokens' vectors, as they are now.

    Nothing happens where the head does not read one vector of the encoder's width, but that of each token.

    Args:
        model: The classifier; its head is left as it is.
        tokenizer: Its tokenizer.
        rows: Encoded texts; their labels are not looked at.
        recipe: Tells steps, seed and precision.
        folder: Where the Trainer may write.
        progress: Told of every step.
    """
    head = [part for part in model.modules() if isinstance(part, torch.nn.Linear)][-1]
    body = getattr(model, model.base_model_prefix)
    trainer = _MeanTrainer(
        model=model,
        args=_arguments(recipe, folder),
        data_collator=DataCollatorWithPadding(tokenizer),
        train_dataset=rows.remove_columns("labels"),
        callbacks=[_Steps(progress)],
    )
    trainer.remove_callback(PrinterCallback)  # it prints every log line to standard output
    trainer.before = deepcopy(body).eval().requires_grad_(False)
    with head.register_forward_pre_hook(trainer.see):
        some = next(iter(trainer.get_test_dataloader(trainer.train_dataset)))
        with torch.no_grad():
            model(**some)
        if trainer.seen.shape == (len(some["input_ids"]), body.config.hidden_size):
            trainer.train()
    trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)  # the next Trainer wraps it again


class _MeanTrainer(Trainer):  # type: ignore[misc]  # transformers is not followed by mypy
    """The Trainer, with the distance to the mean of ``before``, the encoder as it was, for a loss."""

    before: Any
    seen: Any

    def see(self, _head: Any, inputs: Any) -> None:
        """Notes what the head reads."""
        self.seen = inputs[0]

    def compute_loss(
        self,
        model: Any,
        inputs: Any,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,  # noqa: ARG002
    ) -> Any:
        """Computes the mean squared error, in units of the target's variance."""
        with torch.no_grad():
            hidden = self.before(**inputs).last_hidden_state.float()
            mask = inputs["attention_mask"].unsqueeze(-1)
            mean = torch.nn.functional.normalize((hidden * mask).sum(1), dim=1)
        outputs = model(**inputs)
        target = mean * mean.shape[1] ** 0.5
        loss = torch.nn.functional.mse_loss(self.seen.float() / DEVIATION, target)
        return (loss, outputs) if return_outputs else loss


class _Steps(TrainerCallback):  # type: ignore[misc]  # transformers is not followed by mypy
    """Hands steps on."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def on_step_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Says that a step is done."""
        self._progress.step("learn the mean", state.global_step, state.max_steps)


def _arguments(recipe: Recipe, folder: Path) -> Any:
    on_cpu = device() == "cpu"
    ours = {
        "output_dir": str(folder),
        "max_steps": recipe.mean_steps,
        "per_device_train_batch_size": BATCH,
        "learning_rate": RATE,
        "warmup_ratio": WARMUP_RATIO,
        "weight_decay": recipe.weight_decay,
        "seed": recipe.seed,
        "bf16": recipe.bf16,
        "fp16": recipe.fp16,
        "group_by_length": True,
        "save_strategy": "no",
        "logging_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": on_cpu,
        "dataloader_pin_memory": not on_cpu,
    }
    return TrainingArguments(**as_known(ours))
