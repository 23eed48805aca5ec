"""A Django project with uploads: users of django.contrib.auth, their pictures on their own page, and their keys.

In the checkout, this makes an environment and starts it, a project in one file and a style sheet, at http://127.0.0.1:8000::

    python3 -m venv .venv && .venv/bin/pip install --quiet -e '.[serve,django]'
    .venv/bin/python examples/django_app.py 8000

Register at http://127.0.0.1:8000/register, upload at "Upload many", or make a key at "API keys" and upload with it::

    curl -H "X-API-Key: $KEY" -F source=@photo.jpg http://127.0.0.1:8000/api/1/upload

Everything stays in the folder ``django-app-data`` below the current one. Tables are made on the first start; in a
project of your own, ``manage.py migrate`` does that.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import waitress
from django import forms
from django.conf import settings
from django.contrib.auth import authenticate, get_user_model, login, logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import include, path
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST
from django.views.static import serve

from chevupload import Page, Pages, Refusal
from chevupload.contrib.django import ChevUpload

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

DATA = Path("django-app-data").absolute()
DATA.mkdir(mode=0o700, exist_ok=True)

LAYOUT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{% block title %}{{ title }}{% endblock %}</title>
<link rel="stylesheet" href="{% url "static" "site.css" %}">
{% block head %}{% endblock %}
<nav class="site" aria-label="Site"><a href="{% url "home" %}">Pictures</a>
{% if user.is_authenticated %}
<a href="{% url "chevupload:upload_page" %}">Upload many</a> <a href="{% url "chevupload:keys" %}">API keys</a>
<form method="post" action="{% url "logout" %}">{% csrf_token %}<button>Sign out</button></form>
{% endif %}</nav>
<main>{% block main %}{% endblock %}</main></html>"""

UPLOADS = """{% extends "layout.html" %}
{% block title %}{{ page.title }}{% endblock %}
{% block head %}{{ page.head }}{% endblock %}
{% block main %}{{ page.body }}{% endblock %}"""

FORM = """{% csrf_token %}{% if form.non_field_errors %}<p role="alert">{{ form.non_field_errors.0 }}</p>{% endif %}
{% for field in form %}<label for="{{ field.id_for_label }}">{{ field.label }}</label>{{ field }}
{% if field.errors %}<p role="alert" id="{{ field.id_for_label }}_error">{{ field.errors.0 }}</p>{% endif %}
{% endfor %}<button>{{ button }}</button>"""

CREDENTIALS = """{% extends "layout.html" %}
{% block main %}<h1>{{ title }}</h1>
<form method="post">{% include "form.html" with button=title %}</form>
{% if title == "Register" %}<p>Already registered? <a href="{% url "login" %}?{{ query }}">Sign in</a></p>
{% else %}<p>No account yet? <a href="{% url "register" %}?{{ query }}">Register</a></p>{% endif %}
{% endblock %}"""

HOME = """{% extends "layout.html" %}
{% block main %}<h1>{{ title }}</h1>
<form method="post" enctype="multipart/form-data">{% include "form.html" with button="Upload" %}</form>
<ul>{% for picture in pictures %}<li><a href="{{ picture.page }}">
<img src="{{ picture.thumbnail }}" alt="">{{ picture.title }}</a>
<details><summary>Change…</summary><form method="post" action="{% url "change" %}">{% csrf_token %}
<input type="hidden" name="id" value="{{ picture.id }}">
<label>Title <input name="title" value="{{ picture.own_title }}" maxlength="100"></label>
<button name="action" value="save">Save</button>
<button name="action" value="delete">Delete</button></form></details></li>
{% empty %}<li>No pictures yet.</li>{% endfor %}</ul>
{% if older %}<p><a href="{% url "home" %}?before={{ older }}">Older pictures</a></p>{% endif %}
<details><summary>Delete my account…</summary>
<form method="post" action="{% url "delete-account" %}">{% csrf_token %}<p>Nothing of it can be brought back.</p>
<button>Delete my account, with all pictures and keys</button></form></details>
{% endblock %}"""
TEMPLATES = {
    "layout.html": LAYOUT,
    "uploads.html": UPLOADS,
    "form.html": FORM,
    "credentials.html": CREDENTIALS,
    "home.html": HOME,
}
PAGE_SIZE = 24


def secret_key() -> str:
    """Return the secret of this site, made on its first start."""
    path = DATA / "secret"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(40))
    return path.read_text()


settings.configure(
    SECRET_KEY=secret_key(),
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA / "site.db"}},
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": [("django.template.loaders.locmem.Loader", TEMPLATES)],
                "context_processors": ["django.contrib.auth.context_processors.auth"],
            },
        }
    ],
    AUTH_PASSWORD_VALIDATORS=[
        {
            "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
            "OPTIONS": {"min_length": 10},
        }
    ],
    LOGIN_URL="login",
    CHEVUPLOAD={"FOLDER": DATA / "uploads", "UPLOAD_PAGE_ROUTE": "upload"},
)
django.setup()

User = get_user_model()


class SitePages(Pages):
    """The pages of chevupload, in this site's own layout."""

    def layout(self, page: Page, environ: WSGIEnvironment) -> str:
        """Set a page into it."""
        return str(render_to_string("uploads.html", {"page": page}, environ["chevupload.request"]))


chevupload = ChevUpload(pages=SitePages())


class Credentials(forms.Form):  # type: ignore[misc]  # Django is untyped
    """A name and a password."""

    name = forms.CharField(max_length=40, widget=forms.TextInput({"autocomplete": "username"}))
    password = forms.CharField(widget=forms.PasswordInput({"autocomplete": "current-password"}))


class Registration(forms.Form):  # type: ignore[misc]  # Django is untyped
    """A new user's."""

    name = forms.CharField(
        max_length=40,
        validators=[UnicodeUsernameValidator()],
        widget=forms.TextInput({"autocomplete": "username"}),
    )
    password = forms.CharField(
        label="Password, ten characters or more",
        validators=[validate_password],
        widget=forms.PasswordInput({"autocomplete": "new-password", "minlength": 10}),
    )

    def clean_name(self) -> Any:
        """Refuse a name that is taken."""
        name = self.cleaned_data["name"]
        if User.objects.filter(username=name).exists():
            raise ValidationError("This name is taken.")
        return name


class Picture(forms.Form):  # type: ignore[misc]  # Django is untyped
    """A file, which chevupload looks at itself, and its title."""

    title = forms.CharField(max_length=100, required=False)
    picture = forms.FileField(
        widget=forms.FileInput({"accept": "image/*"}), error_messages={"required": "Choose a picture first."}
    )


def register(request: Any) -> Any:
    """Make a user, and sign them in."""
    form = Registration(request.POST or None)
    if form.is_valid():
        user = User.objects.create_user(form.cleaned_data["name"], password=form.cleaned_data["password"])
        return enter(request, user)
    return ask(request, "Register", form)


def sign_in(request: Any) -> Any:
    """Sign a user in."""
    form = Credentials(request.POST or None)
    if form.is_valid():
        name, password = form.cleaned_data["name"], form.cleaned_data["password"]
        user = authenticate(request, username=name, password=password)
        if user is not None:
            return enter(request, user)
        form.add_error(None, "Name or password is wrong.")
    return ask(request, "Sign in", form)


def enter(request: Any, user: Any) -> Any:
    """Go on as this user, to the page that was asked for."""
    login(request, user)
    wanted = request.GET.get("next", "")
    return redirect(wanted if url_has_allowed_host_and_scheme(wanted, None) else "home")


def ask(request: Any, title: str, form: forms.Form) -> Any:
    """Ask for a name and a password."""
    values = {"title": title, "form": form, "query": request.GET.urlencode()}
    return render(request, "credentials.html", values, status=400 if form.errors else 200)


def sign_out(request: Any) -> Any:
    """Sign the user out."""
    logout(request)
    return redirect("login")


def home(request: Any) -> Any:
    """List the user's pictures, and take another one in."""
    uploads = chevupload.uploads(request)
    form = Picture(request.POST or None, request.FILES or None)
    if form.is_valid():
        try:
            uploads.save(form.cleaned_data["picture"], owner=request.user.pk, title=form.cleaned_data["title"])
            return redirect("home")
        except Refusal as refusal:
            form.add_error("picture", refusal.message)
    # One more than is shown tells whether there are older ones.
    try:
        found = uploads.list(request.user.pk, limit=PAGE_SIZE + 1, before=request.GET.get("before"))
    except Refusal as refusal:
        return HttpResponse(refusal.message, status=refusal.status, content_type="text/plain")
    pictures = [
        {
            "id": upload.id,
            "title": upload.title or upload.name,
            "own_title": upload.title or "",
            "page": uploads.links.viewer(upload),
            "thumbnail": uploads.links.thumb(upload),
        }
        for upload in found[:PAGE_SIZE]
    ]
    values = {"title": f"Pictures of {request.user}", "form": form, "pictures": pictures}
    if found[PAGE_SIZE:]:
        values["older"] = str(found[PAGE_SIZE - 1].cursor)
    return render(request, "home.html", values, status=400 if form.errors else 200)


def change(request: Any) -> Any:
    """Give one of the user's pictures another title, or delete it."""
    uploads = chevupload.uploads(request)
    upload = uploads.get(request.POST["id"])
    if upload is None or upload.owner_id != str(request.user.pk):
        raise Http404
    if request.POST["action"] == "delete":
        uploads.delete(upload)
    else:
        uploads.update(upload, title=request.POST["title"])
    return redirect("home")


def delete_account(request: Any) -> Any:
    """End the user, with keys and pictures."""
    chevupload.uploads(request).forget(request.user.pk)
    request.user.delete()
    logout(request)
    return redirect("login")


urlpatterns = [
    path("", include(chevupload.urls)),
    path("", login_required(home), name="home"),
    path("register", register, name="register"),
    path("login", sign_in, name="login"),
    path("logout", require_POST(sign_out), name="logout"),
    path("change", require_POST(login_required(change)), name="change"),
    path("delete-account", require_POST(login_required(delete_account)), name="delete-account"),
    # The web server's work, where there is one.
    path("static/<path:path>", serve, {"document_root": Path(__file__).with_name("static")}, name="static"),
]

application = get_wsgi_application()

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    print(f"Serving http://127.0.0.1:{port} - begin at http://127.0.0.1:{port}/register", flush=True)
    waitress.serve(application, host="127.0.0.1", port=port)
