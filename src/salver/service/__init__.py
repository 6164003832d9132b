"""The service: one Handler run over connections. It alone writes a status of its own (400, 408, 413, 500, 503 …)."""
