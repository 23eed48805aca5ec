"""What enters: from a WSGI environ to parameters and one source."""
