"""Rewrites of an ONNX graph that change its speed or size and not its answers.

Each takes a loaded model, changes it in place, and tells whether its pattern was there.
"""
