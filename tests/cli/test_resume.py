"""`numbanet resume`, after every kind of end: kill -9, Ctrl-C, a full disk, or none at all."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import numbanet as nn

from .helpers import COMMAND, QUICK, assert_fails, environment, numbanet, start

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")
CUT = ["train", "digits", *QUICK, "--epochs", "99", "--dropout", "0.2", "--checkpoint-seconds", "0"]
ENDLESS = ["train", "digits", *QUICK, "--epochs", "1000000"]


@pytest.fixture(scope="module")
def whole(warm: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The model's file of `CUT`, never interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    done = numbanet(*CUT, "--name", "whole", cwd=folder)
    assert done.returncode == 0, done.stderr
    return (folder / "runs/whole/model.safetensors").read_bytes()


def state(run: Path) -> dict[str, Any]:
    found = json.loads((run / "run.json").read_text())
    assert isinstance(found, dict)
    return found


def after_a_line(process: subprocess.Popen[str], beginning: str) -> bool:
    """Wait for it; False where the process ended without."""
    assert process.stdout is not None
    return any(line.startswith(beginning) for line in process.stdout)


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again(seed: int, whole: bytes, tmp_path: Path) -> None:
    """`benchmarks/resume.py` does this a hundred times."""
    chance, run, arguments = random.Random(seed), tmp_path / "runs/cut", [*CUT, "--name", "cut"]
    for _ in range(4):
        with start(*arguments, cwd=tmp_path) as process:
            if not after_a_line(process, "adam"):
                break  # it was quicker than the last kill
            time.sleep(chance.uniform(0, 0.5))
            process.kill()
        if run.exists():
            arguments = ["resume", "cut"]
    done = numbanet(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (run / "model.safetensors").read_bytes() == whole
    assert (run / "metrics.csv").read_text().count("\n") == 100
    assert [json.loads(line)["epoch"] for line in (run / "metrics.jsonl").read_text().splitlines()] == [*range(1, 100)]
    assert not list(run.rglob(".*.????????"))


def test_a_run_that_was_killed_is_known_as_such_and_usable(warm: Path, tmp_path: Path) -> None:
    with start(*ENDLESS, cwd=tmp_path) as process:
        after_a_line(process, "epoch       3")
        done = numbanet("resume", "digits-mlp-001", cwd=tmp_path)
        assert_fails(done, 1, "another process is at work on this run")
        assert_fails(numbanet("runs", "rm", "digits-mlp-001", "--yes", cwd=tmp_path), 1, "left alone")
        assert "running" in numbanet("runs", "list", cwd=tmp_path).stdout
        process.kill()
    assert "killed" in numbanet("runs", "list", cwd=tmp_path).stdout
    for command in (
        ["predict", "digits-mlp-001", "0"],
        ["evaluate", "runs/digits-mlp-001"],
        ["summary", "digits-mlp-001"],
    ):
        done = numbanet(*command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr


def test_ctrl_c_and_on(whole: bytes, tmp_path: Path) -> None:
    run = tmp_path / "runs/digits-mlp-001"
    with start(*CUT, cwd=tmp_path) as process:
        after_a_line(process, "epoch  2/99")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "Interrupted in epoch" in errors
    assert "Go on with: numbanet resume runs/digits-mlp-001" in errors
    assert "Traceback" not in errors
    assert state(run)["state"] == "interrupted"
    done = numbanet("resume", "runs/digits-mlp-001", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "goes on after" in done.stderr
    result = json.loads(done.stdout)
    assert result["epochs"] == 99 and result["run"] == "runs/digits-mlp-001"
    assert (run / "model.safetensors").read_bytes() == whole
    assert state(run)["state"] == "finished" and state(run)["sessions"] == 2
    log = (run / "log.txt").read_text()
    assert "interrupted after batch" in log and "training goes on after" in log


SLOW_DISK = (
    "import os, time\n"
    "from numbanet.cli import main\n"
    "sync = os.fsync\n"
    "def slow(handle):\n"
    "    print('writing', flush=True)\n"
    "    time.sleep(20)\n"
    "    sync(handle)\n"
    "if 'slow' in os.environ: os.fsync = slow\n"
    "main()\n"
)


def test_a_second_ctrl_c_ends_at_once_and_harms_nothing(whole: bytes, tmp_path: Path) -> None:
    """The disk is slow, so that the first Ctrl-C has to wait for the checkpoint."""
    done = numbanet(*CUT, "--name", "cut", "--epochs", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    before = {path.name: path.read_bytes() for path in (tmp_path / "runs/cut/checkpoints").iterdir()}
    program = (
        SLOW_DISK.replace("if 'slow' in os.environ", "if True")
        .replace(
            "    print('writing', flush=True)\n",
            "    if threading.current_thread() is threading.main_thread(): return sync(handle)\n",
        )
        .replace("import os, time", "import os, threading, time")
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, "resume", "cut", "--epochs", "1000000"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        after_a_line(process, "epoch")
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert time.monotonic() - began < 5
    assert process.returncode == 130
    assert "Traceback" not in errors and "Interrupted." in errors
    after = {path.name: path.read_bytes() for path in (tmp_path / "runs/cut/checkpoints").iterdir()}
    assert {name: after[name] for name in before} == before


def test_finished_runs_say_so(warm: Path, tmp_path: Path) -> None:
    done = numbanet(*CUT, "--epochs", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for arguments in ([], ["--epochs", "2"], ["--epochs", "1"]):
        done = numbanet("resume", "digits-mlp-001", *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "is finished: all 2 epochs are done" in done.stdout
    done = numbanet("resume", "digits-mlp-001", "--epochs", "3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "epoch 3/3" in done.stdout and "epoch 2/3" not in done.stdout
    assert "epochs = 3" in (tmp_path / "runs/digits-mlp-001/config.toml").read_text()
    found = json.loads(numbanet("resume", "digits-mlp-001", "--json", cwd=tmp_path).stdout)
    assert (found["state"], found["epochs"]) == ("finished", 3)


def test_killed_before_the_first_checkpoint(whole: bytes, tmp_path: Path) -> None:
    done = numbanet(*CUT, "--name", "cut", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs/cut"
    (run / "model.safetensors").unlink()
    for path in (run / "checkpoints").iterdir():
        path.unlink()
    (run / "run.json").write_text(json.dumps({**state(run), "state": "running"}))
    done = numbanet("resume", "cut", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "begins anew" in done.stdout
    assert (run / "model.safetensors").read_bytes() == whole


def damaged(change: Callable[[bytearray], bytes]) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(change(bytearray(path.read_bytes()))) and None


def flip(content: bytearray) -> bytes:
    content[len(content) // 2] ^= 16
    return bytes(content)


@pytest.mark.parametrize("damage", [damaged(flip), damaged(lambda content: bytes(content[:1000]))], ids=["bit", "cut"])
def test_a_corrupt_checkpoint(damage: Callable[[Path], None], whole: bytes, tmp_path: Path) -> None:
    with start(*CUT, "--name", "cut", cwd=tmp_path) as process:
        after_a_line(process, "epoch  3/99")
        process.kill()
    checkpoints = tmp_path / "runs/cut/checkpoints"
    damage(checkpoints / "last.safetensors")
    done = numbanet("resume", "cut", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Warning: " in done.stderr and "last.safetensors" in done.stderr and "passed over" in done.stderr
    assert (tmp_path / "runs/cut/model.safetensors").read_bytes() == whole


def test_all_checkpoints_are_corrupt(warm: Path, tmp_path: Path) -> None:
    with start(*CUT, "--name", "cut", cwd=tmp_path) as process:
        after_a_line(process, "epoch  3/99")
        process.kill()
    for path in (tmp_path / "runs/cut/checkpoints").iterdir():
        path.write_bytes(b"nothing")
    assert_fails(numbanet("resume", "cut", cwd=tmp_path), 1, "found no whole one")
    assert_fails(numbanet("predict", "cut", "0", cwd=tmp_path), 1, "found no whole one")


def test_other_data(warm: Path, tmp_path: Path) -> None:
    def write(offset: int) -> None:
        rows = ["label,a,b", *(f"{n % 2},{n % 2 * 100 + offset},{n % 7}" for n in range(100))]
        (tmp_path / "own.csv").write_text("\n".join(rows))

    write(0)
    done = numbanet("train", "own.csv", "--epochs", "2", "--name", "own", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / "elsewhere").mkdir()
    longer = ["resume", "../runs/own", "--epochs", "4"]
    done = numbanet(*longer, cwd=tmp_path / "elsewhere")  # the data's path was relative
    assert done.returncode == 0, done.stderr
    write(1)
    assert_fails(numbanet("resume", "own", "--epochs", "6", cwd=tmp_path), 1, "its data have changed")


def test_runs_that_are_not_there(warm: Path, tmp_path: Path) -> None:
    assert_fails(numbanet("resume", "nothing", cwd=tmp_path), 1, "nothing: no run is there")
    done = numbanet(*CUT, "--epochs", "1", "--name", "mine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert_fails(numbanet("resume", "mnie", cwd=tmp_path), 1, "unknown run 'mnie'. Did you mean 'mine'?")
    (tmp_path / "folder").mkdir()
    assert_fails(numbanet("predict", "folder", "0", cwd=tmp_path), 1, "found a folder without a run")


def full_disk(limit: int) -> Callable[[], None]:
    """No file larger than this: what a full disk does to whoever writes, without filling one."""

    def limited() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return limited


def run_with(arguments: list[str], cwd: Path, prepare: Callable[[], None]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        preexec_fn=prepare,
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_full_disk(warm: Path, tmp_path: Path) -> None:
    done = numbanet(*CUT, "--epochs", "2", "--name", "cut", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs/cut"
    model, checkpoints = (run / "model.safetensors").read_bytes(), contents(run / "checkpoints")
    done = run_with(["resume", "cut", "--epochs", "4"], tmp_path, full_disk(50_000))
    assert_fails(done, 1, "cannot be saved", "larger than a file may be")
    assert done.stderr.count("Warning: ") == 1 and "no checkpoint could be written" in done.stderr
    assert (run / "model.safetensors").read_bytes() == model
    assert contents(run / "checkpoints") == checkpoints
    done = numbanet("resume", "cut", "--epochs", "4", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / "m.safetensors").write_bytes(model)
    arguments = ["train", "digits", *QUICK, "--out", "m.safetensors", "--overwrite"]
    assert_fails(run_with(arguments, tmp_path, full_disk(50_000)), 1, "cannot be saved")
    assert (tmp_path / "m.safetensors").read_bytes() == model


def without_privileges() -> None:
    """Permissions bind root, too, once it has lost the capability to pass over them (CAP_DAC_OVERRIDE)."""
    import ctypes

    if os.geteuid() == 0 and ctypes.CDLL(None).prctl(24, 1, 0, 0, 0) != 0:  # PR_CAPBSET_DROP
        os._exit(99)


def bound_by_permissions(folder: Path) -> bool:
    """Whether such a process really cannot write where it may not."""
    folder.mkdir()
    folder.chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", f"open({str(folder / 'x')!r}, 'w')"], preexec_fn=without_privileges, capture_output=True
    )
    folder.chmod(0o755)
    return done.returncode == 1


def test_places_that_may_not_be_written_to(warm: Path, tmp_path: Path) -> None:
    if not bound_by_permissions(tmp_path / "try"):
        pytest.skip("permissions do not bind this user")
    done = numbanet(*CUT, "--epochs", "2", "--name", "cut", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    runs, run = tmp_path / "runs", tmp_path / "runs/cut"
    before = contents(run) | contents(run / "checkpoints")
    runs.chmod(0o555)
    done = run_with([*CUT, "--epochs", "1"], tmp_path, without_privileges)
    assert_fails(done, 1, "runs: no run can be written there", "--runs", "--out FILE")
    runs.chmod(0o755)
    for folder in (run / "checkpoints", run):
        folder.chmod(0o555)
    done = run_with(["resume", "cut", "--epochs", "3"], tmp_path, without_privileges)
    assert_fails(done, 1, "not writable")
    for folder in (run, run / "checkpoints"):
        folder.chmod(0o755)
    assert contents(run) | contents(run / "checkpoints") == before
    model = nn.load(run / "model.safetensors")
    assert model.output_shape == (10,)
