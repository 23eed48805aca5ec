"""A gallery on Bottle, written by its page of the documentation."""

import bottle

from chevupload import Refusal
from chevupload.contrib.bottle import ChevUploadPlugin


def current_user(environ):
    return bottle.request.get_cookie("user", secret="change me to a long random text")


app = bottle.Bottle()
app.config.update("chevupload", folder="live", renderer="inline", upload_page_route="upload")
plugin = ChevUploadPlugin(current_user=current_user)
app.install(plugin)


@app.post("/login")
def login():
    bottle.response.set_cookie("user", bottle.request.forms.id, secret="change me to a long random text")


@app.post("/add")
def add(chevupload):
    user, file = current_user(bottle.request.environ), bottle.request.files.picture
    if user is None or not file:
        bottle.abort(400, "Sign in, and choose a picture")
    try:
        upload = chevupload.save(file.file, owner=user, filename=file.raw_filename)
    except Refusal as refusal:
        bottle.abort(refusal.status, refusal.message)
    bottle.redirect(chevupload.links.viewer(upload))
