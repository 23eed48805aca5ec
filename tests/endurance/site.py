"""The application that several gunicorn workers serve: records in PostgreSQL, files in S3.

Where they are, the environment says. It is loaded by each server, and by the program that looks at the outcome.
"""

from __future__ import annotations

import os

from sqlalchemy import create_engine

from chevupload.app import ChevUpload
from chevupload.config import Config, Limits, Policy
from chevupload.db import Database, SqlCatalog
from chevupload.model import Principal
from chevupload.storage.fsspec_storage import FsspecStorage
from chevupload.testing.memory import StaticKeys

API_KEY = "key-of-the-endurance-test"


def make_component() -> ChevUpload:
    """Return a component on what the environment names."""
    options = {
        "key": "testing",
        "secret": "testing",
        "client_kwargs": {"endpoint_url": os.environ["ENDURANCE_S3"], "region_name": "us-east-1"},
        # A storage that has stopped is away, and not waited for as long as a client waits.
        "config_kwargs": {"connect_timeout": 10, "read_timeout": 10, "retries": {"max_attempts": 1}},
    }
    return ChevUpload(
        keys=StaticKeys({API_KEY: Principal(user_id="user")}),
        catalog=SqlCatalog(Database(create_engine(os.environ["ENDURANCE_DATABASE"], pool_pre_ping=True))),
        storage=FsspecStorage("s3://endurance/files", options=options),
        secret_keys=["a secret of sixteen characters or more"],
        config=Config(
            limits=Limits(decode_workers=1), policy=Policy(usage="all"), spool_folder=os.environ["ENDURANCE_SPOOLS"]
        ),
    )


def make_application() -> ChevUpload:
    """Return the application: gunicorn calls this once, before it forks its workers."""
    return make_component()
