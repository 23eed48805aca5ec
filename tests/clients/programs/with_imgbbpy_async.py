"""Uploads with imgbbpy's asynchronous client: KEY, what is given, the file or URL."""

import asyncio
import json
import sys

import imgbbpy

key, given, source = sys.argv[1:]


async def upload():
    """Upload, and close the client."""
    client = imgbbpy.AsyncClient(key)
    try:
        return await client.upload(**{given: source})
    finally:
        await client.close()


image = asyncio.run(upload())
print(json.dumps({"url": image.url, "delete_url": image.delete_url, "size": image.size, "mime": image.mime}))
