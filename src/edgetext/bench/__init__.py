"""Bundle + checkpoint -> results.json -> report: what each way to run the model costs and gets right."""
