"""Models of sequences, for the table of `test_gradients`: tokens, masks, and what looks along the steps."""

from __future__ import annotations

from numbanet.layers import (
    GRU,
    LSTM,
    Activation,
    Bidirectional,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool1D,
    GlobalMaxPool1D,
    GlobalMaxPool2D,
    LastStep,
    LayerNorm,
    Masking,
    Parallel,
    Residual,
    SelfAttention,
    SimpleRNN,
    TimeDistributed,
)
from numbanet.losses import BinaryCrossEntropy, CrossEntropy
from numbanet.losses import MeanSquaredError as Mse

from .helpers import Case

SEQUENCE_CASES = {
    "embedding": Case(lambda: [Embedding(7, 3), Dense(2, "tanh")], Mse(), input_shape=(4,)),
    "embedding with padding": Case(
        lambda: [Embedding(4, 3, padding_index=1), Activation("tanh"), GlobalAvgPool1D(), Dense(2)], Mse()
    ),
    "embeddings side by side": Case(
        lambda: [Parallel(Embedding(3, 3, padding_index=0), Embedding(5, 2)), GlobalMaxPool1D(), Dense(2)], Mse()
    ),
    "embedding of letters": Case(
        lambda: [TimeDistributed(Embedding(4, 3, padding_index=2), GlobalMaxPool1D()), GlobalAvgPool1D()],
        Mse(),
        input_shape=(3, 4),
    ),
    "masking": Case(lambda: [Masking(), Activation("tanh"), LastStep(), Dense(2)], Mse(), input_shape=(5, 2)),
    "masked, with numbers": Case(lambda: [Masking(), TimeDistributed(Dense(3, "tanh"))], Mse(), input_shape=(4, 2)),
    "masked, with labels": Case(
        lambda: [Masking(), TimeDistributed(Dense(3))], CrossEntropy(0.1), "labels", input_shape=(4, 2)
    ),
    "masked, with probabilities": Case(
        lambda: [Masking(), TimeDistributed(Dense(3))], CrossEntropy(), "probabilities", input_shape=(4, 2)
    ),
    "masked, with bits": Case(
        lambda: [Masking(), TimeDistributed(Dense(3))], BinaryCrossEntropy(), "bits", input_shape=(4, 2)
    ),
    "masked, past a convolution": Case(
        lambda: [Masking(), Conv1D(3, 2, padding="causal"), LayerNorm(), GlobalMaxPool1D()], Mse(), input_shape=(5, 2)
    ),
    "masked, past other layers": Case(
        lambda: [Masking(), Residual(Conv1D(2, padding="same")), Parallel([], Dropout(0.2)), GlobalAvgPool1D()],
        Mse(),
        input_shape=(5, 2),
    ),
    **{
        f"masked {layer.__name__.lower()}{how}": Case(
            lambda layer=layer, options=options: [Masking(), layer(3, **options), TimeDistributed(Dense(2))],
            Mse(),
            input_shape=(5, 2),
        )
        for layer in (SimpleRNN, LSTM, GRU)
        for how, options in (
            ("", {"return_sequences": True}),
            (", reverse", {"return_sequences": True, "reverse": True, "recurrent_dropout": 0.3}),
        )
    },
    "embedded and masked, stacked": Case(
        lambda: [Embedding(4, 3, 0), LSTM(3, return_sequences=True), GRU(2), Dense(2)], Mse(), input_shape=(6,)
    ),
    "bidirectional": Case(lambda: [Bidirectional(GRU(3)), Dense(2)], Mse(), input_shape=(5, 2)),
    "bidirectional, the sum of steps": Case(
        lambda: [Masking(), Bidirectional(LSTM(3, return_sequences=True), "sum"), Dense(2)], Mse(), input_shape=(4, 2)
    ),
    "bidirectional, the mean": Case(
        lambda: [Masking(), Bidirectional(SimpleRNN(3), "mean"), Dense(2)], Mse(), input_shape=(4, 2)
    ),
    "bidirectional, stacked": Case(
        lambda: [Bidirectional(LSTM(2, return_sequences=True)), Bidirectional(LSTM(2))], Mse(), input_shape=(4, 2)
    ),
    "convolution before an lstm": Case(
        lambda: [Masking(), Conv1D(3, 3, padding="same", activation="relu"), LSTM(3), Dense(2)],
        Mse(),
        input_shape=(6, 2),
    ),
    "last_step": Case(lambda: [Conv1D(3, 2), LastStep(), Dense(2)], Mse(), input_shape=(4, 2)),
    "global_max_pool1d": Case(lambda: [Conv1D(3, 2), GlobalMaxPool1D(), Dense(2)], Mse(), input_shape=(5, 2)),
    "global_avg_pool1d": Case(lambda: [Conv1D(3, 2), GlobalAvgPool1D()], Mse(), input_shape=(5, 2)),
    "time_distributed": Case(
        lambda: [TimeDistributed(Dense(4, "gelu"), Dropout(0.3), Dense(3)), Dense(2)], Mse(), input_shape=(3, 2)
    ),
    "time_distributed images": Case(
        lambda: [TimeDistributed(Conv2D(2, 2, activation="tanh"), GlobalMaxPool2D()), Dense(2)],
        Mse(),
        input_shape=(3, 3, 4, 1),
    ),
    "time_distributed twice": Case(
        lambda: [TimeDistributed(TimeDistributed(Dense(3, "tanh"), Dense(2)), Flatten())], Mse(), input_shape=(2, 3, 2)
    ),
    "cross_entropy of steps": Case(
        lambda: [Conv1D(4, 2), TimeDistributed(Dense(3))], CrossEntropy(0.1, (0.5, 2, 1)), "labels", input_shape=(4, 2)
    ),
    "self_attention": Case(lambda: [SelfAttention(2), TimeDistributed(Dense(2))], Mse(), input_shape=(5, 4)),
    "self_attention, causal, in groups, with dropout": Case(
        lambda: [SelfAttention(4, kv_heads=2, causal=True, dropout=0.3)], Mse(), input_shape=(4, 8)
    ),
    "self_attention without bias": Case(
        lambda: [Residual(LayerNorm(), SelfAttention(1, bias=False)), GlobalAvgPool1D()], Mse(), input_shape=(3, 3)
    ),
    "self_attention, masked": Case(
        lambda: [Masking(), SelfAttention(2, causal=True), GlobalAvgPool1D()], Mse(), input_shape=(5, 4)
    ),
    "self_attention of tokens": Case(
        lambda: [Embedding(4, 6, padding_index=1), SelfAttention(3), GlobalAvgPool1D(), Dense(2)],
        Mse(),
        input_shape=(5,),
    ),
}
