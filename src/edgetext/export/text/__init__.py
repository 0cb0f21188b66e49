"""Text in, labels out, in one graph: the tokenizer before the model, softmax and the labels' names after it."""
