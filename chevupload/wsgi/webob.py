"""WebOb, loaded without a warning: a host's own tests may take each one for an error.

Other modules import it from here.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # It imports the standard library's cgi module, which Python 3.11 and 3.12 warn of and later ones do not have.
    warnings.filterwarnings("ignore", "'cgi' is deprecated", DeprecationWarning)
    from webob import Request, Response
    from webob.datetime_utils import parse_date

__all__ = ["Request", "Response", "parse_date"]
