"""What was uploaded: its format, size and metadata, and the pictures derived from it.

Importing this folder imports no decoder: :mod:`.pool` starts worker processes that do, :mod:`.inline` does on its
first picture.
"""
