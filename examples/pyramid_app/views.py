"""The application's own pages."""

from __future__ import annotations

import re
from typing import Any

from pyramid.httpexceptions import HTTPNotFound, HTTPSeeOther
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED, forget, remember
from sqlalchemy import select
from werkzeug.security import generate_password_hash

from chevupload import Refusal

from .models import User
from .pages import PAGE_SIZE, home_page, register_page, sign_in_page
from .security import find_user

# One slash, for two are another site's address; so is a backslash, to browsers.
_OWN_PATH = re.compile(r"/(?!/)[!-\[\]-~]*")


def includeme(config: Any) -> None:
    """Add every page."""
    for path, view in {"/register": register, "/login": login}.items():
        config.add_route(view.__name__, path)
        config.add_view(view, route_name=view.__name__, permission=NO_PERMISSION_REQUIRED)
    own = {"/": home, "/change": change, "/logout": logout, "/delete-account": delete_account}
    for path, view in own.items():
        config.add_route(view.__name__, path, request_method=("GET", "POST") if view is home else "POST")
        config.add_view(view, route_name=view.__name__)
    config.add_forbidden_view(sign_in_first)
    config.add_exception_view(refused, context=Refusal)


def sign_in_first(request: Any) -> Response:
    """Send whoever is not signed in to where that is done."""
    wanted = {"next": request.path_qs} if request.method == "GET" else {}
    return HTTPSeeOther(request.route_path("login", _query=wanted))


def register(request: Any) -> Response:
    """Take a new user in."""
    alert = ""
    if request.method == "POST":
        name, password = request.POST.get("name", "").strip(), request.POST.get("password", "")
        if not 0 < len(name) <= 40:
            alert = "A name has 1 to 40 characters."
        elif len(password) < 10:
            alert = "A password has ten characters or more."
        elif request.dbsession.scalar(select(User).where(User.name == name)):
            alert = "This name is taken."
        else:
            user = User(name=name, password=generate_password_hash(password))
            request.dbsession.add(user)
            request.dbsession.flush()
            return _enter(request, user)
    return register_page(request, alert)


def login(request: Any) -> Response:
    """Sign a user in."""
    alert = ""
    if request.method == "POST":
        user = find_user(request, request.POST.get("name", "").strip(), request.POST.get("password", ""))
        if user:
            return _enter(request, user)
        alert = "Name or password is wrong."
    return sign_in_page(request, alert)


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
    # One more than is shown tells whether there are older ones.
    found = request.chevupload.list(request.identity.id, limit=PAGE_SIZE + 1, before=request.GET.get("before"))
    return home_page(request, found, alert)


def change(request: Any) -> Response:
    """Give one of the user's pictures another title, or delete it."""
    upload = request.chevupload.get(request.POST.get("id", ""))
    if upload is None or upload.owner_id != str(request.identity.id):
        return HTTPNotFound()
    if request.POST.get("action") == "delete":
        request.chevupload.delete(upload)
    else:
        request.chevupload.update(upload, title=request.POST.get("title"))
    return HTTPSeeOther(request.route_path("home"))


def refused(refusal: Refusal, request: Any) -> Response:
    """Say what is wrong with an address that somebody made up."""
    return Response(refusal.message, status=refusal.status, content_type="text/plain")


def delete_account(request: Any) -> Response:
    """End a user, with every picture and key."""
    request.chevupload.forget(request.identity.id)
    request.dbsession.delete(request.identity)
    return logout(request)


def _enter(request: Any, user: User) -> Response:
    """Go on as this user, to the page that was asked for."""
    wanted = request.GET.get("next", "")
    place = wanted if _OWN_PATH.fullmatch(wanted) else request.route_path("home")
    return HTTPSeeOther(place, headers=remember(request, user))
