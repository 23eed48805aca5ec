"""Films are told by their content, measured, and shown by one frame; whatever else they are ends as a refusal."""

from __future__ import annotations

import hashlib
import logging
import math
import socket
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chevupload import errors
from chevupload.media import video
from chevupload.media.sandbox.inline import InlineRenderer
from tests.media.films import (
    NAMES,
    corners,
    film,
    inspected,
    number_of,
    refused,
    repeated,
    sound,
    still,
    turned,
    with_document_type,
)
from tests.media.located import PLACE, located, played
from tests.media.pictures import job, left, photo, shown, sizes, stored, textured
from tests.media.pools import SMALL, pool, workers

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", NAMES)
def test_every_format_is_told_by_its_content(tmp_path: Path, name: str) -> None:
    """Size, duration and format are the film's, its pictures are JPEG, and the film itself is left alone."""
    result = inspected(tmp_path, film(NAMES[name], (640, 360), 9), width=100)
    assert (result.format, result.duration, result.original, result.resized, result.frames) == (name, 9, None, False, 1)
    assert sizes(result) == ((640, 360), (320, 320), (500, 281))
    assert [shown(file).format for file in (result.thumb, result.medium, result.frame)] == ["JPEG"] * 3
    assert shown(result.frame).size == (640, 360)
    assert len(left(tmp_path)) == 3


@pytest.mark.parametrize(
    ("size", "medium"), [((502, 40), (500, 40)), ((500, 400), None), ((30, 502), None), ((16, 16), None)]
)
def test_sizes_are_those_of_chevereto(tmp_path: Path, size: tuple[int, int], medium: tuple[int, int] | None) -> None:
    """A square thumb always, a medium picture when the film is wider, a frame as large as the film."""
    result = inspected(tmp_path, film("mp4", size))
    assert sizes(result) == (size, (320, 320), medium)
    assert shown(result.frame).size == size


@pytest.mark.parametrize("codec", ["h264", "mpeg4", "libvpx-vp9", "mjpeg"])
def test_the_frame_is_a_quarter_into_the_film(tmp_path: Path, codec: str) -> None:
    """Whole seconds of a quarter of the duration, though the key frame before it is far away."""
    name = "webm" if codec == "libvpx-vp9" else "mov" if codec == "mjpeg" else "mp4"
    result = inspected(tmp_path, film(name, seconds=47, codec=codec, key_frames=200))
    assert (result.duration, number_of(shown(result.frame))) == (47, 11)


@pytest.mark.parametrize(
    "make",
    [
        lambda: film("webm", seconds=20, live="1"),
        lambda: film("mp4", seconds=20, movflags="frag_keyframe+empty_moov"),
        lambda: film("mp4", seconds=20, movflags="frag_keyframe+empty_moov+skip_trailer"),
        lambda: film("mp4", seconds=20, sound=True),
        lambda: film("webm", seconds=20, sound=True),
    ],
    ids=["recording", "fragments", "bare-fragments", "mp4-sound", "webm-sound"],
)
def test_browsers_recordings_have_a_duration(tmp_path: Path, make: Callable[[], bytes]) -> None:
    """A film that says no duration, or has no index, is measured by its packets."""
    result = inspected(tmp_path, make())
    assert (result.duration, number_of(shown(result.frame))) == (20, 5)


def test_a_clip_may_be_shorter_than_a_second(tmp_path: Path) -> None:
    """It lasts, so it is a film; its duration in whole seconds is none."""
    result = inspected(tmp_path, film("mp4", seconds=0.5, rate=10))
    assert (result.duration, number_of(shown(result.frame))) == (0, 0)


@pytest.mark.parametrize(("degrees", "first"), [(90, "b"), (180, "white"), (270, "g")])
def test_a_turned_film_is_shown_upright(tmp_path: Path, degrees: int, first: str) -> None:
    """Width, height and pictures are what a player shows of a film that a telephone took upright."""
    original = corners(shown(inspected(tmp_path, still((96, 64))).frame))
    assert original == ["r", "g", "white", "b"]
    result = inspected(tmp_path, turned(still((96, 64)), degrees))
    at = original.index(first)
    assert corners(shown(result.frame)) == original[at:] + original[:at]
    expected = (96, 64) if degrees == 180 else (64, 96)
    assert ((result.width, result.height), shown(result.frame).size) == (expected, expected)


def test_settings_of_pictures_do_not_apply(tmp_path: Path) -> None:
    """Neither a width nor a limit of all frames together changes anything."""
    result = inspected(tmp_path, film(), width=5_000, max_total_pixels=1, max_frames=1)
    assert (result.original, result.exif, result.taken_at, result.is_360) == (None, None, None, False)


@pytest.mark.parametrize("writer", ["MP4", "MOV, Apple's keys", "WEBM"])
def test_without_metadata_a_copy_is_stored(tmp_path: Path, writer: str) -> None:
    """It tells no place, plays as the film did, and what is answered of it is true; pictures tell none either."""
    data = located(writer, timed=b"\x21" if writer == "WEBM" else b"meta")
    result = inspected(tmp_path, data, keep_exif=False)
    assert result.original is not None
    copy = Path(result.original.path).read_bytes()
    assert (result.original.size, result.original_md5) == (len(data), hashlib.md5(copy).hexdigest())
    assert (PLACE in data, b"secret" in copy) == (True, False)
    assert PLACE not in b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert played(copy) == played(data)
    assert (result.format, result.duration, result.resized, result.converted) == (
        writer[:4].strip(","),
        8,
        False,
        False,
    )
    assert len(left(tmp_path)) == 3


def test_a_film_without_metadata_is_stored_itself(tmp_path: Path) -> None:
    """There is nothing to copy."""
    first = inspected(tmp_path, film(), keep_exif=False).original
    assert first is not None
    assert inspected(tmp_path, Path(first.path).read_bytes(), keep_exif=False).original is None


def test_a_film_whose_metadata_cannot_be_removed_is_refused(tmp_path: Path) -> None:
    """A place is not stored because it is hard to find: here the notes of a fragment, counted in the old way."""
    data = located("MP4, fragments")
    at = data.index(b"tfhd", data.index(b"tfhd") + 4) + 5
    assert data[at] == 2
    assert isinstance(refused(tmp_path, data[:at] + b"\0" + data[at + 1 :], keep_exif=False), errors.BrokenVideo)


def test_pixels_are_limited(tmp_path: Path) -> None:
    """The limit of a picture is a film's, too."""
    assert inspected(tmp_path, film("mp4", (64, 48)), max_pixels=64 * 48).width == 64
    for path in (tmp_path / "out").iterdir():
        path.unlink()
    assert isinstance(refused(tmp_path, film("mp4", (64, 48)), max_pixels=64 * 48 - 1), errors.TooManyPixels)


def test_a_film_cannot_hide_its_size(tmp_path: Path) -> None:
    """What the container says is checked first, and what is decoded again."""
    data = bytearray(repeated(photo((400, 300)), 8))
    at = data.index(b"jpeg", data.index(b"stsd")) + 28
    assert struct.unpack_from(">HH", data, at) == (400, 300)
    struct.pack_into(">HH", data, at, 20, 10)
    assert inspected(tmp_path, bytes(data)).width == 400
    for path in (tmp_path / "out").iterdir():
        path.unlink()
    refused(tmp_path, bytes(data), max_pixels=1_000)


def test_no_more_is_decoded_than_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where key frames are far apart, the frame is from as far as a bounded effort leads."""
    monkeypatch.setattr(video, "MAX_DECODED_PIXELS", 400 * 300 * 7)
    result = inspected(tmp_path, film("mp4", (400, 300), 73, key_frames=200))
    assert number_of(shown(result.frame)) == 6


def test_small_frames_are_no_way_around_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame of a few pixels counts as one of some hundred thousand."""
    monkeypatch.setattr(video, "MAX_DECODED_PIXELS", 100_000 * 7)
    result = inspected(tmp_path, film("mp4", (64, 48), 73, key_frames=200))
    assert number_of(shown(result.frame)) == 6


def test_a_film_that_lacks_its_quarter_shows_what_it_has(tmp_path: Path) -> None:
    """A recording that ends early begins with a frame that can be seen."""
    data = film("webm", (64, 48), 60, key_frames=200)
    result = inspected(tmp_path, data[: len(data) // 4])
    assert result.frame is not None
    assert number_of(shown(result.frame)) < 15


@pytest.mark.parametrize(("kept", "kind"), [(9, None), (0, errors.BrokenVideo)])
def test_a_film_begins_with_what_can_be_seen(tmp_path: Path, kept: int, kind: type[errors.Refusal] | None) -> None:
    """Where nothing is left from its quarter on, it is shown by its first frame; where nothing is left, it is none."""
    data = bytearray(repeated(photo((96, 64)), 80))
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    start += (end - start) * kept // 80
    data[start:end] = bytes(end - start)
    if kind is None:
        assert corners(shown(inspected(tmp_path, bytes(data)).frame)) == ["r", "g", "white", "b"]
    else:
        assert type(refused(tmp_path, bytes(data))) is kind


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: sound("ipod"), errors.NotAnImage),
        (lambda: sound("mp4"), errors.BrokenVideo),
        (lambda: sound("webm"), errors.BrokenVideo),
        (lambda: sound("matroska"), errors.UnavailableFormat),
        (lambda: film("matroska", codec="h264"), errors.UnavailableFormat),
        (lambda: film("matroska", sound=True), errors.UnavailableFormat),
        (lambda: film("3gp", (176, 144)).replace(b"isomiso2", b"3gp43gp5"), errors.UnavailableFormat),
        (lambda: still().replace(b"jpeg\0\0\0\0\0\0\0\1", b"AVdn\0\0\0\0\0\0\0\1"), errors.UnavailableFormat),
        (lambda: film("mov", codec="mpeg2video"), errors.UnavailableFormat),
        (lambda: film("mp4")[:200], errors.BrokenVideo),
        (lambda: film("webm")[:100], errors.BrokenVideo),
        (lambda: b"\0\0\0\x14ftypisom\0\0\2\0isom", errors.BrokenVideo),
        (lambda: b"\0\0\0\x08wide" + bytes(5_000), errors.BrokenVideo),
        (lambda: b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm" + b"\xff" * 3_000, errors.BrokenVideo),
    ],
    ids=[
        "m4a",
        "sound-mp4",
        "sound-webm",
        "mka",
        "mkv-h264",
        "mkv-aac",
        "3gp",
        "dnxhd",
        "codec",
        "cut-mp4",
        "cut-webm",
        "head",
        "wide",
        "noise",
    ],
)
def test_what_is_no_film_is_refused(tmp_path: Path, make: Callable[[], bytes], kind: type[errors.Refusal]) -> None:
    """Sound alone, other containers, decoders that nobody needs on the web, and heads without a body."""
    assert type(refused(tmp_path, make())) is kind


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
@pytest.mark.parametrize("keep_exif", [True, False])
@pytest.mark.parametrize("name", [b"webm\0\0\0\0", b"webm\0abc", b"matroska"])
def test_what_browsers_record_is_webm(tmp_path: Path, name: bytes, keep_exif: bool, codec: str) -> None:
    """Whatever its document type is padded with, and where it is Matroska's, as Chromium writes it; all play there."""
    data = with_document_type(film("webm", codec=codec, sound=True), name)
    result = inspected(tmp_path, data, keep_exif=keep_exif)
    assert (result.format, result.width, result.height, result.duration) == ("WEBM", 64, 48, 4)


@pytest.mark.parametrize("keep_exif", [True, False])
def test_av1_in_matroska_is_webm(tmp_path: Path, keep_exif: bool) -> None:
    """No encoder of it is at hand here; size and duration are ffprobe's."""
    data = (Path(__file__).parent / "data" / "av1_opus.mkv").read_bytes()
    result = inspected(tmp_path, data, keep_exif=keep_exif)
    assert (result.format, result.width, result.height, result.duration) == ("WEBM", 160, 120, 2)


def test_a_3gp_that_says_to_be_mp4_is_one(tmp_path: Path) -> None:
    """Telephones and FFmpeg name both; Chromium plays it as video/mp4."""
    result = inspected(tmp_path, film("3gp", codec="h264"))
    assert (result.format, result.width, result.height, result.duration) == ("MP4", 64, 48, 4)


@pytest.mark.parametrize("seconds", [-5, 2**31])
def test_a_duration_is_possible(tmp_path: Path, seconds: int) -> None:
    """It is neither negative nor longer than a catalog can keep; where it is no number, it is counted."""
    data = film("webm")
    at = data.index(b"\x44\x89\x88") + 3
    refusal = refused(tmp_path, data[:at] + struct.pack(">d", seconds * 1_000) + data[at + 8 :])
    assert isinstance(refusal, errors.BrokenVideo)
    counted = inspected(tmp_path, data[:at] + struct.pack(">d", math.nan) + data[at + 8 :])
    assert counted.duration == 4


def test_a_place_that_no_file_has_is_refused() -> None:
    """Seeking there fails on a disk, as it does not in memory, and that is the film's fault and not the disk's."""
    data = film("mp4", movflags="frag_keyframe+empty_moov", sound=True)
    place = data.rindex(b"tfhd") + 13
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder, pytest.raises(errors.BrokenVideo) as caught:
        inspected(Path(folder), data[:place] + b"\xff\xff\xff\xff" + data[place + 4 :])
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("head", [b"", b"\0\0\0\x14ftypisom\0\0\2\0isom", b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm"])
@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile 'http://127.0.0.1:{port}/a.mp4'\nfile '/etc/passwd'\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
        '<Representation id="1" mimeType="video/mp4"><BaseURL>http://127.0.0.1:{port}/a.mp4</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>",
    ],
    ids=["hls", "concat", "sdp", "dash"],
)
def test_a_playlist_opens_nothing(tmp_path: Path, head: bytes, text: str) -> None:
    """Text that names other files is no film, whatever stands before it, and nobody goes there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        refused(tmp_path, head + text.format(port=server.getsockname()[1]).encode() * 3)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_reference_to_another_file_is_not_followed(tmp_path: Path) -> None:
    """A film without pictures of its own, which says where others are, shows none of them."""
    whole = film("mov")
    stored(tmp_path / "other.mov", whole)
    at = whole.index(b"dref") + 12
    size, kind = struct.unpack_from(">I4s", whole, at)
    assert kind in (b"url ", b"alis")
    path = str(tmp_path / "other.mov").encode()
    record = (
        struct.pack(">I4sI", 0, b"alis", 0) + bytes(150) + struct.pack(">hH", 2, len(path)) + path + b"\xff\xff\0\0"
    )
    record = struct.pack(">I", len(record)) + record[4:]
    data = bytearray(whole[:at] + record + whole[at + size :])
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        place = data.index(box) - 4
        struct.pack_into(">I", data, place, struct.unpack_from(">I", data, place)[0] + len(record) - size)
    film_itself = data.index(b"mdat") + 4
    data[film_itself : data.index(b"moov") - 4] = bytes(data.index(b"moov") - 4 - film_itself)
    assert isinstance(refused(tmp_path, bytes(data)), errors.BrokenVideo)


def test_a_costly_film_is_ended(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A film that takes too long ends its worker, not the server, and the next one gets another."""
    slow = stored(tmp_path / "slow", repeated(textured((3_000, 2_000)), 8))
    with pool(decode_seconds=0.03) as made, caplog.at_level(logging.WARNING):
        made.warm()
        first = workers()
        with pytest.raises(errors.TooCostly):
            made.process(job(slow))
        assert (left(tmp_path), workers()) == ([], set())
        assert "was killed" in caplog.text
    with pool() as made:
        assert made.process(job(stored(tmp_path / "a", film()))).duration == 4
        assert workers().isdisjoint(first)


def test_memory_is_limited(tmp_path: Path) -> None:
    """A film whose frames do not fit is refused, and nothing is left of it."""
    big = stored(tmp_path / "big", repeated(photo((5_000, 3_500)), 2))
    with pool(decode_memory_bytes=220_000_000) as made:
        with pytest.raises((errors.TooCostly, errors.BrokenVideo)):
            made.process(job(big))
        assert left(tmp_path) == []
        assert made.process(job(stored(tmp_path / "a", SMALL))).width == 700


def libraries(pid: int) -> bool:
    """Whether a process has loaded the decoders of films."""
    return "libavcodec" in Path(f"/proc/{pid}/maps").read_text()


def test_pictures_do_not_load_the_decoders_of_films(tmp_path: Path) -> None:
    """Only a worker that gets a film bears its libraries, and pictures go on in it as before."""
    with pool() as made:
        made.process(job(stored(tmp_path / "a", SMALL)))
        (pid,) = workers()
        assert not libraries(pid)
        facts = made.process(job(stored(tmp_path / "b", film())))
        assert libraries(pid)
        assert (facts.format, facts.duration) == ("MP4", 4)
        assert made.process(job(stored(tmp_path / "a", SMALL))).frame is None
        assert workers() == {pid}


@pytest.mark.parametrize("decode", ["worker", "inline"])
def test_without_the_extra_the_log_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, decode: str
) -> None:
    """The client reads what it reads of any format that is not accepted; pictures are taken as ever."""
    # A worker searches where its server does: what stands first there is found first.
    (tmp_path / "av.py").write_text("raise ModuleNotFoundError('No module', name='av')")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "av" or name == "chevupload.media.video"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("chevupload.media.video", raising=False)
    request = job(stored(tmp_path / "a", film_bytes()))
    with pool() as workers_of, caplog.at_level(logging.WARNING):
        renderer: Any = workers_of if decode == "worker" else InlineRenderer()
        with pytest.raises(errors.UnavailableFormat, match="Unavailable image format") as caught:
            renderer.process(request)
        assert type(caught.value) is errors.UnavailableFormat
        assert "pip install 'chevupload[video]'" in caplog.text
        assert left(tmp_path) == []
        assert renderer.process(job(stored(tmp_path / "b", SMALL))).width == 700


def test_an_extra_that_cannot_be_loaded_is_our_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The film is not blamed, and the client may come again."""
    (tmp_path / "av.py").write_text("raise ImportError('libavcodec.so: cannot open shared object file')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pool() as made, pytest.raises(errors.BackendError):
        made.process(job(stored(tmp_path / "a", film_bytes())))
    assert left(tmp_path) == []


def film_bytes() -> bytes:
    """Return a film's head: all that is looked at before a decoder is looked for."""
    return b"\0\0\0\x14ftypisom\0\0\2\0isom" + bytes(100)
