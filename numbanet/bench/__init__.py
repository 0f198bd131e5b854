"""Measuring kernels: what to call them with, how fast they are, how near to what the machine can do.

from numbanet import backend
from numbanet.bench import measure, workloads
result = measure.measure(workloads.workload("gemm", (128, 784, 128), "float32"), backend.get("cpu"), threads=2)
"""

from numbanet.bench import (  # noqa: F401  # they add themselves to the workloads
    attention_workloads,
    dense_workloads,
    image_workloads,
    sequence_workloads,
)
