"""The exporters that ``export.onnx_export`` chooses from: a torch model in, ``model.onnx`` and ``config.json`` out.

Each is a module with ``NAME``, ``write_graph(network, folder, tokens)`` and ``cannot_export(model_type, error)``.
"""
