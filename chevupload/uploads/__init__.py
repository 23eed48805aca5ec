"""The way of an upload: from a source to a published record, and away again.

The states of a record, and what leads from one to the next in :mod:`chevupload.protocols`:

pending
    ``reserve`` has taken its id and its name before its first file is written. No reader sees it.
ready
    ``publish``: all its files are there, and every reader sees it.
deleting
    ``withdraw`` by whoever deletes it, ``withdraw_expired`` at the end of its time, ``withdraw_stalled`` for a pending
    one whose process has died, ``abandon`` for a pending one that failed. No reader sees it any more; of several
    sweeps, one takes it on itself by ``claim``, and removes its files.
gone
    ``forget``, once no file is left.
"""
