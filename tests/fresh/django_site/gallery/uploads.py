"""A gallery on Django, written by its page of the documentation."""

from dataclasses import replace

from chevupload.contrib.django import ChevUpload, principal_of


def with_limit(user):
    principal = principal_of(user)
    return replace(principal, max_bytes=1_000) if principal and not user.is_staff else principal


chevupload = ChevUpload(principal=with_limit)
