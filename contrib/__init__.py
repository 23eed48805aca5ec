"""Adapters for host frameworks, installed as ``chevupload.contrib``.

:mod:`~chevupload.contrib.flask`, :mod:`~chevupload.contrib.pyramid`, :mod:`~chevupload.contrib.bottle` and
:mod:`~chevupload.contrib.django` put the component into applications of these, with their users and settings;
:mod:`~chevupload.contrib.paste` makes one from an ini file, and :mod:`~chevupload.contrib.metrics` shows figures to
Prometheus, and :mod:`~chevupload.contrib.celery` lets Celery's workers do what takes long. Any other WSGI host
can use :meth:`chevupload.ChevUpload.wrap`, or mount the component as it is.
"""
