"""Checkpoint -> bundle: the ONNX graph, its int8 variants, and the gate that they must pass."""
