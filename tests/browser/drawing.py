"""Draws a file as the browser shows it, and reads the pixels back: those of sRGB, whatever the file's colors are."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from PIL import Image

_DRAW = """async ([content, type, moment]) => {
    const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
    const url = URL.createObjectURL(new Blob([bytes], {type}));
    let shown, width, height, seconds = 0;
    if (type.startsWith("video")) {
        shown = document.createElement("video");
        shown.muted = true;
        const failed = new Promise((_, reject) => { shown.onerror = () => reject(new Error(shown.error.message)); });
        shown.src = url;
        await Promise.race([new Promise((done) => { shown.onloadeddata = done; }), failed]);
        const sought = new Promise((done) => { shown.onseeked = done; });
        const presented = new Promise((done) => shown.requestVideoFrameCallback(done));
        shown.currentTime = moment;
        await Promise.race([Promise.all([sought, presented]), failed]);
        [width, height, seconds] = [shown.videoWidth, shown.videoHeight, shown.duration];
    } else {
        shown = new Image();
        shown.src = url;
        await shown.decode();
        [width, height] = [shown.naturalWidth, shown.naturalHeight];
    }
    const canvas = Object.assign(document.createElement("canvas"), {width, height});
    const context = canvas.getContext("2d");
    context.drawImage(shown, 0, 0);
    const pixels = context.getImageData(0, 0, width, height).data;
    URL.revokeObjectURL(url);
    let text = "";
    for (let at = 0; at < pixels.length; at += 32768) {
        text += String.fromCharCode.apply(null, pixels.subarray(at, at + 32768));
    }
    return [width, height, seconds, btoa(text)];
}"""
_TYPES = {
    "png": "image/png",
    "gif": "image/gif",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "mp4": "video/mp4",
    "webm": "video/webm",
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the browser shows of a file.

    Attributes:
        image: the pixels, with an alpha channel.
        seconds: how long a film is; 0 of a picture.
    """

    image: Image.Image
    seconds: float


def draw(page: Any, name: str, content: bytes, moment: float = 0.1) -> Drawn:
    """Draw a file, of a film what is seen at ``moment``, in seconds; ``name`` tells the format by its end."""
    argument = [base64.b64encode(content).decode(), _TYPES[name.rpartition(".")[2]], moment]
    width, height, seconds, pixels = page.evaluate(_DRAW, argument)
    return Drawn(Image.frombytes("RGBA", (width, height), base64.b64decode(pixels)), seconds)
