"""Takes the pictures of the documentation: ``python -m tests.browser.screenshots docs/pages``.

Names of scenes behind the folder take the pictures of these alone. Each page is seen on a light screen and on a dark
phone, as WebP, so that they stay small.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.browser.chromium import started
from tests.browser.scenes import SCENES, Stage, sites

WINDOWS = ((1280, "light"), (375, "dark"))
MAX_HEIGHT = 1_800
"""Of a picture, in pixels: what is longer, such as the page about the API, is cut off here."""
SHOWN = (
    *("home", "viewer", "viewer_opened", "viewer_tall", "viewer_clear", "viewer_hidden", "viewer_video", "delete"),
    *("deleted", "refusal", "keys", "upload", "upload_ready", "upload_sending", "upload_refused", "upload_key"),
    *("upload_done", "upload_chosen", "upload_earlier", "uploaded_several", "api"),
)
"""The scenes of the documentation: the others look much like one of them."""


def main() -> None:
    """Take every picture into the folder that is named."""
    folder, names = Path(sys.argv[1]), sys.argv[2:] or SHOWN
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work, sites(Path(work)) as served, started() as browser:
        for name in names:
            for width, scheme in WINDOWS:
                is_phone = width < 640
                window = {"width": width, "height": 800}
                context = browser.new_context(viewport=window, color_scheme=scheme, has_touch=is_phone)
                page = context.new_page()
                SCENES[name](Stage(served, page))
                page.evaluate("document.activeElement.blur()")
                if is_phone:
                    # A picture of the whole page is taken as with a mouse, whatever the page was seen with.
                    height = page.evaluate("document.documentElement.scrollHeight")
                    page.set_viewport_size({"width": width, "height": min(height, MAX_HEIGHT)})
                shot = Image.open(io.BytesIO(page.screenshot(full_page=not is_phone)), formats=["PNG"]).convert("RGB")
                shot = shot.crop((0, 0, width, min(shot.height, MAX_HEIGHT)))
                path = folder / f"{name.replace('_', '-')}-{width}-{scheme}.webp"
                shot.save(path, "WEBP", quality=60, method=6)
                print(path, path.stat().st_size, flush=True)
                served.gate.open()
                context.close()


if __name__ == "__main__":
    main()
