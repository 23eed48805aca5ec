"""Uploads with aioimgbb: KEY, what is given, the file."""

import asyncio
import json
import sys

from aioimgbb.client import Client

key, _, source = sys.argv[1:]
image = asyncio.run(Client(key).upload(source))
print(json.dumps({"url": image.url, "size": image.size, "time": image.time, "expiration": image.expiration}))
