"""Uploads with imgbb: KEY, what is given, the file, base64 or URL."""

import json
import sys

from imgbb import ImgBB

key, given, source = sys.argv[1:]
client = ImgBB(key)
if given == "file":
    with open(source, "rb") as file:
        reply = client.upload("cat", image_bin=file)
else:
    reply = client.upload("cat", **{f"image_{given}": source})
if not reply["success"]:
    sys.exit(reply["error"])
print(json.dumps(reply))
