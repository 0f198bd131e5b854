"""Ground floor: functions over arrays, usable alone.

    from numbanet.kernels import cpu
    cpu.dense_forward(y, x, w, b, cpu.RELU)

What a kernel is
    A compiled function that reads its inputs and writes its outputs. It knows nothing of layers, allocates no
    arrays, keeps no state, and gives the same bits for any number of threads.
How it is named
    `<operation>_forward`, `<operation>_backward`, or `<operation>_backward_input` / `_backward_params` where
    the two gradients are separate passes; anything that is not a layer's has a verb or its usual name
    (`gemm`, `gather`, `adam`).
How its arguments are ordered
    Outputs first, then inputs, then parameters, then scalars. A gradient is called like its array with a `d`
    in front: `dx`, `dw`, `db`, `dy`.
What it does with its outputs
    Overwrites them (`=`). Whatever accumulates (`+=`) says so in its file's header.

`reference` holds the oracle: the same operations in plain float64 NumPy. `cpu` holds the `@njit` kernels.
Importing this package imports neither Numba nor a device.
"""
