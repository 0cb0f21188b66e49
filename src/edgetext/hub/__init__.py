"""Bundle or checkpoint -> a model of the Hugging Face Hub: what is sent, its card, and one commit for all of it."""
