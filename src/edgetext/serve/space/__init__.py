"""Bundle -> a folder that can be uploaded as a Hugging Face Space: an app of Gradio, or a page without a server."""
