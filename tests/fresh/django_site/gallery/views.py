from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect

from chevupload import Refusal
from gallery.uploads import chevupload


@login_required
def add_picture(request):
    uploads = chevupload.uploads(request)
    try:
        upload = uploads.save(request.FILES["picture"], owner=request.user.pk)
    except Refusal as refusal:
        return HttpResponse(refusal.message, status=refusal.status, content_type="text/plain")
    return redirect(uploads.links.viewer(upload))
