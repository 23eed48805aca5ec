"""Uploads with simple-imgbb: KEY, what is given, the file."""

import json
import sys

from simpleimgbb import IMGBB

key, _, source = sys.argv[1:]
print(json.dumps({"url": IMGBB(key).snapshot(source)}))
