"""Trains a small PyTorch model on Free Spoken Digit, read by worker processes without TensorFlow.

    python -m pip install torch
    python examples/torch_spoken_digit.py --miniature            # seconds, offline
    python examples/torch_spoken_digit.py                        # the corpus, a few minutes
    python examples/torch_spoken_digit.py --manual_dir FOLDER    # the corpus, from files already there

The recordings are of different lengths: a batch is filled up with zeros, and the model averages over
what is not filled up. It prints the accuracy on the official test split: 0.99 on the corpus.
"""

import argparse
import sys

import numpy as np
import tensorflow_datasets as tfds
import torch
from torch import nn
from torch.utils.data import DataLoader

import tfds_extra

WINDOW, STEP = 256, 80  # Samples of a spectrum, and from one spectrum to the next: 10 ms.


def collate(examples: list[dict]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A batch: recordings filled up with zeros to the longest, their lengths, and the labels.

    Spawned workers import this function by its name, so that it is no function in a function.
    """
    lengths = [max(WINDOW, len(example["audio"])) for example in examples]
    audio = np.zeros((len(examples), max(lengths)), np.float32)
    for row, example in zip(audio, examples):
        samples = example["audio"].astype(np.float32)
        # All recordings become as loud as all others.
        row[: len(samples)] = samples / (np.abs(samples).max(initial=0) + 1)
    labels = [example["label"] for example in examples]
    return torch.from_numpy(audio), torch.tensor(lengths), torch.tensor(labels)


def loader_of(source, batch: int, workers: int, *, shuffle: bool) -> DataLoader:
    """Batches of a data source, decoded in worker processes."""
    return DataLoader(
        source,
        batch_size=batch,
        shuffle=shuffle,
        collate_fn=collate,
        num_workers=workers,
        # A fork of a process that has used array_record crashes.
        multiprocessing_context="spawn" if workers else None,
        persistent_workers=workers > 0,  # They take seconds to start.
        worker_init_fn=check_worker if workers else None,
    )


def check_worker(number: int) -> None:
    """Shows that reading needs no TensorFlow: a worker that had imported it would be slow to start."""
    assert "tensorflow" not in sys.modules, f"worker {number} has imported TensorFlow"


class Model(nn.Module):
    """Spectra, two convolutions over time, and the mean over the length of each recording."""

    def __init__(self, classes: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm1d(WINDOW // 2 + 1),
            nn.Conv1d(WINDOW // 2 + 1, 64, 5, padding=2), nn.BatchNorm1d(64), nn.ReLU(),
            nn.Conv1d(64, 64, 5, padding=2), nn.BatchNorm1d(64), nn.ReLU(),
        )  # fmt: skip
        self.last = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * 64, classes))

    def forward(self, audio: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        window = torch.hann_window(WINDOW)
        spectra = torch.stft(audio, WINDOW, STEP, window=window, center=False, return_complex=True)
        found = self.layers(torch.log(spectra.abs() + 1e-3))
        # What the convolutions find in the zeros behind a recording counts for nothing.
        frames = 1 + (lengths - WINDOW) // STEP
        known = (torch.arange(found.shape[2]) < frames[:, None])[:, None]
        mean = (found * known).sum(2) / frames[:, None]
        most = found.masked_fill(~known, 0).amax(2)
        return self.last(torch.cat([mean, most], 1))


def main() -> None:
    arguments = parse_arguments()
    torch.manual_seed(0)
    builder = tfds.builder(
        "free_spoken_digit",
        data_dir=arguments.data_dir,
        miniature=arguments.miniature,
        file_format="array_record",  # Which can be read in any order.
    )
    config = tfds.download.DownloadConfig(manual_dir=arguments.manual_dir)
    builder.download_and_prepare(download_config=config)
    sources = builder.as_data_source()
    train, test = sources["train"], sources["test"]
    print(f"{builder.info.full_name}: {len(train):,} recordings to train on, {len(test):,} to test")

    batch = min(64, max(8, len(train) // 40))
    batches = loader_of(train, batch, arguments.workers, shuffle=True)
    model = Model(builder.info.features["label"].num_classes)
    optimizer = torch.optim.Adam(model.parameters())
    steps = arguments.epochs * len(batches)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
    for epoch in range(arguments.epochs):
        losses = []
        for audio, lengths, labels in batches:
            loss = nn.functional.cross_entropy(model(audio, lengths), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}")

    model.eval()
    right = 0
    with torch.no_grad():
        for audio, lengths, labels in loader_of(test, batch, arguments.workers, shuffle=False):
            right += int((model(audio, lengths).argmax(1) == labels).sum())
    print(f"test accuracy: {right / len(test):.4f}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--miniature", action="store_true", help="train on the made-up miniature")
    parser.add_argument("--manual_dir", help="folder with the published files, if they are there")
    parser.add_argument("--data_dir", help="where prepared data lies; TFDS's default if unset")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2, help="processes that read (default: 2)")
    return parser.parse_args()


if __name__ == "__main__":  # Workers import this file, too.
    assert tfds_extra  # Imported for its effect: it registers the corpora.
    main()
