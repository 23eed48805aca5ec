"""The clients that upload here: each one's packages and versions, what it is given and how it sends that.

``docs/compatibility.md`` has a table of the same, which a test compares with this one.
"""

from __future__ import annotations

from dataclasses import dataclass

MULTIPART, URLENCODED = "multipart", "urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One package of a registry, in the one version that is tried.

    Attributes:
        why: what it is good for here.
        beside: what it needs and does not say.
        options: what its installation needs besides.
    """

    name: str
    version: str
    why: str
    beside: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    is_node: bool = False

    @property
    def requirement(self) -> str:
        """What its package manager is asked for."""
        return f"{self.name}{'@' if self.is_node else '=='}{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One way to upload with a package.

    Attributes:
        name: what the documentation calls it.
        pins: what is installed for it, the client itself first.
        command: what is run, in words; a test fills in what is in braces. It prints a JSON object with ``url`` and
            perhaps ``delete_url``, as the client has read them.
        sends: by what it is given, how it goes over the wire.
        tells: a piece of what it says when the key is wrong.
        takes_prefix: whether it can be told an address with a path; others know one host, or one path.
    """

    name: str
    pins: tuple[Pin, ...]
    command: str
    sends: dict[str, str]
    tells: str = "Invalid API key."
    takes_prefix: bool = False


def program(name: str) -> str:
    """Spell how a program of this folder is run."""
    runner = "node" if name.endswith(".js") else "{environment}/bin/python"
    return f"{runner} {{programs}}/{name} {{key}} {{given}} {{source}}"


def script(name: str) -> str:
    """Spell how a command that a Python package brings is run."""
    return f"{{environment}}/bin/python {{environment}}/bin/{name}"


IMGBBPY = Pin(name="imgbbpy", version="0.1.3", why="the best known for Python, by requests and by aiohttp")
IMGBB_SDK = Pin(name="imgbb-sdk", version="2.1.0", why="checks status, success and error")
IMGBB_CLI = Pin(name="imgbb-cli", version="1.0.2", why="a command, which prints the answer")
AIOIMGBB = Pin(name="aioimgbb", version="1.0.0", why="sends a file without an extension, and reads time and expiration")
IMGBB = Pin(name="imgbb", version="1.2", why="sends a file, base64 and URLs", beside=("requests==2.34.2",))
IBBUPLOADER = Pin(name="IbbUploader", version="0.0.1", why="hands on the whole answer")
SIMPLE_IMGBB = Pin(name="simple-imgbb", version="0.1.0", why="always asks for an expiration")
FREEIMAGEHOST = Pin(name="freeimagehost", version="1.2", why="Chevereto's route with the key in the form, by httpx")
CHUPO = Pin(
    name="chupo",
    version="0.1.3",
    why="all three formats of Chevereto's answer",
    # It declares Python 3.13, and is written for older ones, too.
    options=("--ignore-requires-python",),
)
IMGBB_UPLOADER = Pin(name="imgbb-uploader", version="1.5.1", why="the best known for Node, both routes", is_node=True)
PICGO = Pin(name="picgo", version="3.1.0", why="many editors upload with it", is_node=True)
WEB_UPLOADER = Pin(name="picgo-plugin-web-uploader", version="1.1.1", why="PicGo's way to any server", is_node=True)

CLIENTS = (
    Client(
        name="imgbbpy",
        pins=(IMGBBPY,),
        command=program("with_imgbbpy.py"),
        sends={"file": URLENCODED, "url": URLENCODED},
    ),
    Client(
        name="imgbbpy, asynchronous",
        pins=(IMGBBPY,),
        command=program("with_imgbbpy_async.py"),
        sends={"file": MULTIPART, "url": URLENCODED},
    ),
    Client(
        name="imgbb-sdk",
        pins=(IMGBB_SDK,),
        command=program("with_imgbb_sdk.py"),
        sends={"file": URLENCODED, "url": URLENCODED},
    ),
    Client(
        name="imgbb-cli",
        pins=(IMGBB_CLI,),
        command=script("imgbb") + " --key {key} --format json {source}",
        sends={"file": MULTIPART},
    ),
    Client(
        name="aioimgbb",
        pins=(AIOIMGBB,),
        command=program("with_aioimgbb.py"),
        sends={"file": MULTIPART},
        tells="KeyError: 'data'",
    ),
    Client(
        name="imgbb",
        pins=(IMGBB,),
        command=program("with_imgbb.py"),
        sends={"file": MULTIPART, "base64": URLENCODED, "url": URLENCODED},
    ),
    Client(
        name="IbbUploader",
        pins=(IBBUPLOADER,),
        command=program("with_ibbuploader.py"),
        sends={"file": MULTIPART, "url": URLENCODED},
    ),
    Client(
        name="simple-imgbb",
        pins=(SIMPLE_IMGBB,),
        command=program("with_simple_imgbb.py"),
        sends={"file": URLENCODED},
        tells="KeyError: 'data'",
    ),
    Client(
        name="freeimagehost",
        pins=(FREEIMAGEHOST,),
        command=program("with_freeimagehost.py"),
        sends={"file": MULTIPART, "base64": URLENCODED, "url": URLENCODED},
    ),
    Client(
        name="chupo",
        pins=(CHUPO,),
        command=script("chupo") + " --base-url {address} --key {key} --format json {source}",
        sends={"file": MULTIPART},
        tells="Unauthorized",
        takes_prefix=True,
    ),
    Client(
        name="imgbb-uploader",
        pins=(IMGBB_UPLOADER,),
        command=program("with_imgbb_uploader.js"),
        sends={"file": URLENCODED, "base64": URLENCODED, "url": URLENCODED},
    ),
    Client(
        name="imgbb-uploader, for Chevereto",
        pins=(IMGBB_UPLOADER,),
        command=program("with_imgbb_uploader.js") + " {address}",
        sends={"file": URLENCODED, "base64": URLENCODED, "url": URLENCODED},
    ),
    Client(
        name="PicGo with web-uploader",
        pins=(PICGO, WEB_UPLOADER),
        command=program("with_picgo.js") + " {address}",
        sends={"file": MULTIPART},
        takes_prefix=True,
    ),
)
