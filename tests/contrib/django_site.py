"""A Django site for the tests: one per process, as Django has it, with every middleware that a project starts with."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

import django
from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.db import connection, models
from django.http import HttpResponse
from django.urls import path

FOLDER = Path(tempfile.mkdtemp(prefix="chevupload-django-"))
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]


@atexit.register
def _remove() -> None:
    shutil.rmtree(FOLDER)


settings.configure(
    SECRET_KEY="a secret of the site, which signs",
    ALLOWED_HOSTS=["127.0.0.1", "testserver", "other.example"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": FOLDER / "site.db",
            "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
        }
    },
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=MIDDLEWARE,
    ROOT_URLCONF="tests.contrib.django_site",
    LOGIN_URL="/sign-in",
    # A fast one: nobody has to be kept from guessing here.
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    # The test session's own logging is left as it is.
    LOGGING_CONFIG=None,
)
django.setup()


class UploadKey(models.Model):
    """A key as the documentation has it in a project's own models."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    digest = models.CharField(max_length=64, unique=True)

    class Meta:
        app_label = "auth"


call_command("migrate", verbosity=0)
with connection.schema_editor() as editor:
    editor.create_model(UploadKey)
connection.close()


def sign_in(request):
    """Sign in whoever is named: a test's own door."""
    login(request, get_user_model().objects.get(username=request.GET["name"]))
    return HttpResponse("welcome")


urlpatterns = [path("sign-in", sign_in)]


def reads_forms(get_response):
    """Middleware that reads what it is asked to, before the view does."""

    def middleware(request):
        if "X-Read-Form" in request.headers:
            assert request.POST is not None
        if "X-Read-Body" in request.headers:
            assert request.body
        if "X-Read-Some" in request.headers:
            request.read(100)
        return get_response(request)

    return middleware


def application():
    """Return the site as it is set up now."""
    return WSGIHandler()
