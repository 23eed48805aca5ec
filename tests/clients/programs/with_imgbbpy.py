"""Uploads with imgbbpy's synchronous client: KEY, what is given, the file or URL."""

import json
import sys

import imgbbpy

key, given, source = sys.argv[1:]
image = imgbbpy.SyncClient(key).upload(**{given: source})
print(json.dumps({"url": image.url, "delete_url": image.delete_url, "size": image.size, "mime": image.mime}))
