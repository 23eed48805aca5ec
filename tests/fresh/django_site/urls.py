from django.urls import include, path
from gallery.uploads import chevupload
from gallery.views import add_picture

urlpatterns = [path("up/", include(chevupload.urls)), path("add", add_picture)]
