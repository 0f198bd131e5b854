"""Kills trainings at random moments with SIGKILL, resumes them, and compares what they come to, byte for byte.

    python benchmarks/resume.py --kills 100

Each training is killed, resumed, killed again ... until it comes to its end; its model file must then be the file of a
training that was never interrupted. A checkpoint is written after every batch for which the disk is quick enough, so
that kills fall into writing as often as into training.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

COMMAND = [sys.executable, "-m", "numbanet"]
TRAINING = [
    "train", "digits", "--limit", "1500", "--hidden", "64", "--dropout", "0.2", "--batch-size", "50", "--epochs", "60",
    "--augment", "shift=2,rotate=10", "--checkpoint-seconds", "0",
]  # fmt: skip


def finish(arguments: list[str], folder: Path) -> None:
    """Run the program to its end."""
    done = subprocess.run([*COMMAND, *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")


def kill(arguments: list[str], folder: Path, seconds: float, at_start: bool) -> bool:
    """Start the program and kill it `seconds` after it has begun to train, or to run; False where it ended before."""
    with subprocess.Popen(
        [*COMMAND, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        lines: list[str] = []
        for line in [] if at_start else process.stdout:
            lines.append(line)
            if line.startswith(("adam", "epoch")):  # the line before the warm-up, or an epoch's
                break
        deadline = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.001)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            return True
        rest = process.stdout.read()
        if process.returncode != 0:
            raise SystemExit(f"{' '.join(arguments)}: exit code {process.returncode}\n{''.join(lines)}{rest}")
        return False


def left_behind(run: Path) -> str:
    """What the killed process was doing, by the files that it left."""
    if not run.exists():
        return "before the run folder"
    names = {path.name for path in (run / "checkpoints").iterdir()}
    if any(name.startswith(".") for name in names):
        return "while a checkpoint was written"
    return "while training" if "last.safetensors" in names else "before the first checkpoint"


def main() -> None:
    """Print how many kills there were, where they fell, and how many trainings ended alike."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--longest", type=float, default=1.2, help="seconds after the beginning of training")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance, moments = random.Random(options.seed), Counter()
    killed = ended = alike = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        finish([*TRAINING, "--name", "whole"], folder)
        expected = (folder / "runs/whole/model.safetensors").read_bytes()
        while killed < options.kills:
            run = folder / f"runs/cut-{ended}"
            arguments = [*TRAINING, "--name", run.name]
            while killed < options.kills and kill(
                arguments, folder, chance.uniform(0, options.longest), at_start=chance.random() < 0.15
            ):
                killed += 1
                moments[left_behind(run)] += 1
                if run.exists():
                    arguments = ["resume", run.name]
            if not (run / "model.safetensors").exists():
                finish(arguments, folder)
            ended += 1
            alike += (run / "model.safetensors").read_bytes() == expected
            if (run / "metrics.csv").read_text().count("\n") != 61:
                raise SystemExit(f"{run}: epochs are missing from its metrics")
    print(f"{killed} kills, {ended} trainings, of which {alike} ended with the same file, byte for byte")
    for moment, count in moments.most_common():
        print(f"  {count:4} {moment}")
    if alike != ended:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
