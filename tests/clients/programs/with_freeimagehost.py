"""Uploads with freeimagehost: KEY, what is given, the file, base64 or URL."""

import json
import sys

from imagehost import ImageHost

key, given, source = sys.argv[1:]
print(json.dumps(ImageHost(key).upload(source, {"file": "path", "base64": "b64", "url": "url"}[given])["image"]))
