"""Where uploads stay: files in a storage, records in a catalog.

Nothing is imported here, so that a host which brings its own storage or catalog loads neither fsspec nor SQLAlchemy.
"""
