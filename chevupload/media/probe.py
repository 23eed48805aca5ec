"""Names a file's format by its first bytes.

Sources: GIF89a, PNG third edition, RFC 9649 (WebP), ISO/IEC 14496-12 (the brands of AVIF, HEIF and MP4), the QuickTime
file format, RFC 8794 (EBML, the head of WebM).
"""

from __future__ import annotations

import re

from chevupload.errors import NotAnImage, UnavailableFormat
from chevupload.media.codecs import SIGNATURES

HEAD_BYTES = 4_096
"""How much of a file :func:`sniff` looks at."""

_UNAVAILABLE = re.compile(
    rb"II[*+]\0|MM\0[*+]"  # TIFF
    rb"|\0\0[\x01\x02]\0[^\0]\0"  # ICO, CUR
    rb"|8BPS\0[\x01\x02]"  # PSD
    rb"|\xff\x0a|\0\0\0\x0cJXL |\0\0\0\x0cjP  |\xff\x4f\xff\x51"  # JPEG XL, JPEG 2000
    rb"|\x1a\x45\xdf\xa3"  # other EBML
    rb"|.{4}ftyp(?!M4[ABP] |F4[AB] |aax |aaxc)"  # other boxes than those of sound
    rb"|RIFF.{4}AVI |\0\0\x01[\xb3\xba]|FLV\x01",
    re.DOTALL,
)


def sniff(head: bytes) -> str:
    """Name the format of a file that starts with ``head``.

    Raises:
        UnavailableFormat: another known picture or video format.
        NotAnImage: anything else.
    """
    for name, matches in SIGNATURES.items():
        if matches(head):
            return name
    if _UNAVAILABLE.match(head):
        raise UnavailableFormat
    raise NotAnImage
