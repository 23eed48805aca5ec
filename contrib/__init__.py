"""Adapters for host frameworks, installed as ``chevupload.contrib``.

None has landed yet. Any WSGI host can use :meth:`chevupload.ChevUpload.wrap` or mount the component as it is.
"""
