"""The application's own pages."""

from __future__ import annotations

import re
from typing import Any

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED, forget, remember
from sqlalchemy import select
from werkzeug.security import generate_password_hash

from chevupload import Refusal

from .models import User
from .pages import home_page, sign_in_page
from .security import find_user

_OWN_PATH = re.compile(r"(/[\w-]+)+", re.ASCII)


def includeme(config: Any) -> None:
    """Add every page."""
    for path, view in {"/register": register, "/login": login}.items():
        config.add_route(view.__name__, path)
        config.add_view(view, route_name=view.__name__, permission=NO_PERMISSION_REQUIRED)
    for path, view in {"/": home, "/logout": logout, "/delete-account": delete_account}.items():
        config.add_route(view.__name__, path, request_method=("GET", "POST") if view is home else "POST")
        config.add_view(view, route_name=view.__name__)
    config.add_forbidden_view(sign_in_first)


def sign_in_first(request: Any) -> Response:
    """Send whoever is not signed in to where that is done."""
    return HTTPSeeOther(request.route_path("login"))


def register(request: Any) -> Response:
    """Take a new user in."""
    alert = ""
    if request.method == "POST":
        name, password = request.POST.get("name", "").strip(), request.POST.get("password", "")
        if not name or len(name) > 40 or len(password) < 10:
            alert = "A name has 1 to 40 characters, a password 10 or more."
        elif request.dbsession.scalar(select(User).where(User.name == name)):
            alert = "Somebody has this name already."
        else:
            user = User(name=name, password=generate_password_hash(password))
            request.dbsession.add(user)
            request.dbsession.flush()
            return HTTPSeeOther(request.route_path("home"), headers=remember(request, user))
    return sign_in_page(request, "Register", alert, autocomplete="new-password")


def login(request: Any) -> Response:
    """Sign a user in, and go on to where they were sent from."""
    alert = ""
    if request.method == "POST":
        user = find_user(request, request.POST.get("name", "").strip(), request.POST.get("password", ""))
        if user:
            wanted = request.GET.get("next", "")
            # A path of this site only: anybody may have written the link.
            place = wanted if _OWN_PATH.fullmatch(wanted) else request.route_path("home")
            return HTTPSeeOther(place, headers=remember(request, user))
        alert = "Name and password do not match."
    return sign_in_page(request, "Sign in", alert, autocomplete="current-password")


def logout(request: Any) -> Response:
    """Sign a user out."""
    return HTTPSeeOther(request.route_path("login"), headers=forget(request))


def home(request: Any) -> Response:
    """Show the user's pictures, and take another one."""
    alert = ""
    if request.method == "POST":
        file = request.POST.get("picture")
        if getattr(file, "filename", None):
            try:
                title = request.POST.get("title")
                request.chevupload.save(file.file, owner=request.identity.id, filename=file.filename, title=title)
                return HTTPSeeOther(request.route_path("home"))
            except Refusal as refusal:
                alert = refusal.message
        else:
            alert = "Choose a picture first."
    return home_page(request, request.chevupload.list(request.identity.id), alert)


def delete_account(request: Any) -> Response:
    """End a user, with every picture and key."""
    request.chevupload.forget(request.identity.id)
    request.dbsession.delete(request.identity)
    return logout(request)
