"""Uploads with ibbuploader, which installs itself as ``src``: KEY, what is given, the file or URL."""

import json
import sys

from src.uploader import IbbUploader

key, _, source = sys.argv[1:]
reply = IbbUploader(key).upload(source)
if "error" in reply:
    sys.exit(reply["error"]["message"])
print(json.dumps(reply["data"]))
