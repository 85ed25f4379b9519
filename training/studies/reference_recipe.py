"""The reference implementation's own way to distil, as the row to beat in `training.studies.bench`.

Each picture is decoded with PIL and augmented with torchvision, one by one, every time it is seen;
the teacher runs in float32 outside autocast, the student under autocast with a gradient scaler on a
GPU. Values are those of its student (batch 8 x 2, AdamW 1e-3, 0.3 CE + 0.7 KL at T = 4); see
method.md 1.2 and 1.4. It is here to be timed, nothing else uses it.
"""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WORKERS = 4
"""Of its data loader, on a GPU."""
_HARD, _SOFT, _TEMPERATURE = 0.3, 0.7, 4.0


class Pictures(Dataset[tuple[Tensor, int]]):
    """Files, decoded and augmented when they are asked for; the files repeat up to `length`."""

    def __init__(
        self, files: Sequence[Path], labels: Sequence[int], *, size: tuple[int, int], length: int
    ) -> None:
        self._files, self._labels, self._length = list(files), list(labels), length
        self._views = student_views(size)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        at = index % len(self._files)
        with Image.open(self._files[at]) as file:
            picture = file.convert("RGB")
        return self._views(picture), self._labels[at]


def student_views(size: tuple[int, int]) -> Any:
    """Its student's random views of a PIL picture.

    Args:
        size: Rows and columns; the recipe's is (384, 384), enlarged by 416 / 384 before the crop.
    """
    enlarged = (round(size[0] * 416 / 384), round(size[1] * 416 / 384))
    return transforms.Compose([
        transforms.Resize(enlarged),
        transforms.RandomCrop(size),
        transforms.RandomChoice([
            transforms.ColorJitter(brightness=(0.767, 1.233)),
            transforms.ColorJitter(contrast=(0.767, 1.233)),
            transforms.RandomRotation(4.67),
        ]),
        transforms.RandomChoice([
            transforms.ColorJitter(brightness=(0.767, 1.233)),
            transforms.ColorJitter(contrast=(0.767, 1.233)),
            transforms.RandomRotation(4.67),
        ]),
        transforms.RandomRotation(15),
        transforms.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2),
        transforms.RandomHorizontalFlip(0.5),
        transforms.ToTensor(),
        transforms.RandomErasing(p=0.2, scale=(0.02, 0.1)),
        transforms.Normalize(MEAN, STD),
    ])  # fmt: skip


class ReferenceDistillation:
    """Its training loop, one micro-batch after the other, for ever."""

    def __init__(
        self, teacher: nn.Module, student: nn.Module, pictures: Pictures, *,
        device: torch.device, batch: int, accumulation: int, workers: int | None = None,
    ) -> None:  # fmt: skip
        """Prepare.

        Args:
            teacher: Answers with logits; float32, put into evaluation mode.
            student: Answers with logits, or with logits first.
            pictures: What to train on.
            device: Where both networks are.
            batch: B-scans a micro-batch.
            accumulation: Micro-batches a step.
            workers: Processes that make pictures; None: as the reference on a GPU, none on a CPU,
                where they would take the cores from the networks.
        """
        self._teacher, self._student = teacher.eval(), student.train()
        self._device, self._accumulation = device, accumulation
        on_gpu = device.type == "cuda"
        self._scaler = torch.amp.GradScaler(device.type, enabled=on_gpu)
        self._optimizer = torch.optim.AdamW(student.parameters(), lr=1e-3, weight_decay=0.01)
        count = (WORKERS if on_gpu else 0) if workers is None else workers
        self._loader = DataLoader(
            pictures, batch_size=batch, shuffle=True, drop_last=True, num_workers=count,
            pin_memory=on_gpu, persistent_workers=count > 0,
            multiprocessing_context="spawn" if count else None,
        )  # fmt: skip

    def micro_batches(self) -> Generator[int]:
        """Train on micro-batch after micro-batch; gives the number of B-scans of each."""
        done = 0
        while True:
            for pictures, labels in self._loader:
                done += 1
                self._learn(pictures.to(self._device), labels.to(self._device))
                if done % self._accumulation == 0:
                    self._scaler.step(self._optimizer)
                    self._scaler.update()
                    self._optimizer.zero_grad()
                yield len(labels)

    def _learn(self, pictures: Tensor, labels: Tensor) -> None:
        with torch.no_grad():
            theirs = self._teacher(pictures)  # float32, outside autocast
        with torch.autocast(self._device.type, torch.float16, enabled=self._scaler.is_enabled()):
            answer = self._student(pictures)
            logits = answer[0] if isinstance(answer, tuple) else answer
            hard = nn.functional.cross_entropy(logits, labels)
            soft = nn.functional.kl_div(
                nn.functional.log_softmax(logits / _TEMPERATURE, dim=1),
                nn.functional.softmax(theirs / _TEMPERATURE, dim=1),
                reduction="batchmean",
            )
            loss = _HARD * hard + _SOFT * _TEMPERATURE**2 * soft
        scaled: Any = self._scaler.scale(loss / self._accumulation)
        scaled.backward()
        loss.item()  # it keeps a running loss, which waits for the device
