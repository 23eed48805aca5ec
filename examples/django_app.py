"""A Django project with uploads: users of django.contrib.auth, their pictures on their own page, and their keys.

A project in one file, from nothing::

    python3 -m venv .venv
    .venv/bin/pip install 'chevupload[django]'
    .venv/bin/python examples/django_app.py

Open http://127.0.0.1:8000/register, make a user, make a key at "API keys", and upload with it::

    curl -H "X-API-Key: $KEY" -F source=@photo.jpg http://127.0.0.1:8000/api/1/upload

Everything is in the folder ``django-app-data`` below the current one. A number behind the script is another port.
Tables are made on the first start; in a project of your own, ``manage.py migrate`` does that.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Any
from wsgiref.simple_server import make_server

import django
from django import forms
from django.conf import settings
from django.contrib.auth import authenticate, get_user_model, login, logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.shortcuts import redirect, render
from django.urls import include, path
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from chevupload import Refusal
from chevupload.contrib.django import ChevUpload

DATA = Path("django-app-data").absolute()
DATA.mkdir(mode=0o700, exist_ok=True)

LAYOUT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{% block title %}{% endblock %}</title>
<style>
body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem }
label, input { display: block; margin: .3rem 0 }
input, button { font: inherit }
ul.pictures { display: flex; flex-wrap: wrap; gap: 1rem; padding: 0; list-style: none }
figure { margin: 0; width: 10rem } img { width: 10rem; height: 10rem } figcaption { overflow-wrap: anywhere }
.errorlist { color: #a00 }
</style>
<main>{% block main %}{% endblock %}</main>
</html>"""

CREDENTIALS = """{% extends "layout.html" %}
{% block title %}{{ title }}{% endblock %}
{% block main %}
<h1>{{ title }}</h1>
<form method="post">{% csrf_token %}{{ form }}<button>{{ title }}</button></form>
<p><a href="{% url other.0 %}">{{ other.1 }}</a></p>
{% endblock %}"""

HOME = """{% extends "layout.html" %}
{% block title %}Pictures of {{ user }}{% endblock %}
{% block main %}
<h1>Pictures of {{ user }}</h1>
<form method="post" enctype="multipart/form-data">{% csrf_token %}{{ form }}<button>Upload</button></form>
{% if pictures %}<ul class="pictures">
{% for picture in pictures %}<li><figure>
<a href="{{ picture.page }}"><img src="{{ picture.thumbnail }}" alt=""><figcaption>{{ picture.title }}</figcaption></a>
</figure></li>
{% endfor %}</ul>{% else %}<p>No pictures yet.</p>{% endif %}
<p><a href="{% url "chevupload:keys" %}">API keys</a></p>
<form method="post" action="{% url "logout" %}">{% csrf_token %}<button>Sign out</button></form>
<details><summary>Delete my account…</summary>
<form method="post" action="{% url "delete-account" %}">{% csrf_token %}
<button>Delete it with all my pictures and keys</button></form></details>
{% endblock %}"""


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
                "context_processors": ["django.contrib.auth.context_processors.auth"],
                "loaders": [
                    (
                        "django.template.loaders.locmem.Loader",
                        {"layout.html": LAYOUT, "credentials.html": CREDENTIALS, "home.html": HOME},
                    )
                ],
            },
        }
    ],
    AUTH_PASSWORD_VALIDATORS=[{"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"}],
    LOGIN_URL="login",
    CHEVUPLOAD={"FOLDER": DATA / "uploads"},
)
django.setup()

User = get_user_model()
chevupload = ChevUpload()


class Credentials(forms.Form):  # type: ignore[misc]  # Django is untyped
    """A name and a password."""

    name = forms.CharField(max_length=150, widget=forms.TextInput({"autocomplete": "username"}))
    password = forms.CharField(widget=forms.PasswordInput({"autocomplete": "current-password"}))


class Registration(Credentials):
    """A new user's."""

    name = forms.CharField(
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        widget=forms.TextInput({"autocomplete": "username"}),
    )
    password = forms.CharField(
        validators=[validate_password],
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )

    def clean_name(self) -> Any:
        """Refuse a name that is taken."""
        name = self.cleaned_data["name"]
        if User.objects.filter(username=name).exists():
            raise ValidationError("This name already exists.")
        return name


class Picture(forms.Form):  # type: ignore[misc]  # Django is untyped
    """A file, which chevupload looks at itself, and its title."""

    picture = forms.FileField(widget=forms.FileInput({"accept": "image/*"}))
    title = forms.CharField(max_length=100, required=False)


def register(request: Any) -> Any:
    """Make a user, and sign them in."""
    form = Registration(request.POST or None)
    if form.is_valid():
        login(request, User.objects.create_user(form.cleaned_data["name"], password=form.cleaned_data["password"]))
        return redirect("home")
    other = ("login", "I have an account")
    return render(request, "credentials.html", {"title": "Register", "form": form, "other": other})


def sign_in(request: Any) -> Any:
    """Sign a user in, and go where they came from."""
    form = Credentials(request.POST or None)
    if form.is_valid():
        name, password = form.cleaned_data["name"], form.cleaned_data["password"]
        user = authenticate(request, username=name, password=password)
        if user is not None:
            login(request, user)
            page = request.GET.get("next", "")
            is_ours = url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure())
            return redirect(page if is_ours else "home")
        form.add_error(None, "Name and password do not fit together.")
    other = ("register", "I have no account yet")
    return render(request, "credentials.html", {"title": "Sign in", "form": form, "other": other})


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
    pictures = [
        {
            "title": upload.title or upload.original_filename,
            "page": uploads.links.viewer(upload),
            "thumbnail": uploads.links.file(upload.thumb_path or upload.path),
        }
        for upload in uploads.list(request.user.pk)
    ]
    return render(request, "home.html", {"form": form, "pictures": pictures})


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
    path("delete-account", require_POST(login_required(delete_account)), name="delete-account"),
]

application = get_wsgi_application()

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    with make_server("127.0.0.1", port, application) as server:
        print(f"Serving at http://127.0.0.1:{port}/register")
        server.serve_forever()
