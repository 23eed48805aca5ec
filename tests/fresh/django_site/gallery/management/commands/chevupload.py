from chevupload.contrib.django import UploadsCommand
from gallery.uploads import chevupload


class Command(UploadsCommand):
    uploads = chevupload
