"""HTTP in and out: bodies, answers, routes. Nothing here knows an upload."""
