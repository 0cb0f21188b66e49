"""Bundle -> predictions, on numpy, onnxruntime and tokenizers alone."""
