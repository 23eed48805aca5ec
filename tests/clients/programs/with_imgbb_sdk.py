"""Uploads with imgbb-sdk: KEY, what is given, the file or URL."""

import json
import sys

from imgbb_sdk import imgbb_upload

key, _, source = sys.argv[1:]
print(json.dumps(imgbb_upload(key=key, image=source)["data"]))
