"""The choices that there are for a setting. Apart from config.py, so that to name one costs no start-up time."""

from __future__ import annotations

from typing import Literal

CellName = Literal["lstm", "gru", "rnn"]
ActivationName = Literal["tanh", "relu", "relu6", "elu", "softplus", "softsign", "sigmoid", "crelu"]
TokenizerKind = Literal["hybrid", "word", "char", "bpe", "byte"]
Unit = Literal["stream", "lines"]
UnitChoice = Literal["auto", "stream", "lines"]
OptimizerName = Literal["adamw", "sgd", "asgd"]
ScheduleName = Literal["constant", "exponential", "cosine", "linear", "plateau"]
Arithmetic = Literal["auto", "fp32", "bf16", "fp16"]
"""Of training."""
Precision = Literal["float32", "float16", "int8"]
"""Of stored weights."""
Device = Literal["auto", "cpu", "cuda", "mps"]
EngineName = Literal["auto", "onnx", "torch"]
Context = Literal["line", "file"]
Until = Literal["auto", "line", "text"]
Direction = Literal["forward", "backward"]
"""Which way a network reads a line."""
Directions = Literal["forward", "backward", "both"]
