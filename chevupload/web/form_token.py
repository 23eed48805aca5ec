"""A form of ours is taken only with the token that its page was given."""

from __future__ import annotations

from collections.abc import Mapping

from chevupload.errors import RequestDenied
from chevupload.signing import FormTokens


class OldForm(RequestDenied):
    """The form's token is too old, or another user's, or of no page of ours."""

    text = "This form is too old, or was not sent from here. Go back, reload and try again"


def check_token(tokens: FormTokens, user_id: str | None, fields: Mapping[str, str]) -> None:
    """Check the token in the ``fields`` of a form that ``user_id`` sends.

    Raises:
        OldForm: it was not signed for this user in the last hours.
    """
    if not tokens.verify(user_id, fields.get("token", "")):
        raise OldForm
