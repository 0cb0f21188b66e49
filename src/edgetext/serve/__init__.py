"""Bundle -> a page or a service. Each way of serving is a module of its own with an extra of its own."""
