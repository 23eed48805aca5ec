"""The audit log is one line and the same facts beside it, whatever a client has sent."""

from __future__ import annotations

import logging

import pytest

from chevupload.audit import AuditLog


@pytest.fixture
def facts(caplog):
    """Return the one record that was written."""
    caplog.set_level(logging.INFO, logger="chevupload.audit")

    def written():
        (record,) = (record for record in caplog.records if record.name == "chevupload.audit")
        return record

    return written


def test_an_event_is_a_line_with_attributes(facts):
    """Who, what and from where; the record has the time."""
    AuditLog().record("key_made", user_id="7", key_id="abcdef", environ={"REMOTE_ADDR": "192.0.2.1"}, detail="laptop")
    record = facts()
    assert record.getMessage() == "key_made: user '7', key 'abcdef', from '192.0.2.1': 'laptop'"
    assert (record.event, record.user_id, record.key_id) == ("key_made", "7", "abcdef")
    assert (record.address, record.detail) == ("192.0.2.1", "laptop")


def test_no_client_writes_lines_or_fills_the_log(facts):
    """Line breaks are spelled, and what is long is cut."""
    AuditLog().record("key_refused", user_id="7" * 999, environ={"REMOTE_ADDR": "x\ny" * 99}, detail="ü\r\n" * 999)
    record = facts()
    assert len(record.getMessage().splitlines()) == 1
    assert record.getMessage().isascii()
    assert (len(record.user_id), len(record.address), len(record.detail)) == (64, 64, 255)
