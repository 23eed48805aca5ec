"""The audit log is one line and the same facts beside it, whatever a client has sent."""

from __future__ import annotations

import logging

import pytest

from chevupload.audit import AuditLog
from chevupload.keys import new_key


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


def test_a_refused_key_is_told_by_its_id_and_its_senders_address(make, facts):
    """As the trusted proxies tell it; nothing else of the key is in the log."""
    made = new_key()
    headers = {"X-Forwarded-For": "203.0.113.9, 192.0.2.7"}
    assert make(trusted_proxies=1).send({}, key=made.key, headers=headers).status_code == 401
    record = facts()
    assert (record.event, record.key_id, record.address, record.user_id) == ("key_refused", made.id, "192.0.2.7", None)
    assert made.key.split("_")[2] not in str(vars(record))


def test_a_refused_text_that_is_no_key_is_not_told(make, facts):
    """It may be somebody's password."""
    assert make().send({}, key="correct horse battery staple").status_code == 401
    assert (facts().event, facts().key_id) == ("key_refused", None)
    assert "horse" not in str(vars(facts()))
